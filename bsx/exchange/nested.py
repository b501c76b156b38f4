"""What the dotted names of columns say that lie in an object within the row."""

from __future__ import annotations

import re

from bsx.command import names

# Objects of a log that hold what a run was told, and no metrics
_OF_SETTINGS = ("config", "cfg", "args", "params", "hparams", "hyperparameters", "settings")
_OF_METRICS = re.compile(r"(metrics?|scores?|results?)")


def plain(column: str) -> str:
    """Return a name as it is compared: small letters, digits and single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def last(column: str) -> str:
    """Return the last part of a dotted name, as it is compared; a plain one has no other."""
    return plain(column.rpartition(".")[2])


def is_setting(column: str) -> bool:
    """Say whether the column lies among what a run was told."""
    return "." in column and plain(column.partition(".")[0]) in _OF_SETTINGS


def is_of_evaluation(column: str) -> bool:
    """Say whether one of the objects it lies in is about validation or test."""
    parts = (names.part(plain(above)) for above in column.split(".")[:-1])
    return any(part in (names.VALIDATION, names.TEST) for part in parts)


def metric_field(column: str) -> str | None:
    """Return the field that a column within an object reports; None where that holds no metrics.

    ``metrics.val.loss`` and ``val_metrics.loss`` give ``val.loss``, ``best.loss`` None:
    what the numbers of an object are is known where it is called metrics, or by a part of the data.
    """
    first, _, rest = column.partition(".")
    head = plain(first)
    if rest and _OF_METRICS.fullmatch(head):
        return metric_field(rest) or rest
    part, _, end = head.rpartition("_")
    if _OF_METRICS.fullmatch(end):
        head = part
    return f"{head}.{rest}" if rest and names.part(head) is not None else None
