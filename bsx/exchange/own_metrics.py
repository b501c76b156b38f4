"""Metrics that are bsx's own, in files that it wrote: they keep the hyphens of their names."""

from __future__ import annotations

import re
from collections.abc import Container

from bsx.command import names
from bsx.schema import METRICS, Metric, metric_of

_NAMES = {known.metric.name for found in METRICS.values() for known in found}
_SPELLED = "|".join(sorted(re.escape(name) for name in _NAMES if "-" in name))
_OWN = re.compile(rf"(?:.*[^a-z0-9-])?({_SPELLED}|top-[1-9]\d*)")


def own_metric(field: str) -> Metric | None:
    """Return the metric that a field names by its hyphens, as val_exact-match; else None."""
    found = _OWN.fullmatch(field.strip().lower())
    of_tasks = (metric_of(task, found[1]) for task in METRICS) if found else ()
    return next((metric for metric in of_tasks if metric is not None), None)


def known_metric(name: str) -> Metric | None:
    """Return the metric of a name; None where it does not say which way is better."""
    return own_metric(name) or names.known_metric(name)


def asked_name(field: str, flag: str, there: Container[str]) -> str:
    """Return by which name a metric is there that was asked for as ``field``.

    Raises:
        ConfigError: for a field that is no validation metric.
    """
    own = own_metric(field)
    return own.name if own and own.name in there else names.validation_name(field, flag)
