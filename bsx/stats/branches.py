"""Branches of one point: which batch sizes are as good as the base size there, by a test.

A size is *as good* where it needs no more than 20 % more samples to the same loss. That takes no
fit: its loss at the end of the branch is compared with that of the base size when it had seen
1/1.2 of the samples. It is the local form of the critical batch size with 20 % overhead (Zhang et
al. 2024); what the base size gains by further samples stands in place of the ε of Merrill et al.
2025. Where the loss hardly falls any more, that gain is lost in the noise, and as good is what ends
within the tolerance by which all quality is judged. Either way the *excess* over that margin is
paired over seeds: with its interval below 0 a size is shown to be as good, above 0 to be worse.

Sizes are tested in order, from small to large until one is not shown to be as good, and from large
to small until one is not shown to be worse. A size that is wrongly called must be the first wrong
one on its way, so that no correction for the number of sizes is needed: each way errs with at most
2.5 %, however many sizes there are (fixed-sequence testing: Maurer, Hothorn and Lehmacher 1995).

References:
    Merrill et al. 2025, Critical batch size revisited (arXiv 2505.23971).
    Zhang et al. 2024, How does critical batch size scale in pre-training? (arXiv 2410.21676).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np

from bsx.schema import Branch, Estimate, Metric, RunRecord, RunStatus
from bsx.stats.curves import LOSS, validation
from bsx.stats.intervals import LEVEL, NEVER_NEGATIVE, mean_estimate
from bsx.stats.paired import paired_difference

OVERHEAD = 0.2  # as in the critical batch size with 20 % overhead
TAIL = 0.75  # from this part of the branch on, its loss is averaged

METHOD = "paired t tests in order of size"

_Loss = tuple[Sequence[float], Sequence[float]]  # samples in the branch, and the loss there


@dataclass(frozen=True)
class PointBranches:
    """The branches of one point: batch size → seed → record. The first size is the base."""

    samples: int
    records: Mapping[int, Mapping[int, RunRecord]]

    @property
    def sizes(self) -> list[int]:
        """The sizes with a record, from small to large."""
        return [size for size in sorted(self.records) if self.records[size]]

    def losses(self, size: int) -> dict[int, _Loss]:
        """Return seed → validation loss along the branch, of those that were completed."""
        return {
            seed: _loss(record, size)
            for seed, record in self.records.get(size, {}).items()
            if record.status is RunStatus.COMPLETED
        }


@dataclass(frozen=True)
class Margin:
    """How much higher a loss may be: ``value``, from samples or from the tolerance."""

    value: float
    source: str


def margin_of(point: PointBranches, base: int, metric: Metric, tolerance: float) -> Margin | None:
    """Return the margin at a point, of which the base size decides; None where that has no loss."""
    losses = point.losses(base).values()
    if not losses:
        return None
    ends = [_at(loss, loss, point.samples, 1.0) for loss in losses]
    before = [_at(loss, loss, point.samples, 1 + OVERHEAD) for loss in losses]
    gain = float(np.mean(before) - np.mean(ends))
    allowed = metric.margin(tolerance, float(np.mean(ends)))
    return Margin(gain, "samples") if gain > allowed else Margin(allowed, "tolerance")


def branch_of(point: PointBranches, size: int, base: int, margin: Margin | None) -> Branch:
    """Return what one size shows at a point; its verdict is given where all sizes are known."""
    records = list(point.records.get(size, {}).values())
    ends, starts = point.losses(size), point.losses(base)
    shared = sorted(ends.keys() & starts.keys())
    own = {seed: _tail(ends[seed], point.samples) for seed in ends}
    same = {seed: _at(starts[seed], ends[seed], point.samples, 1.0) for seed in shared}
    limit = {}
    if margin is not None and margin.source == "samples":
        fewer = 1 + OVERHEAD
        limit = {seed: _at(starts[seed], ends[seed], point.samples, fewer) for seed in shared}
    elif margin is not None:
        limit = {seed: same[seed] + margin.value for seed in shared}
    return Branch(
        batch_size=size,
        learning_rate=records[0].run.learning_rate if records else None,
        steps=point.samples // size,
        seeds=len(records),
        diverged=sum(record.status is RunStatus.DIVERGED for record in records),
        loss=mean_estimate(list(own.values()), bounds=NEVER_NEGATIVE),
        difference=None if size == base else paired_difference(own, same),
        excess=paired_difference(own, limit),
        verdict=_status(records, size == base),
    )


def judged(branches: Sequence[Branch]) -> tuple[str, ...]:
    """Return the verdict of each size of a point, from small to large; see the module."""
    verdicts = [b.verdict for b in branches]
    for place, branch in enumerate(branches[1:], start=1):
        if branch.verdict != "undecided" or not _below(branch.excess):
            break
        verdicts[place] = "as_good"
    for place in range(len(branches) - 1, 0, -1):
        branch = branches[place]
        if branch.verdict == "undecided" and _above(branch.excess):
            verdicts[place] = "worse"
        elif branch.verdict == "undecided":
            break
    return tuple(verdicts)


def critical_batch_size(branches: Sequence[Branch], seeds: int) -> Estimate | None:
    """Estimate the size whose excess over the margin is 0, from judged branches.

    ``low`` is the largest size shown to be as good, with all below it; ``high`` the smallest shown
    to be worse, with all above it. Between the sizes where the mean excess goes from below 0 to
    above, the value is read on the line over log B; there is none where the means do not tell. It
    is censored where the largest size is shown to be as good. None without evidence.
    """
    if not branches or branches[0].excess is None or branches[0].diverged:
        return None
    sizes = [b.batch_size for b in branches]
    good = [b.batch_size for b in branches if b.verdict == "as_good"]
    bad = [
        b.batch_size
        for b in takewhile(lambda b: b.verdict in ("worse", "diverged"), reversed(branches))
    ]
    alone = seeds < 2
    low = None if alone else float(max([sizes[0], *good]))
    high = None if alone or not bad else float(min(bad))
    if good and good[-1] == sizes[-1]:
        return Estimate(None, low, None, LEVEL, seeds, METHOD, float(sizes[-1]))
    value = _crossing(branches)
    if value is not None:
        value = max(value, low or value)
        value = min(value, high or value)
    return Estimate(value, low, high, LEVEL, seeds, METHOD)


def _crossing(branches: Sequence[Branch]) -> float | None:
    """Return where the mean excess first comes above 0; None where it does not."""
    for one, other in pairwise(branches):
        if other.verdict in ("out_of_memory", "failed", "not_run"):
            return None
        before, after = _mean(one), _mean(other)
        if after < 0:
            continue
        share = 0.0 if math.isinf(after) else before / (before - after)
        return float(one.batch_size * (other.batch_size / one.batch_size) ** share)
    return None


def _mean(branch: Branch) -> float:
    if branch.diverged or branch.excess is None or branch.excess.value is None:
        return math.inf
    return branch.excess.value


def _status(records: Sequence[RunRecord], is_base: bool) -> str:
    statuses = {record.status for record in records}
    if not records:
        return "not_run"
    if RunStatus.DIVERGED in statuses:
        return "diverged"
    if RunStatus.OUT_OF_MEMORY in statuses:
        return "out_of_memory"
    if RunStatus.COMPLETED not in statuses:
        return "failed"
    return "base" if is_base else "undecided"


def _below(excess: Estimate | None) -> bool:
    return excess is not None and excess.high is not None and excess.high < 0


def _above(excess: Estimate | None) -> bool:
    return excess is not None and excess.low is not None and excess.low > 0


def _loss(record: RunRecord, size: int) -> _Loss:
    steps, values = validation(record.curve, LOSS)  # type: ignore[arg-type]
    return [step * size for step in steps], values


def _tail(loss: _Loss, samples: int) -> float:
    """Return the mean over the evaluations at the end of a branch."""
    return float(np.mean([value for at, value in zip(*loss, strict=True) if at >= TAIL * samples]))


def _at(base: _Loss, of: _Loss, samples: int, fewer: float) -> float:
    """Return the base size's mean loss where ``of`` is averaged, or so many times before that."""
    places = [at / fewer for at in of[0] if at >= TAIL * samples]
    return float(np.mean(np.interp(places, *base)))


def rises(point: PointBranches, base: int) -> bool:
    """Say whether the base size's loss is shown to lie higher at the end than at the point."""
    starts = {seed: float(values[0]) for seed, (_, values) in point.losses(base).items()}
    ends = {seed: _tail(loss, point.samples) for seed, loss in point.losses(base).items()}
    return _above(paired_difference(ends, starts))


def losses_at_point(point: PointBranches, base: int) -> list[float]:
    """Return each seed's validation loss at the point itself."""
    return [float(values[0]) for _, values in point.losses(base).values()]
