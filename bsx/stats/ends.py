"""Where the runs of one batch size end: the rate best there, and scores without its optimism."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bsx.schema import Estimate, Final, Metric, rate_of, tuned_of
from bsx.stats.curves import LOSS, SizeRuns
from bsx.stats.gap import generalization_gap
from bsx.stats.intervals import NEVER_NEGATIVE, mean_estimate
from bsx.stats.selection import LEAVE_OUT_FROM, Choice, Table, best_at_end, leave_one_out

Grain = Callable[[Metric, str], float]  # metric, split → the step that it moves in there

SPLITS = ("train", "validation", "test")
_NEVER_NEGATIVE = frozenset({"loss", "mse", "mae", "perplexity", "bits-per-character"})
_GIVEN_BACK = "t interval, optimism of the choice given back (leave one seed out)"
_CHOSEN_BY = "t interval, the rate was chosen by it"


@dataclass(frozen=True)
class FinalEvidence:
    """Where one batch size ends: the summary, and the seeds' own scores at the chosen rate.

    ``quality`` is on validation, by which the rate was chosen, ``left_out`` each seed's score there
    at the rate that the other seeds would have chosen; empty where there was no choice, or too few
    seeds. ``test`` is on test.
    """

    choice: Choice
    summary: Final
    quality: Mapping[int, float]
    grain: float = 0.0  # the step that quality moves in
    test: Mapping[int, float] = field(default_factory=dict)
    left_out: Mapping[int, float] = field(default_factory=dict)


def _no_grain(_metric: Metric, _split: str) -> float:
    return 0.0


def final_evidence(
    runs: SizeRuns, metric: Metric, names: Mapping[str, Metric], grain: Grain = _no_grain
) -> FinalEvidence | None:
    """Choose the rate best on validation at the end and summarize where its runs end.

    ``names`` are the metrics to summarize, ``grain`` tells the step that each moves in. The
    validation metric that the rate was chosen by looks better than it is, and ``method`` says so:
    see :func:`give_back_at_end`. Train and test had no part in the choice. None where no run came
    to its end.
    """
    values, losses = runs.final("validation", metric.name), runs.final("validation", LOSS)

    def best(table: Table) -> Choice | None:
        return best_at_end(table, losses, higher_is_better=metric.higher_is_better)

    choice = best(values)
    if choice is None:
        return None
    scores = {
        split: {name: known(runs.final(split, name)[choice.rate]) for name in names}
        for split in SPLITS
    }
    several = len(runs.rates) > 1
    tables: dict[str, dict[str, Estimate]] = {split: {} for split in SPLITS}
    for split, by_name in scores.items():
        for name, by_seed in by_name.items():
            chosen_by = several and split == "validation" and name == metric.name
            method = _CHOSEN_BY if chosen_by else "t interval"
            estimate = _mean(by_seed, names[name], method, grain(names[name], split))
            if estimate is not None:
                tables[split][name] = estimate
    summary = Final(
        rate_of(choice.rate),
        tables["train"],
        tables["validation"],
        tables["test"],
        generalization_gap(
            scores["train"][metric.name],
            scores["test"][metric.name],
            metric,
            (grain(metric, "train"), grain(metric, "test")),
        ),
        mean_estimate(
            runs.best_epochs(choice.rate, metric), bounds=(0.0, runs.last_epoch(choice.rate))
        ),
        tuned=tuned_of(choice.rate),
        learning_rate_at_edge=choice.edge is not None,
    )
    left_out: dict[int, float] = {}
    if several and len(runs.seeds) >= LEAVE_OUT_FROM:
        rates = leave_one_out(values, best)
        left_out = known({seed: values[rate].get(seed) for seed, rate in rates.items()})
    quality, test = (scores[split][metric.name] for split in ("validation", "test"))
    return FinalEvidence(choice, summary, quality, grain(metric, "validation"), test, left_out)


def give_back_at_end(
    evidence: Sequence[FinalEvidence | None], metric: Metric
) -> list[FinalEvidence | None]:
    """Give back, to every batch size, how much better the choice of a rate makes its end look.

    The best of several rates looks better on validation than it is; a seed scored at the rate that
    the other seeds would have chosen does not. The mean difference of the two is the optimism,
    pooled over the batch sizes as that of the steps is
    (:func:`bsx.stats.summaries.give_back_optimism`). Intervals of such scores size by size are too
    narrow: in simulation, with 10 rates and 3 to 10 seeds, they hold the truth in 76 to 94 of 100
    cases, those of the uncorrected scores in 81 to 96, and with what is pooled given back in 94 to
    98.
    """
    sign = 1.0 if metric.higher_is_better else -1.0
    differences = [
        sign * (score - e.left_out[seed])
        for e in evidence
        if e is not None
        for seed, score in e.quality.items()
        if seed in e.left_out
    ]
    optimism = max(sum(differences) / len(differences), 0.0) if differences else 0.0
    return [e and _given_back(e, metric, -sign * optimism) for e in evidence]


def _given_back(evidence: FinalEvidence, metric: Metric, shift: float) -> FinalEvidence:
    if not evidence.left_out:
        return evidence
    quality = {seed: score + shift for seed, score in evidence.quality.items()}
    estimate = _mean(quality, metric, _GIVEN_BACK, evidence.grain)
    validation = {**evidence.summary.validation}
    if estimate is not None:
        validation[metric.name] = estimate
    return replace(
        evidence, quality=quality, summary=replace(evidence.summary, validation=validation)
    )


def _mean(
    by_seed: Mapping[int, float], metric: Metric, method: str, grain: float
) -> Estimate | None:
    values = list(by_seed.values())
    return mean_estimate(values, bounds=bounds_of(metric), grain=grain, method=method)


def bounds_of(metric: Metric) -> tuple[float | None, float | None]:
    """Return what a metric cannot leave."""
    if metric.bounded:
        return 0.0, 1.0
    return NEVER_NEGATIVE if metric.name in _NEVER_NEGATIVE else (None, None)


def known(row: Mapping[int, float | None]) -> dict[int, float]:
    """Return the seeds' scores that are finite numbers."""
    return {s: v for s, v in row.items() if v is not None and math.isfinite(v)}
