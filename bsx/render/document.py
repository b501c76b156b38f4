"""The one document that machines read: ``bsx sweep --format json`` and ``bsx show --format json``.

Every key is there whether or not its value is known; unknown is null. Keys are added, never
renamed, while the schema version stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bsx import arms
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


def document(sweep: Sweep, analysis: Analysis) -> dict[str, Any]:
    """Return the document of a sweep, ready for ``json``."""
    metric = sweep.facts.metric_named(analysis.metric)
    return {
        "schema_version": SCHEMA_VERSION,
        "sweep_id": sweep.sweep_id,
        "name": sweep.config.name,
        "arm": arms.label(sweep.config) or None,
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
        "sample_joules": plain(speed.sample_joules),
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
        "ends_worse": plain(recommendation.ends_worse),
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
