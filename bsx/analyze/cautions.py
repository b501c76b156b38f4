"""What the reader of an analysis must know to read it rightly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bsx.schema import (
    EFFECTIVE_RATE,
    LEARNING_RATE,
    MOMENTUM,
    Caution,
    Facts,
    Metric,
    Point,
    Recommendation,
    RunRecord,
    RunStatus,
    Trial,
    rate_of,
    tuned_of,
)
from bsx.stats.blown import blown_up
from bsx.stats.curves import steps_table
from bsx.stats.paired import best_of
from bsx.stats.selection import Choice
from bsx.stats.sizes import SizeEvidence, status_of
from bsx.stats.speeds import spread
from bsx.stats.targets import TRIVIAL_STEPS
from bsx.stats.trials import edges_beside

# How a run ends that is not completed, in the order in which they are counted up
_ENDINGS = (
    RunStatus.FAILED,
    RunStatus.TIMED_OUT,
    RunStatus.OUT_OF_MEMORY,
    RunStatus.DIVERGED,
    RunStatus.DOMINATED,
)
UNBALANCED = 0.6  # the share of the most frequent class, beyond which accuracy tells little
BALANCED = "balanced-accuracy"
NOISY_SPEED = 0.1  # interquartile range as a share of the median


@dataclass(frozen=True)
class Target:
    """One target: a metric, a threshold, and who named it (user | auto)."""

    metric: Metric
    threshold: float
    source: str

    @property
    def values(self) -> dict[str, Any]:
        """What a caution says of it."""
        better = self.metric.higher_is_better
        name, threshold = self.metric.name, self.threshold
        return {"metric": name, "threshold": threshold, "higher_is_better": better}


def none_completed(records: Sequence[RunRecord]) -> Caution | None:
    """Say that no run was trained to its end, and how they ended instead; None where one was."""
    counted = Counter(record.status for record in records)
    if counted[RunStatus.COMPLETED]:
        return None
    ended = {status.value: counted[status] for status in _ENDINGS if counted[status]}
    errors = (r.error for r in records if r.status in (RunStatus.FAILED, RunStatus.TIMED_OUT))
    first = next((error for error in errors if error), None)
    values = {"reason": "no_run_completed", "ended": ended, "error": first}
    return Caution("no_recommendation", values)


def target_cautions(
    facts: Facts, sizes: Sequence[SizeEvidence], targets: Sequence[Target], confirm: int
) -> list[Caution]:
    """Say which targets mean little: the trivial prediction has them, or no size keeps them."""
    said = []
    for index, target in enumerate(targets):
        metric, baseline = target.metric, facts.baseline
        trivial = baseline.validation.get(metric.name) if baseline else None
        if baseline and trivial is not None and not _beyond(target.threshold, trivial, metric):
            values = {"baseline": trivial, "name": baseline.name, "source": target.source}
            said.append(Caution("target_below_baseline", {**target.values, **values}))
        reaching = [size for size in sizes if size.targets[index].reached_fraction]
        ends = [size.final.summary.validation.get(metric.name) for size in reaching if size.final]
        values_at_end = [end.value for end in ends if end is not None and end.value is not None]
        if values_at_end and not any(metric.reaches(v, target.threshold) for v in values_at_end):
            best = max(values_at_end) if metric.higher_is_better else min(values_at_end)
            said.append(
                Caution("target_not_kept", {**target.values, "best": best, "confirm": confirm})
            )
    return said


def _beyond(value: float, other: float, metric: Metric) -> bool:
    return value != other and metric.reaches(value, other)


def baseline_cautions(
    facts: Facts, sizes: Sequence[SizeEvidence], recommendation: Recommendation | None
) -> list[Caution]:
    """Say where the recommended size, or else the best on validation, does not beat the baseline.

    The whole interval of its test metric must; of a single seed, which has none, the value.
    """
    metric, baseline = facts.metric, facts.baseline
    ends = {size.batch_size: size.final for size in sizes if size.final}
    quality = {batch_size: final.quality for batch_size, final in ends.items()}
    best = best_of(quality, higher_is_better=metric.higher_is_better)
    taken = recommendation.batch_size if recommendation else best
    limit = baseline.test.get(metric.name) if baseline else None
    test = ends[taken].summary.test.get(metric.name) if taken in ends else None
    if baseline is None or limit is None or test is None or test.value is None:
        return []
    bound = test.low if metric.higher_is_better else test.high
    worst = test.value if bound is None else bound
    if _beyond(worst, limit, metric):
        return []
    most = test.high if metric.higher_is_better else test.low
    unbalanced = metric.name == "accuracy" and limit > UNBALANCED
    values = {
        "metric": metric.name,
        "value": test.value,
        "baseline": limit,
        "name": baseline.name,
        "likely": _beyond(test.value, limit, metric),
        "worse": most is not None and _beyond(limit, most, metric),
        "unbalanced": unbalanced and facts.metric_named(BALANCED) is not None,
    }
    return [Caution("not_better_than_baseline", values, taken)]


def _blown(facts: Facts, size: SizeEvidence) -> list[Caution]:
    """Say how many runs at the rates that this size is judged at blow up before they end."""
    metric, baseline = facts.metric, facts.baseline
    chosen = [size.final.choice.rate] if size.final else []
    chosen += [evidence.choice.rate for evidence in size.targets if evidence.choice]
    blown = blown_up(size.runs, metric, baseline)
    runs = [
        (size.runs.records[rate][seed].final, seed in blown[rate])
        for rate in dict.fromkeys(chosen)
        for seed in size.runs.records[rate]
    ]
    ends = [final.get("validation", {}).get(metric.name) for final, blew in runs if blew]
    if not ends:
        return []
    known = [end for end in ends if end is not None]
    values = {
        "runs": len(ends),
        "of": len(runs),
        "metric": metric.name,
        "higher_is_better": metric.higher_is_better,
        "worst": None if not known else min(known) if metric.higher_is_better else max(known),
        "baseline": baseline.validation.get(metric.name) if baseline else None,
    }
    return [Caution("blows_up", values, size.batch_size)]


def size_cautions(facts: Facts, size: SizeEvidence, targets: Sequence[Target]) -> list[Caution]:
    """Say what is wrong with one batch size: how it is trained, how it ends, how it is timed."""
    b, status = size.batch_size, status_of(size)
    said: list[Caution] = []
    if size.growth.grows:
        growth = size.growth
        said.append(Caution("batch_grows", {"grows_to": growth.largest}, b))
        if size.speed is not None and growth.timed_to < growth.largest:
            said.append(Caution("growth_not_timed", {"timed_to": growth.timed_to}, b))
    if size.recipe.tail == "merge":
        said.append(Caution("tail_merged", {"last_batch": size.last_batch}, b))
    stopped = [r.run.learning_rate for r in size.records if r.status is RunStatus.DOMINATED]
    if stopped:
        said.append(Caution("dominated", {"runs": len(stopped), "rates": len(set(stopped))}, b))
    failed = [r for r in size.records if r.status in (RunStatus.FAILED, RunStatus.TIMED_OUT)]
    if failed:
        last = failed[-1].error or failed[-1].status.value
        said.append(Caution("failed", {"error": last, "runs": len(failed)}, b))
    timed = [speed.status for speed in size.speeds]
    if RunStatus.COMPLETED in timed:  # a visit that failed for want of memory had other tenants
        timed = []
    statuses = [r.status for r in size.records] + timed
    if RunStatus.OUT_OF_MEMORY in statuses:
        said.append(Caution("out_of_memory", {}, b))
    if status in ("diverged", "not_run"):
        said.append(Caution(status, {}, b))
    blown = _blown(facts, size)
    said += blown
    lost = status == "diverged" or any(c.values["runs"] == c.values["of"] for c in blown)
    if not lost:  # else it is no matter of how long it was trained
        said += _reach_cautions(size, targets)
    if size.final and size.final.choice.edge:
        said.append(_edge(b, size.final.choice, "final"))
    wide = spread(size.step_seconds)
    if wide > NOISY_SPEED:
        said.append(Caution("speed_noisy", {"spread": wide}, b))
    return said


def _reach_cautions(size: SizeEvidence, targets: Sequence[Target]) -> list[Caution]:
    said: list[Caution] = []
    at_edge: list[Point] = []
    beside: list[tuple[str, float]] = []
    for target, evidence in zip(targets, size.targets, strict=True):
        share = evidence.reached_fraction
        found = evidence.crossings.values()
        diverged = sum(crossing.diverged for crossing in found)
        if any(crossing.step is None and not crossing.diverged for crossing in found):
            values = {"reached_fraction": share, **target.values}
            said.append(Caution("censored", values, size.batch_size))
        if 0 < diverged < len(found):
            values = {"diverged": diverged, "runs": len(found), **target.values}
            said.append(Caution("seeds_diverged", values, size.batch_size))
        crossed = [(c.step, c.previous) for c in evidence.crossings.values() if c.step is not None]
        at_once = [step for step, before in crossed if before <= 0 and step > TRIVIAL_STEPS]
        if at_once and 2 * len(at_once) >= len(crossed):
            values = {"step": max(at_once), **target.values}
            said.append(Caution("reached_at_first_look", values, size.batch_size))
        choice = evidence.choice
        # Once a rate: what lies beyond it is looked for once, whichever target asks.
        if choice and choice.edge and choice.rate not in at_edge:
            at_edge.append(choice.rate)
            said.append(_edge(size.batch_size, choice, "target", target))
        if choice and isinstance(choice.rate, Trial):
            table = steps_table(size.runs.crossings(target.metric, target.threshold))
            for name, side in edges_beside(table, choice.rate).items():
                value = tuned_of(choice.rate)[name]
                if (name, value) in beside:
                    continue
                beside.append((name, value))
                values = {"name": name, "value": value, "side": side, **target.values}
                said.append(Caution("tuned_at_edge", values, size.batch_size))
    return said


def _edge(batch_size: int, choice: Choice, goal: str, target: Target | None = None) -> Caution:
    values = {"learning_rate": rate_of(choice.rate), "side": choice.edge, "goal": goal}
    values |= target.values if target else {}
    if isinstance(choice.rate, Trial):
        effective = MOMENTUM in tuned_of(choice.rate)
        values["searched"] = EFFECTIVE_RATE if effective else LEARNING_RATE
    return Caution("learning_rate_at_edge", values, batch_size)
