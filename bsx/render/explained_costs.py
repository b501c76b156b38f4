"""The paragraphs of ``explain`` that weigh: the recommended size, the critical one, the speed."""

from __future__ import annotations

from bsx.render import advice, memory, numbers, phrases, targets, wording
from bsx.render.explained_words import shown_size
from bsx.schema import Analysis, BatchSizeSummary, Estimate, Sweep


def of_the_choice(sweep: Sweep, analysis: Analysis) -> list[str | None]:
    """Say which size is recommended and why, and what it takes against small and large ones."""
    chosen = analysis.recommendation
    if chosen is None:
        return [advice.no_recommendation(sweep, analysis)]
    rows = {row.batch_size: row for row in analysis.batch_sizes}
    row = rows.get(chosen.batch_size)
    told = [
        f"{advice.headline(analysis, chosen)}. {wording.reason(chosen, sweep.facts.metric)}",
    ]
    if row is None or not row.to_target:
        return [*told]
    others = [other for other in (analysis.batch_sizes[0], analysis.batch_sizes[-1])
              if other is not row and _known(other)]  # fmt: skip
    if not _known(row):
        return [*told]
    told.append(
        " ".join([f"It reached the target {_takes(row)}.", *(_against(o, row) for o in others)])
    )
    return [*told, _indifferent(chosen.indifferent)]


def _indifferent(sizes: tuple[int, ...]) -> str | None:
    if not sizes:
        return None
    return (
        f"{wording.sentence(phrases.batch_sizes(sizes))[:-1]} came so close that the difference "
        "may be chance: take one of them where that suits you better, say for its memory."
    )


def _known(row: BatchSizeSummary) -> bool:
    steps = row.to_target[0].steps if row.to_target else None
    return steps is not None and steps.value is not None


def _takes(row: BatchSizeSummary) -> str:
    entry = row.to_target[0]
    text = f"in {_about(entry.steps, numbers.whole)} iterations, having seen "
    text += f"{_about(entry.samples, numbers.whole)} samples"
    if entry.seconds is not None and entry.seconds.value is not None:
        text += f", in {numbers.duration(entry.seconds.value)}"
    return text


def _against(other: BatchSizeSummary, row: BatchSizeSummary) -> str:
    which = "smallest" if other.batch_size < row.batch_size else "largest"
    first, second = other.to_target[0], row.to_target[0]
    text = f"Batch size {numbers.count(other.batch_size)}, the {which}, did so {_takes(other)}"
    times = [
        f"{_times(part)} the {noun}"
        for noun, part in (
            ("iterations", _ratio(first.steps, second.steps)),
            ("samples", _ratio(first.samples, second.samples)),
            ("time", _ratio(first.seconds, second.seconds)),
        )
        if part is not None
    ]
    return f"{text}: {phrases.listed(times)}."


def _about(estimate: Estimate | None, form: numbers.Form) -> str:
    return form(estimate.value if estimate else None)


def _ratio(first: Estimate | None, second: Estimate | None) -> float | None:
    if first is None or second is None or first.value is None or not second.value:
        return None
    return first.value / second.value


def _times(ratio: float) -> str:
    return f"{numbers.significant(ratio, 2)} times"


def of_the_critical_size(analysis: Analysis) -> str | None:
    """Say what the critical batch size is and where the shown size lies."""
    if not analysis.targets:
        return None
    target, row = analysis.targets[0], shown_size(analysis)
    critical = target.critical_batch_size
    what = (
        "A batch averages the opinions of its samples. Small batches are noisy, so that doubling "
        "them halves the iterations; once the mean is sure enough, more samples change it no more."
    )
    if critical is None or critical.value is None:
        return f"{what} The critical batch size is where the one turns into the other. " + (
            targets.trade_off_sentence(target)
        )
    value = critical.value
    text = (
        f"{what} The critical batch size, here {numbers.estimate(critical, numbers.whole)}, is "
        "where the one turns into the other: there training takes twice the fewest iterations "
        "and twice the fewest samples that are possible."
    )
    regimes = targets.regimes_sentence(target)
    text += f" {regimes}" if regimes else ""
    least, fewest = (e.value if e else None for e in (target.min_steps, target.min_samples))
    if row is None or least is None or fewest is None:
        return text
    share = row.batch_size / value
    return (
        f"{text} By the fitted curve the fewest iterations are {numbers.whole(least)}, and the "
        f"fewest samples {numbers.whole(fewest)}. Batch size {numbers.count(row.batch_size)} is "
        f"{numbers.significant(share, 2)} times the critical one: it takes "
        f"{_times(1 + 1 / share)} the fewest iterations and {_times(1 + share)} the fewest "
        "samples. A larger one saves iterations, a smaller one saves samples, and so computation."
    )


def of_speed(sweep: Sweep, analysis: Analysis) -> list[str | None]:
    """Say how the time of an iteration grows with the size, and how near the memory's end is."""
    timed = [row for row in analysis.batch_sizes if row.speed and row.speed.step_seconds.value]
    told: list[str | None] = []
    if len(timed) > 1:
        first, last = timed[0], timed[-1]
        one, other = (row.speed.step_seconds.value or 0.0 for row in (first, last) if row.speed)
        times = last.batch_size / first.batch_size
        told.append(
            f"An iteration takes {numbers.duration(one)} at batch size "
            f"{numbers.count(first.batch_size)} and {numbers.duration(other)} at "
            f"{numbers.count(last.batch_size)}: {numbers.significant(times)} times the samples in "
            f"{_times(other / one)} the time. Large batches keep the machine busier, which is "
            "why the fewest samples are not the least time. These times are true of this machine "
            "alone; the iterations are true of any."
        )
    return [*told, memory.headroom(sweep, analysis)]
