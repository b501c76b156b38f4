"""The one document that machines read: ``bsx sweep --format json`` and ``bsx show --format json``.

Every key is there whether or not its value is known; unknown is null. Keys are added, never
renamed, while the schema version stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bsx.render import diagnosed, wording
from bsx.render.memory import memory_share
from bsx.schema import (
    SCHEMA_VERSION,
    Analysis,
    BatchSizeSummary,
    Caution,
    Estimate,
    Facts,
    Final,
    Metric,
    RateSummary,
    Regimes,
    Search,
    Speed,
    Sweep,
    TargetSummary,
    ToTarget,
    plain,
)

_TO_TARGET = ("steps", "epochs", "samples", "seconds")
_MEASURED = ("noise_scale", "sharpness", "hessian_eigenvalue")
_NESTED = ("noise_curve", "against_small", "at_equal_epochs", "at_equal_steps")
_SPEED = ("step_seconds", "samples_per_second", "epoch_seconds", "peak_memory_bytes")


def document(sweep: Sweep, analysis: Analysis) -> dict[str, Any]:
    """Return the document of a sweep, ready for ``json``."""
    metric = sweep.facts.metric_named(analysis.metric)
    return {
        "schema_version": SCHEMA_VERSION,
        "sweep_id": sweep.sweep_id,
        "name": sweep.config.name,
        "status": sweep.status,
        "metric": analysis.metric,
        "config": plain(sweep.config),
        "environment": plain(sweep.environment),
        "data": data_of(sweep.facts),
        "targets": [target_of(target) for target in analysis.targets],
        "batch_sizes": [_batch_size(s, sweep.config.search) for s in analysis.batch_sizes],
        "baseline": plain(sweep.facts.baseline),
        "recommendation": _recommendation(sweep, analysis, metric),
        "cautions": [caution_of(caution, metric) for caution in analysis.cautions],
        "speed_from": plain(analysis.speed_from),
        "branched": plain(analysis.branched),
        **diagnosed.of_sweep(analysis),
        "rule_base": plain(analysis.rule_base),
        "memory_limit": plain(sweep.facts.memory_limit),
        "explanation": None,  # of `bsx show --explain`
    }


def data_of(facts: Facts) -> dict[str, Any]:
    """Return what the data are."""
    return {
        "name": facts.dataset_name,
        "train_samples": facts.train_samples or None,  # no data set has 0: unknown
        "validation_samples": facts.validation_samples or None,
        "test_samples": facts.test_samples or None,
        "input_shape": list(facts.input_shape),
        "classes": facts.classes,
        "target_scale": list(facts.target_scale),
    }


def target_of(target: TargetSummary) -> dict[str, Any]:
    """Return a target with its trade-off."""
    return {
        "metric": target.metric,
        "split": target.split,
        "threshold": target.threshold,
        "source": target.source,
        "critical_batch_size": plain(target.critical_batch_size),
        "critical_batch_size_20": plain(target.critical_batch_size_20),
        "min_steps": plain(target.min_steps),
        "min_samples": plain(target.min_samples),
        "reference_batch_size": target.reference_batch_size,
        "verdict": target.verdict,
        "fit_p_value": target.fit_p_value,
        "departure": target.departure,
        "regimes": _regimes(target.regimes),
        "next_run": plain(target.next_run),
        "noise_scale": plain(target.noise_scale),
        "noise_scale_verdict": target.noise_scale_verdict,
    }


def _regimes(regimes: Regimes | None) -> dict[str, Any] | None:
    if regimes is None:
        return None
    return {
        "within": regimes.within,
        "perfect_scaling_up_to": plain(regimes.perfect_up_to),
        "maximal_parallelism_from": plain(regimes.maximal_from),
    }


def _batch_size(summary: BatchSizeSummary, search: Search | None) -> dict[str, Any]:
    return {
        "batch_size": summary.batch_size,
        "status": summary.status,
        "runs": summary.runs,
        "seeds": summary.seeds,
        "diverged_fraction": summary.diverged_fraction,
        "steps_per_epoch": summary.steps_per_epoch,
        "last_batch": summary.last_batch,
        "steps": summary.steps,
        "epochs": summary.epochs,
        "grows_to": summary.grows_to,
        "learning_rates": [_rate(rate, search) for rate in summary.learning_rates],
        "rules": plain(summary.rules),
        **({} if search is None else {"trials": summary.trials}),
        "to_target": [to_target_of(entry, search) for entry in summary.to_target],
        "final": _final(summary.final, search),
        "speed": speed_of(summary.speed),
        **diagnosed.of_row(summary),
    }


def _tuned(search: Search | None, values: Mapping[str, float]) -> dict[str, float | None]:
    """Return what was tuned beside the learning rate; null where no trial was chosen."""
    return {axis.name: values.get(axis.name) for axis in (search.beside if search else ())}


def _rate(rate: RateSummary, search: Search | None) -> dict[str, Any]:
    told = plain(rate)
    return {"learning_rate": told.pop("learning_rate"), **_tuned(search, told.pop("tuned")), **told}


def to_target_of(entry: ToTarget, search: Search | None = None) -> dict[str, Any]:
    """Return how a batch size reaches a target."""
    return {
        "learning_rate": entry.learning_rate,
        **_tuned(search, entry.tuned),
        "learning_rate_at_edge": entry.learning_rate_at_edge,
        "learning_rate_basin": plain(entry.learning_rate_basin),
        "steps": plain(entry.steps),
        "epochs": plain(entry.epochs),
        "samples": plain(entry.samples),
        "seconds": plain(entry.seconds),
        "reached_fraction": entry.reached_fraction,
        "mean_curve_steps": plain(entry.mean_curve_steps),
    }


def _final(final: Final | None, search: Search | None) -> dict[str, Any] | None:
    if final is None:
        return None
    return {
        "learning_rate": final.learning_rate,
        **_tuned(search, final.tuned),
        "learning_rate_at_edge": final.learning_rate_at_edge,
        "train": plain(final.train),
        "validation": plain(final.validation),
        "test": plain(final.test),
        "generalization_gap": plain(final.generalization_gap),
        "best_epoch": plain(final.best_epoch),
    }


def speed_of(speed: Speed | None) -> dict[str, Any] | None:
    """Return how fast a batch size runs."""
    if speed is None:
        return None
    peak = speed.peak_memory_bytes
    return {
        "loop": speed.loop,
        "step_seconds": plain(speed.step_seconds),
        "samples_per_second": plain(speed.samples_per_second),
        "epoch_seconds": plain(speed.epoch_seconds),
        # a peak is read off once: an estimate like all measured quantities, without an interval
        "peak_memory_bytes": None if peak is None else plain(Estimate(peak, n=1, method="peak")),
    }


def _recommendation(
    sweep: Sweep, analysis: Analysis, metric: Metric | None
) -> dict[str, Any] | None:
    recommendation = analysis.recommendation
    if recommendation is None:
        return None
    return {
        "batch_size": recommendation.batch_size,
        "learning_rate": recommendation.learning_rate,
        **recommendation.tuned,
        "objective": recommendation.objective,
        "indifferent": list(recommendation.indifferent),
        "relative_cost": {
            str(size): plain(ratio) for size, ratio in recommendation.relative_cost.items()
        },
        "price_per_hour": recommendation.price_per_hour,
        "cost": plain(recommendation.cost),
        "memory_share": plain(memory_share(sweep, analysis)),
        "reason": wording.reason(recommendation, metric),
    }


def caution_of(caution: Caution, metric: Metric | None = None) -> dict[str, Any]:
    """Return a caution with its words."""
    return {
        "code": caution.code,
        "message": wording.message(caution, metric),
        "batch_size": caution.batch_size,
    }


# --- flat rows, one a batch size --------------------------------------------------------------


def rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row a batch size, all with the same keys in the same order.

    An estimate ``x`` gives ``x``, ``x_low``, ``x_high`` and, where it counts towards a target,
    ``x_censored_at``. What belongs to the second target and those after it carries its number:
    ``to_target_2_steps``. Of a branched sweep a row is a point and batch size.
    """
    if document["branched"] is not None:
        return _branch_rows(document)
    sizes = document["batch_sizes"]
    metrics = _metric_names(sizes)
    recommended = (document["recommendation"] or {}).get("batch_size")
    search = document["config"].get("search") or {"axes": []}
    tuned = [axis["name"] for axis in search["axes"][1:]]
    return [
        _row(size, document["targets"], metrics, tuned, size["batch_size"] == recommended)
        for size in sizes
    ]


def _branch_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a point and batch size, of a branched sweep."""
    found = document["branched"]
    return [
        {
            "step": point["step"],
            "samples": point["samples"],
            "epoch": point["epoch"],
            **estimate_cells("critical_batch_size", point["critical_batch_size"], censored=True),
            "batch_size": branch["batch_size"],
            "learning_rate": branch["learning_rate"],
            "branch_steps": branch["steps"],
            "seeds": branch["seeds"],
            "diverged": branch["diverged"],
            **estimate_cells("loss", branch["loss"]),
            **estimate_cells("difference", branch["difference"]),
            **estimate_cells("excess", branch["excess"]),
            "verdict": branch["verdict"],
        }
        for point in found["points"]
        for branch in point["branches"]
    ]


def _row(
    size: Mapping[str, Any],
    targets: list[Mapping[str, Any]],
    metrics: Mapping[str, list[str]],
    tuned: list[str],
    recommended: bool,
) -> dict[str, Any]:
    row = {key: value for key, value in size.items() if not isinstance(value, dict | list)}
    for key in ("final", "speed", *_MEASURED, *_NESTED):  # null where nothing is known
        row.pop(key, None)
    row["recommended"] = recommended
    for number, target in enumerate(targets, start=1):
        prefix = "to_target" if number == 1 else f"to_target_{number}"
        entries = size["to_target"]
        entry = entries[number - 1] if number <= len(entries) else {}
        row |= _to_target_cells(prefix, target, entry)
        row |= {f"{prefix}_{name}": entry.get(name) for name in tuned}
    row |= _final_cells(size["final"] or {}, metrics)
    row |= {f"final_{name}": (size["final"] or {}).get(name) for name in tuned}
    speed = size["speed"] or {}
    row["speed_loop"] = speed.get("loop")
    for key in _SPEED:
        row |= estimate_cells(f"speed_{key}", speed.get(key))
    for key in _MEASURED:
        row |= estimate_cells(key, size[key])
    row |= estimate_cells("large_batch_gap", (size["against_small"] or {}).get("test"))
    for key in ("at_equal_epochs", "at_equal_steps"):
        row |= estimate_cells(key, (size[key] or {}).get("value"))
    return row


def rate_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row a batch size and learning rate that was tried."""
    return [
        _rate_row(size["batch_size"], entry, document["targets"], document["metric"])
        for size in document["batch_sizes"]
        for entry in size["learning_rates"]
    ]


def _rate_row(
    batch_size: int, entry: Mapping[str, Any], targets: list[Mapping[str, Any]], metric: str
) -> dict[str, Any]:
    row = {"batch_size": batch_size}
    row |= {key: entry[key] for key in ("learning_rate", "seeds", "diverged")}
    for number, (target, found) in enumerate(zip(targets, entry["to_target"], strict=True)):
        prefix = "to_target" if number == 0 else f"to_target_{number + 1}"
        row[f"{prefix}_metric"] = target["metric"]
        row[f"{prefix}_threshold"] = target["threshold"]
        row |= estimate_cells(f"{prefix}_steps", found["steps"], censored=True)
        row[f"{prefix}_reached_fraction"] = found["reached_fraction"]
    return row | estimate_cells(f"validation_{metric}", entry["validation"].get(metric))


def _to_target_cells(
    prefix: str, target: Mapping[str, Any], entry: Mapping[str, Any]
) -> dict[str, Any]:
    low, high = entry.get("learning_rate_basin") or (None, None)
    cells = {
        f"{prefix}_metric": target["metric"],
        f"{prefix}_threshold": target["threshold"],
        f"{prefix}_learning_rate": entry.get("learning_rate"),
        f"{prefix}_learning_rate_at_edge": entry.get("learning_rate_at_edge"),
        f"{prefix}_learning_rate_basin_low": low,
        f"{prefix}_learning_rate_basin_high": high,
    }
    for key in _TO_TARGET:
        cells |= estimate_cells(f"{prefix}_{key}", entry.get(key), censored=True)
    cells[f"{prefix}_reached_fraction"] = entry.get("reached_fraction")
    return cells


def _final_cells(final: Mapping[str, Any], metrics: Mapping[str, list[str]]) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "final_learning_rate": final.get("learning_rate"),
        "final_learning_rate_at_edge": final.get("learning_rate_at_edge"),
    }
    for split, names in metrics.items():
        for name in names:
            cells |= estimate_cells(f"final_{split}_{name}", final.get(split, {}).get(name))
    for key in ("generalization_gap", "best_epoch"):
        cells |= estimate_cells(f"final_{key}", final.get(key))
    return cells


def estimate_cells(
    name: str, estimate: Mapping[str, Any] | None, *, censored: bool = False
) -> dict[str, Any]:
    """Return the columns of an estimate; see :func:`rows`."""
    known = estimate or {}
    cells = {name: known.get("value"), f"{name}_low": known.get("low")}
    cells[f"{name}_high"] = known.get("high")
    if censored:
        cells[f"{name}_censored_at"] = known.get("censored_at")
    return cells


def _metric_names(sizes: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the metrics that any batch size has, by split: one that failed has none."""
    names: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for size in sizes:
        for split, found in names.items():
            found += [name for name in (size["final"] or {}).get(split, {}) if name not in found]
    return names
