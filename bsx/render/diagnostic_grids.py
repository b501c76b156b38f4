"""Tables of what was measured beside the curves: noise scale, gradients, sharpness, two views."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsx.render import numbers, phrases
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.schema import (
    AgainstSmall,
    Analysis,
    EqualLength,
    Estimate,
    GradientPoint,
    Metric,
    NoiseCurve,
    Sweep,
    TargetSummary,
)

_VERDICTS = {
    "agrees": "they are of one order of magnitude, and more cannot be asked of them",
    "larger": "more than ten times as large",
    "smaller": "less than a tenth",
    "undetermined": "whether they are of one order of magnitude cannot be told",
}

_SHORT = {
    "agrees": "of one order of magnitude",
    "larger": "more than ten times as large",
    "smaller": "less than a tenth",
    "undetermined": "cannot be told",
}


def grids(sweep: Sweep, analysis: Analysis) -> list[Grid]:
    """Return the tables of what was measured; none where nothing was asked for."""
    found = []
    if any(row.noise_curve for row in analysis.batch_sizes):
        found += [noise_scale(analysis), *_by_target(analysis)]
    if analysis.gradients is not None:
        found += [gradients(analysis)]
    if any(row.sharpness for row in analysis.batch_sizes):
        found.append(sharpness(sweep, analysis))
    return found


# --- noise scale --------------------------------------------------------------------------------


def noise_scale(analysis: Analysis) -> Grid:
    """The gradient noise scale along one run of each batch size."""
    rows = [row for row in analysis.batch_sizes if row.noise_curve]
    curves = [row.noise_curve for row in rows if row.noise_curve]
    at_target = [row.noise_scale if c.at == "target" else None
                 for row, c in zip(rows, curves, strict=True)]  # fmt: skip
    columns = (
        _sizes([row.batch_size for row in rows]),
        Column("rate", "learning\nrate", _rates([c.learning_rate for c in curves])),
        _samples("start", "at the\nstart", [c.points[0].noise_scale for c in curves]),
        _samples("target", "at the\ntarget", at_target),
        _samples("end", "at the\nend", [c.points[-1].noise_scale for c in curves]),
        Column(
            "growth",
            "end over\nstart",
            tuple(map(growth, curves)),
            None,
            tuple(growth(curve).partition(" (")[0] for curve in curves),
        ),
    )
    told = [target for target in analysis.targets if target.noise_scale_verdict]
    notes = [_beside(target) for target in told] if len(told) == 1 else []
    if any(curve.points[-1].noise_scale.value is None for curve in curves):
        notes.append("≥: larger ones cannot be excluded")
    return Grid(
        "Gradient noise scale: samples, along one run with the learning rate best at the end",
        columns,
        drop("rate") + shorten("growth", "start", "end", "target") + drop("growth"),
        notes=tuple(notes),
    )


def _by_target(analysis: Analysis) -> list[Grid]:
    """Where there are several targets: the noise scale at each, beside its critical batch size."""
    told = [target for target in analysis.targets if target.noise_scale_verdict]
    if len(told) < 2:
        return []
    columns = (
        Column("target", "target", tuple(phrases.goal(vars(t)) for t in told), right=False),
        _samples("scale", "noise\nscale", [t.noise_scale for t in told]),
        _samples("critical", "critical\nbatch size", [t.critical_batch_size for t in told]),
        Column("verdict", "noise scale to critical", tuple(map(_short, told)), right=False),
    )
    return [
        Grid(
            "Gradient noise scale over all sizes where the target is reached",
            columns,
            shorten("critical", "scale") + drop("verdict"),
            notes=("more than the order of magnitude cannot be asked of the noise scale",),
        )
    ]


def _short(target: TargetSummary) -> str:
    critical = target.critical_batch_size
    if target.noise_scale is None:
        return "not reached by the runs observed"
    if critical is None or critical.value is None:
        return numbers.UNKNOWN
    return _SHORT[target.noise_scale_verdict or "undetermined"]


def _beside(target: TargetSummary) -> str:
    """Say the noise scale beside the critical batch size of a target."""
    critical, scale = target.critical_batch_size, target.noise_scale
    goal = phrases.goal(vars(target))
    if scale is None:
        return f"{goal} is not reached by the runs that were observed"
    told = f"{numbers.estimate(scale, numbers.whole)} over all sizes where {goal} is reached"
    if critical is None or critical.value is None:
        return f"{told}, where the critical batch size is not known"
    size = numbers.estimate(critical, numbers.whole)
    return f"{told}, against a critical batch size of {size}: {verdict(target)}"


def growth(curve: NoiseCurve) -> str:
    """Write how many times the noise scale at the start that at the end is."""
    found = curve.growth
    if found is None or (found.value is None and found.low is None):
        return numbers.UNKNOWN
    if found.value is None:
        return f"≥ × {numbers.significant(found.low, 2)}"
    return times(found)


def verdict(target: TargetSummary) -> str:
    """Say what the noise scale is against the critical batch size of a target."""
    return _VERDICTS[target.noise_scale_verdict or "undetermined"]


# --- gradients by batch size --------------------------------------------------------------------


def gradients(analysis: Analysis) -> Grid:
    """Gradients of each batch size against the full one, at three points of one run."""
    found = analysis.gradients
    assert found is not None
    sizes = sorted({d.batch_size for point in found.points for d in point.directions})
    columns = [_sizes(sizes)]
    for point in found.points:
        by_size = {d.batch_size: d for d in point.directions}
        cosines = [by_size[s].cosine if s in by_size else None for s in sizes]
        columns.append(_two_decimals(point.place, f"cosine,\n{point.place}", cosines))
    for point in found.points:
        by_size = {d.batch_size: d for d in point.directions}
        variances = [by_size[s].variance if s in by_size else None for s in sizes]
        columns.append(_any(f"v-{point.place}", f"variance,\n{point.place}", variances, _two))
    places = [point.place for point in found.points]
    return Grid(
        "Gradients: the mini-batch's against the full one, along one run of batch size "
        f"{numbers.count(found.batch_size)}",
        tuple(columns),
        shorten(*places),
        splits=True,
        notes=(
            *(_settles(point, found.cosine) for point in found.points),
            "variance: the mean of ‖g − G‖², g the gradient of a batch and G that of all samples",
        ),
    )


def _settles(point: GradientPoint, cosine: float) -> str:
    """Say from which batch size on the direction hardly changes."""
    at, power = point.settles_at, point.variance_exponent
    size = numbers.UNKNOWN
    if at is not None:
        size = numbers.estimate(at, numbers.whole)
    exponent = ""
    if power is not None and power.value is not None:
        exponent = f", variance as batch size to the power {difference(power, 1.0)}"
    return f"{point.place}: cosine {cosine:g} at batch size {size}{exponent}"


# --- sharpness ----------------------------------------------------------------------------------


def sharpness(sweep: Sweep, analysis: Analysis) -> Grid:
    """How sharp the minima are, and what large batches lose against a small one."""
    rows = [row for row in analysis.batch_sizes if row.sharpness]
    pairs = [row.against_small for row in rows]
    columns = (
        _sizes([row.batch_size for row in rows]),
        _any("sharpness", "sharpness,\n%", [row.sharpness for row in rows]),
        _ratios("times", "against\nsmall", pairs, lambda pair: pair.sharpness),
        _gap(sweep.facts.metric, pairs),
        _any("eigenvalue", "top\neigenvalue", [row.hessian_eigenvalue for row in rows]),
        _ratios("eigen", "against\nsmall ", pairs, lambda pair: pair.eigenvalue),
    )
    small = analysis.small_batch_size
    notes = ["a diagnostic: rescaling weights changes it without changing the network"]
    if small is not None:
        notes.insert(0, f"small: batch size {numbers.count(small)}, the best of the smaller half")
    return Grid(
        "Sharpness: where the runs with the learning rate best at the end arrive",
        columns,
        shorten("eigenvalue", "sharpness"),
        splits=True,
        notes=tuple(notes),
    )


def _gap(metric: Metric, pairs: Sequence[AgainstSmall | None]) -> Column:
    scale, unit = (100.0, ", points") if metric.bounded else (1.0, "")
    cells = tuple(difference(pair.test if pair else None, scale) for pair in pairs)
    return Column("gap", f"test {phrases.clean(metric.name)},\nworse by{unit}", cells)


# --- equal epochs, equal steps ------------------------------------------------------------------


def views(sweep: Sweep, analysis: Analysis) -> Grid | None:
    """All batch sizes after equal epochs beside all after equal iterations; None without any."""
    rows = [r for r in analysis.batch_sizes if r.at_equal_epochs or r.at_equal_steps]
    if not rows:
        return None
    metric = sweep.facts.metric
    columns = [_sizes([row.batch_size for row in rows])]
    names = []
    for key, told, found in (
        ("epochs", _length(analysis.equal_epochs, "epochs"), [r.at_equal_epochs for r in rows]),
        ("steps", _length(analysis.equal_steps, "iterations"), [r.at_equal_steps for r in rows]),
    ):
        if any(found):
            names.append(told)
            columns += _view(key, told, found, metric)
    unit = ", %" if metric.bounded else ""
    return Grid(
        f"Validation {phrases.clean(metric.name)}{unit}, after {' and after '.join(names)}",
        tuple(columns),
        drop("rate-epochs", "rate-steps") + shorten("epochs", "steps") + drop("worse-steps"),
        notes=(
            "worse by: than the best size there, paired over the seeds",
            "each at the learning rate best there",
        ),
    )


def _length(length: float | None, unit: str) -> str:
    return f"{numbers.significant(length)} {unit}"


def _view(key: str, told: str, found: Sequence[EqualLength | None], metric: Metric) -> list[Column]:
    scale = 100.0 if metric.bounded else 1.0
    values = [one.value if one else None for one in found]
    full = numbers.aligned_plus_minus(values, scale)
    brief = numbers.aligned_plus_minus(values, scale, intervals=False)
    worse = tuple(
        difference(one.shortfall, scale) if one and one.shortfall else
        ("the best" if one else numbers.UNKNOWN) for one in found
    )  # fmt: skip
    return [
        Column(f"rate-{key}", "learning\nrate", _rates([o.learning_rate if o else None
                                                        for o in found]), of=f"after {told}"),
        Column(key, f"after\n{told}", full, None, brief),
        Column(f"worse-{key}", "worse by", worse, of=f"after {told}"),
    ]  # fmt: skip


# --- columns ------------------------------------------------------------------------------------


def _sizes(sizes: Sequence[int]) -> Column:
    return Column("batch_size", "batch\nsize", tuple(numbers.count(size) for size in sizes))


def _rates(rates: Sequence[float | None]) -> tuple[str, ...]:
    return numbers.aligned_at_point([numbers.learning_rate(rate) for rate in rates])


def _samples(key: str, header: str, quantities: Sequence[Estimate | None]) -> Column:
    full = numbers.aligned(quantities, numbers.whole)
    return Column(
        key, header, full, None, numbers.aligned(quantities, numbers.whole, intervals=False)
    )


def _any(
    key: str,
    header: str,
    quantities: Sequence[Estimate | None],
    form: numbers.Form = numbers.significant,
) -> Column:
    full = numbers.aligned(quantities, form)
    brief = numbers.aligned(quantities, form, intervals=False)
    return Column(key, header, full, None, brief)


def _two_decimals(key: str, header: str, quantities: Sequence[Estimate | None]) -> Column:
    full = tuple(difference(quantity, 1.0, "–") for quantity in quantities)
    brief = tuple(cell.partition(" ")[0] for cell in full)
    return Column(key, header, full, None, brief)


def _ratios(
    key: str,
    header: str,
    pairs: Sequence[AgainstSmall | None],
    of: Callable[[AgainstSmall], Estimate | None],
) -> Column:
    found = [of(pair) if pair else None for pair in pairs]
    return Column(key, header, tuple(map(times, found)))


def times(ratio: Estimate | None) -> str:
    """Write a ratio with its interval."""
    if ratio is None or ratio.value is None:
        return numbers.UNKNOWN
    text = f"× {numbers.significant(ratio.value, 2)}"
    if ratio.low is None or ratio.high is None:
        return text
    ends = (numbers.significant(end, 2) for end in (ratio.low, ratio.high))
    return f"{text} ({'–'.join(ends)})"


def difference(estimate: Estimate | None, scale: float, to: str = " to ") -> str:
    """Write a number that may be negative; ``to`` stands between ends that are not."""
    if estimate is None or estimate.value is None:
        return numbers.UNKNOWN
    value = _signed(estimate.value * scale)
    if estimate.low is None or estimate.high is None:
        return value
    between = to if estimate.low >= 0 else " to "
    return f"{value} ({_signed(estimate.low * scale)}{between}{_signed(estimate.high * scale)})"


def _two(value: float | None) -> str:
    return numbers.significant(value, 2)


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # never −0.00
