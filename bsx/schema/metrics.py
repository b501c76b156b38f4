"""The metrics that each task has: the one list, which tasks, plans and the reference read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsx.schema.known import Metric

TOP_K = "top-K"  # how the metrics top-1, top-2 … are called together
_TOP = re.compile(r"top-[1-9]\d*")


@dataclass(frozen=True)
class TaskMetric:
    """A metric of a task; ``measured`` says of what data, for a person."""

    metric: Metric
    measured: str = "always"


def _better(name: str, *, measured: str = "always") -> TaskMetric:
    """Return a share of samples or the like: it lies in [0, 1], and higher is better."""
    return TaskMetric(Metric(name, higher_is_better=True, bounded=True), measured)


def _error(name: str) -> TaskMetric:
    return TaskMetric(Metric(name, higher_is_better=False))


_NAMED = "where `--metric` names it"

# Task → its metrics; the first is the one that quality is judged by where none is asked for.
METRICS: Mapping[str, tuple[TaskMetric, ...]] = {
    "classification": (
        _better("accuracy"),
        _better(
            TOP_K,
            measured="top-5 of more than five classes always, others where `--metric` names them",
        ),
        _better("balanced-accuracy"),
        _better("f1"),
        _better("auroc", measured=f"of two classes always, of more {_NAMED}"),
    ),
    "multi-label": (
        _better("f1"),
        _better("exact-match"),
        _better("auroc", measured=_NAMED),
    ),
    "regression": (
        _error("mse"),
        _error("mae"),
        TaskMetric(Metric("r2", higher_is_better=True)),
    ),
    "language-modelling": (
        _error("perplexity"),
        _error("bits-per-character"),
        _better("accuracy"),
    ),
}


def metric_of(task: str, name: str, classes: int | None = None) -> Metric | None:
    """Return the metric that a task has by this name, or None.

    top-3 is one of top-K, unless there are no more than three ``classes``; top-K itself is none.
    """
    is_top = _TOP.fullmatch(name) is not None
    if name == TOP_K or (is_top and classes is not None and int(name[4:]) >= classes):
        return None
    general = TOP_K if is_top else name
    for known in METRICS.get(task, ()):
        if known.metric.name == general:
            return Metric(name, known.metric.higher_is_better, known.metric.bounded)
    return None


def no_such_metric(name: str, task: str, others: Sequence[str] = ()) -> str:
    """Say that a task has no such metric, with those it has and the nearest name.

    ``others``: names that will do as well, such as ``loss`` as a target.
    """
    names = list(dict.fromkeys((*(m.metric.name for m in METRICS.get(task, ())), *others)))
    typed = [known for known in names if known != TOP_K]
    near = [] if _TOP.fullmatch(name) else difflib.get_close_matches(name, typed, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    shown = [f"{known} (such as top-3)" if known == TOP_K else known for known in names]
    return f"the task is {task}, which has {', '.join(shown)}{hint}"
