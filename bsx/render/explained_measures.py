"""The paragraphs of ``explain`` on what was measured beside the curves: noise scale, gradients,
sharpness."""

from __future__ import annotations

from bsx.render import diagnostic_grids as measured
from bsx.render import numbers, phrases
from bsx.render.explained_words import shown_size
from bsx.schema import (
    AgainstSmall,
    Analysis,
    BatchSizeSummary,
    Estimate,
    GradientPoint,
    Sweep,
)


def of_noise_scale(analysis: Analysis) -> list[str | None]:
    """Say what the gradient noise scale is, how it grew, and what it says of the critical size."""
    rows = [row for row in analysis.batch_sizes if row.noise_curve]
    if not rows:
        return []
    row = _example(analysis, rows)
    curve = row.noise_curve
    assert curve is not None
    first, last = curve.points[0].noise_scale, curve.points[-1].noise_scale
    text = (
        "The gradient noise scale is measured inside one run, without training at other sizes. "
        "The gradients of single samples scatter about their mean; the noise scale is the batch "
        "size at which the scatter of the batch's mean is as large as the mean itself. Well below "
        "it a batch says mostly noise, well above it more samples hardly change what it says. "
        f"Along the run of batch size {numbers.count(row.batch_size)} it was "
        f"{_samples(first)} at the start and {_samples(last)} at the end"
    )
    growth = measured.growth(curve)
    text += f", {growth} as much." if growth.startswith(("×", "≥")) else "."
    return [text, _rising(curve.growth), _targets(analysis)]


def _rising(growth: Estimate | None) -> str | None:
    low = growth.low if growth else None
    if low is None or low <= 1:
        return None
    return (
        "That it grows is usual: what all samples agree on is learned first, and what is left "
        "differs from one to the next. Large batches are worth more late in a run than early."
    )


def _targets(analysis: Analysis) -> str | None:
    """Set the noise scale beside the critical batch size of the first target that has both."""
    found = [t for t in analysis.targets if t.noise_scale_verdict and t.noise_scale is not None]
    if not found:
        return None
    both = [t for t in found if t.critical_batch_size and t.critical_batch_size.value is not None]
    target = (both or found)[0]
    critical = target.critical_batch_size
    text = (
        f"Where {phrases.goal(vars(target))} is reached it is "
        f"{numbers.estimate(target.noise_scale, numbers.whole)}, over all sizes. It foretells the "
        "order of magnitude of the critical batch size, and no more"
    )
    if critical is None or critical.value is None:
        return f"{text}; here that is not known, so that there is nothing to hold it against."
    size = numbers.estimate(critical, numbers.whole)
    return f"{text}; measured, that is {size}: {measured.verdict(target)}."


def _samples(found: Estimate) -> str:
    return f"{numbers.estimate(found, numbers.whole)} samples"


def _example(analysis: Analysis, rows: list[BatchSizeSummary]) -> BatchSizeSummary:
    """Return the size that the other paragraphs speak of, or one in the middle."""
    shown = shown_size(analysis)
    for row in rows:
        if shown is not None and row.batch_size == shown.batch_size:
            return row
    return rows[len(rows) // 2]


def of_gradients(analysis: Analysis) -> list[str | None]:
    """Say how true the direction of a batch's gradient is, and how its variance falls."""
    found = analysis.gradients
    if found is None or not found.points:
        return []
    points = [point for point in found.points if point.directions]
    if not points:
        return []
    text = (
        "An iteration follows the gradient of its batch instead of that of all training samples. "
        "The cosine between the two is 1 where they point the same way, and 0 where they have "
        f"nothing in common. Along the run of batch size {numbers.count(found.batch_size)}: "
    )
    text += f"{'; '.join(_cosines(point, found.cosine) for point in points)}."
    last = points[-1].variance_exponent
    if last is None or last.value is None:
        return [text]
    return [
        text,
        "The variance of a batch's gradient is how far it scatters about that of all samples. It "
        "falls in proportion to the batch size, to the power −1 of it, where samples are drawn by "
        f"chance: here, at the {points[-1].place}, as the power "
        f"{measured.difference(last, 1.0)}.",
    ]


def _cosines(point: GradientPoint, cosine: float) -> str:
    ends = (point.directions[0], point.directions[-1])
    told = [
        f"{measured.difference(one.cosine, 1.0, '–')} at batch size {numbers.count(one.batch_size)}"
        for one in dict.fromkeys(ends)
    ]
    where = "half-way" if point.place == "middle" else f"at the {point.place}"
    text = f"{where} {phrases.listed(told)}"
    if point.settles_at is None:
        return text
    size = numbers.estimate(point.settles_at, numbers.whole)
    return f"{text}, and {cosine:g} is reached at batch size {size}"


def of_sharpness(sweep: Sweep, analysis: Analysis) -> list[str | None]:
    """Say how sharp the minima are, against that of a small batch, and what it is worth."""
    rows = [row for row in analysis.batch_sizes if row.sharpness]
    if not rows:
        return []
    ends = list({row.batch_size: row for row in (rows[0], rows[-1])}.values())
    told = [f"{_percent(r.sharpness)} at batch size {numbers.count(r.batch_size)}" for r in ends]
    text = (
        "Sharpness is how far the loss can rise when the weights move a little away from where a "
        f"run ended, as a share of 1 + loss: {phrases.listed(told)}."
    )
    tops = [
        f"{numbers.estimate(r.hessian_eigenvalue)} at batch size {numbers.count(r.batch_size)}"
        for r in ends
        if r.hessian_eigenvalue is not None
    ]
    if tops:
        text += (
            " The top eigenvalue of the Hessian, the curvature in the steepest direction, is "
            f"{phrases.listed(tops)}."
        )
    small = analysis.small_batch_size
    against = [
        _against(row.batch_size, row.against_small) for row in rows if row.against_small is not None
    ]
    told = [words for words in against if words]
    if small is None or not told:
        return [text, _READ_AS]
    return [
        text,
        "Keskar et al. (2017) found that large batches end in sharper minima and do worse on test "
        f"samples. Here, against batch size {numbers.count(small)}: {'; '.join(told)}.",
        _READ_AS,
    ]


_READ_AS = (
    "Take sharpness for a diagnostic, not for quality: rescaling the weights changes it without "
    "changing what the network does."
)


def _against(batch_size: int, pair: AgainstSmall) -> str | None:
    ratio = pair.sharpness
    if ratio is None or ratio.value is None or ratio.low is None or ratio.high is None:
        return None
    said = "sharper" if ratio.low > 1 else "flatter" if ratio.high < 1 else "no difference is shown"
    return f"batch size {numbers.count(batch_size)} {measured.times(ratio)}, {said}"


def _percent(found: Estimate | None) -> str:
    if found is None or found.value is None:
        return numbers.estimate(found)
    return f"{numbers.significant(found.value)} % {numbers.interval(found)}".strip()
