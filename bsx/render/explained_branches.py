"""The paragraphs of ``explain`` of a branched sweep: trunk and branches, critical size, warm-up."""

from __future__ import annotations

from collections.abc import Sequence

from bsx.render import branched, numbers, phrases
from bsx.schema import Branched, BranchPoint, Sweep


def of_the_branches(sweep: Sweep, found: Branched) -> list[str | None]:
    """Say what was trained."""
    points, base = found.points, numbers.count(found.base_batch_size)
    if not points:
        return []
    rows = points[0].branches
    ends = [f"{numbers.count(b.steps)} iterations at batch size {numbers.count(b.batch_size)}"
            for b in (rows[0], rows[-1])] if len(rows) > 1 else []  # fmt: skip
    text = (
        f"One run, the trunk, was trained at batch size {base} for "
        f"{numbers.count(points[-1].step)} iterations. After {_epochs(points)} everything "
        "that it had come to, weights and the optimizer's state, was copied, and every batch size "
        f"went on from the copy for {numbers.count(found.samples)} further samples. These are the "
        "branches"
    )
    text += f": {phrases.listed(ends)}. " if ends else ". "
    rule = _RULES.get(found.learning_rate_rule)
    comes = (
        "the batch size"
        if rule is None
        else (f"the batch size, with its learning rate by the {rule} rule")
    )
    return [
        f"{text}All branches from one point begin alike and see the same samples, so that what "
        f"differs at their ends comes from {comes}."
    ]


_RULES = {"sqrt": "square-root", "linear": "linear", "saturating": "saturating"}


def of_the_critical_size(found: Branched) -> list[str | None]:
    """Say what the critical batch size along the training is, and what came of it."""
    base = numbers.count(found.base_batch_size)
    more = numbers.percent(found.overhead, 0)
    told = [
        f"{numbers.estimate(p.critical_batch_size, numbers.whole)} after {_epochs([p])}"
        for p in found.points
        if p.critical_batch_size is not None
    ]
    what = (
        "A larger batch averages over more samples and takes fewer iterations. It is as good as "
        "long as it learns as much from the same samples. The critical batch size is where that "
        f"ends: its branch needs {more} more samples to the same validation loss than that of "
        f"batch size {base}, or ends above it by --tolerance, whichever is more."
    )
    if not told:
        return [f"{what} At none of the points is it known."]
    return [
        f"{what} Here it is {phrases.listed(told)}.",
        "It belongs to a moment of the training and mostly grows with it: at first all samples "
        "pull the same way, so that few are enough, and what is left to learn later differs from "
        "sample to sample. It says nothing of how long a whole run takes at a larger size; for "
        "that every size is trained to a target (bsx sweep without --method branched).",
        _shown(found),
    ]


def _shown(found: Branched) -> str:
    """Say what the marks mean, with the last point as the example."""
    point = found.points[-1]
    sizes = {
        verdict: [b.batch_size for b in point.branches if b.verdict == verdict]
        for verdict in ("as_good", "worse", "undecided")
    }
    told = [
        f"{words} at {phrases.batch_sizes(sizes[verdict])}"
        for verdict, words in (
            ("as_good", "as good (✓)"),
            ("worse", "worse (✗)"),
            ("undecided", "neither (?)"),
        )
        if sizes[verdict]
    ]
    text = (
        "Size by size, the difference is paired over the seeds, and a size is called as good, or "
        "worse, only where its interval shows it"
    )
    if not told:
        return f"{text}."
    return f"{text}. After {_epochs([point])}: {phrases.listed(told)}."


def of_the_warmup(found: Branched) -> list[str | None]:
    """Say what a batch warm-up is and what it would be here."""
    text = (
        "As small batches are needed early and larger ones do late, one can begin with a small "
        "batch and let it grow: the same samples in fewer iterations, which is faster where a "
        "larger batch hardly takes longer. "
    )
    stages = found.warmup.stages if found.warmup else ()
    if len(stages) > 1:
        told = [
            f"batch size {numbers.count(s.batch_size)} at learning rate "
            f"{numbers.learning_rate(s.learning_rate)} from "
            f"{'the start' if not s.samples else f'sample {numbers.count(s.samples)} on'}"
            for s in stages
        ]
        text += f"Here that would be {phrases.listed(told)}. "
    return [text + branched.warmup_sentence(found)]


def of_intervals(sweep: Sweep, found: Branched) -> str | None:
    """Say what the intervals are."""
    seeds = max((b.seeds for p in found.points for b in p.branches), default=0)
    if not seeds:
        return None
    luck = (
        "Each run begins with weights drawn by chance and sees the samples in an order drawn by "
        "chance; the seed is what fixes both."
    )
    if seeds == 1:
        return f"{luck} Here there is one seed, so that nobody can say how much is luck."
    return (
        f"{luck} Everything was done with {seeds} seeds, and the interval says how sure their mean "
        "is: repeat it all with new seeds, and about 95 of 100 such intervals hold the true value. "
        "Where no upper end is shown, ≥ stands before the lower one."
    )


def _epochs(points: Sequence[BranchPoint]) -> str:
    told = [numbers.significant(point.epoch) for point in points]
    return f"{phrases.listed(told)} {'epoch' if told == ['1'] else 'epochs'}"
