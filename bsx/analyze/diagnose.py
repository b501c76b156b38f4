"""What was measured beside the curves, and what the curves say beyond targets, joined to the rows.

The noise scale along a run and beside the critical batch size, gradients by batch size, sharpness,
large batches against a small one, and all sizes after equal epochs and equal steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bsx.analyze.cautions import Target
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    Caution,
    DiagnosticRecord,
    Estimate,
    Facts,
    NoisePoint,
    RunStatus,
    SweepConfig,
    TargetSummary,
    point_of,
)
from bsx.stats.against_small import against_small, sharpness_of, small_batch_size
from bsx.stats.directions import gradients_of
from bsx.stats.equal_length import at_length, length_of, shortest
from bsx.stats.noise_curve import at_crossing, noise_curve, noise_points, over_sizes, verdict
from bsx.stats.sizes import SizeEvidence


@dataclass(frozen=True)
class _Noise:
    """The noise scale along the run of one size, and the points at which targets are reached."""

    record: DiagnosticRecord
    points: tuple[NoisePoint, ...]
    at_targets: tuple[NoisePoint | None, ...]


def diagnosed(
    found: Analysis,
    config: SweepConfig,
    facts: Facts,
    sizes: Sequence[SizeEvidence],
    targets: Sequence[Target],
    measured: Sequence[DiagnosticRecord],
) -> Analysis:
    """Return the analysis with all this in it; ``found`` has a row for each of ``sizes``."""
    noise = {
        size.batch_size: one
        for size in sizes
        if (one := _noise(config, measured, size, facts, targets)) is not None
    }
    rows = [
        _with_noise(row, noise[row.batch_size]) if row.batch_size in noise else row
        for row in found.batch_sizes
    ]
    gradients = [record for record in measured if record.measure == "gradients"]
    found = replace(
        found,
        batch_sizes=tuple(rows),
        targets=tuple(_beside(t, n, noise) for n, t in enumerate(found.targets)),
        gradients=gradients_of(gradients[-1], facts.train_samples) if gradients else None,
        cautions=(*found.cautions, *_cautions(measured)),
    )
    found = _against_small(found, config, facts, sizes, measured)
    return _at_equal_length(found, config, facts, sizes)


def _of(
    size: SizeEvidence,
    config: SweepConfig,
    measured: Sequence[DiagnosticRecord],
    measure: str,
) -> list[DiagnosticRecord]:
    """Return the records of one size at the rate, or trial, that it is summarized at."""
    chosen = size.final.choice.rate if size.final else None
    return [
        record
        for record in measured
        if record.measure == measure
        and record.run.recipe.batch_size == size.batch_size
        and point_of(record.run, config.search) == chosen
    ]


# --- noise scale --------------------------------------------------------------------------------


def _noise(
    config: SweepConfig,
    measured: Sequence[DiagnosticRecord],
    size: SizeEvidence,
    facts: Facts,
    targets: Sequence[Target],
) -> _Noise | None:
    records = _of(size, config, measured, "noise-scale")
    if not records:
        return None
    record = records[0]
    points = noise_points(record, facts.train_samples)
    if not points:
        return None
    run = record.run

    def reached(target: Target) -> NoisePoint | None:
        crossings = size.runs.crossings(target.metric, target.threshold, config.confirm)
        crossing = crossings.get(point_of(run, config.search), {}).get(run.seed)
        step = crossing.step if crossing else None
        return at_crossing(points, step, lambda step: size.runs.before[step])

    return _Noise(record, points, tuple(map(reached, targets)))


def _with_noise(row: BatchSizeSummary, noise: _Noise) -> BatchSizeSummary:
    """Give the row its noise scale where the first target is reached, else that of the end."""
    at_target = noise.at_targets[0] if noise.at_targets else None
    curve = noise_curve(noise.record, noise.points, at_target=at_target is not None)
    point = at_target or noise.points[-1]
    return replace(row, noise_scale=point.noise_scale, noise_curve=curve)


def _beside(target: TargetSummary, number: int, noise: Mapping[int, _Noise]) -> TargetSummary:
    """Put the noise scale where the target is reached beside its critical batch size."""
    if not noise:
        return target
    at = [one.at_targets[number] for one in noise.values()]
    scale = over_sizes([point.noise_scale for point in at if point is not None])
    said = verdict(target.critical_batch_size, scale)
    return replace(target, noise_scale=scale, noise_scale_verdict=said)


def _cautions(measured: Sequence[DiagnosticRecord]) -> list[Caution]:
    said = []
    for record in measured:
        size = record.run.recipe.batch_size
        if record.error is not None:
            why = {"measure": record.measure, "error": record.error}
            said.append(Caution("not_measured", why, size))
        elif record.normalized_over:
            over = {"measure": record.measure, "samples": record.normalized_over}
            said.append(Caution("normalized_over", over, size))
    return list({repr(caution): caution for caution in said}.values())


# --- small against large ------------------------------------------------------------------------


def _against_small(
    found: Analysis,
    config: SweepConfig,
    facts: Facts,
    sizes: Sequence[SizeEvidence],
    measured: Sequence[DiagnosticRecord],
) -> Analysis:
    ends = {size.batch_size: size for size in sizes if size.final is not None}
    sharpness: dict[int, tuple[Mapping[int, float], Estimate | None]] = {}
    eigenvalues = dict(sharpness)
    for b, size in ends.items():
        records = _of(size, config, measured, "sharpness")
        sharpness[b] = sharpness_of(records, "sharpness")
        eigenvalues[b] = sharpness_of(records, "eigenvalue")
    quality = {b: size.final.quality for b, size in ends.items() if size.final}
    small = small_batch_size(quality, facts.metric)
    compared = {}
    if small is not None:
        tests = {b: _tests(size, facts) for b, size in ends.items()}
        phis, tops = ({b: row for b, (row, _) in t.items()} for t in (sharpness, eigenvalues))
        compared = against_small(
            small, tests, phis, tops, facts.metric, facts.grain(facts.metric, "test")
        )
    rows = [
        replace(
            row,
            sharpness=sharpness.get(row.batch_size, ({}, None))[1],
            hessian_eigenvalue=eigenvalues.get(row.batch_size, ({}, None))[1],
            against_small=compared.get(row.batch_size),
        )
        for row in found.batch_sizes
    ]
    return replace(found, batch_sizes=tuple(rows), small_batch_size=small)


def _tests(size: SizeEvidence, facts: Facts) -> dict[int, float]:
    """Return seed → test metric at the rate best on validation."""
    assert size.final is not None
    row = size.runs.final("test", facts.metric.name)[size.final.choice.rate]
    return {seed: value for seed, value in row.items() if value is not None}


# --- equal epochs, equal steps ------------------------------------------------------------------


def _at_equal_length(
    found: Analysis, config: SweepConfig, facts: Facts, sizes: Sequence[SizeEvidence]
) -> Analysis:
    metric = facts.metric
    by_size = {size.batch_size: size for size in sizes if not _all_diverged(size)}
    runs = {b: size.runs for b, size in by_size.items()}
    batches = {b: length_of(of, metric) for b, of in runs.items()}
    epochs = shortest({b: n / by_size[b].steps_per_epoch for b, n in batches.items()})
    # Of a batch that grows, steps are no measure of how far it is.
    grows = any(size.growth.grows for size in sizes)
    steps = None if grows else shortest(batches)
    told = config.command is None or config.command.program.takes_rate
    views = []
    for each in (
        None if epochs is None else {b: epochs * s.steps_per_epoch for b, s in by_size.items()},
        None if steps is None else dict.fromkeys(by_size, steps),
    ):
        view = (
            {} if each is None else at_length(runs, each, metric, facts.grain(metric, "validation"))
        )
        view = view if len(view) > 1 else {}  # one alone is compared with none
        views.append({b: v if told else replace(v, learning_rate=None) for b, v in view.items()})
    rows = [
        replace(row, at_equal_epochs=views[0].get(row.batch_size),
                at_equal_steps=views[1].get(row.batch_size))
        for row in found.batch_sizes
    ]  # fmt: skip
    return replace(
        found,
        batch_sizes=tuple(rows),
        equal_epochs=epochs if views[0] else None,
        equal_steps=None if steps is None or not views[1] else round(steps),
    )


def _all_diverged(size: SizeEvidence) -> bool:
    """Whether no run of a size came anywhere: how far they got bounds no other size, either."""
    records = [record for of in size.runs.records.values() for record in of.values()]
    return all(record.status is RunStatus.DIVERGED for record in records)
