"""The answer of ``bsx calc`` as the document that ``--format json`` prints.

Every field is there; None is what was not asked for, is not known, or differs from one answer to
the next in a way that two ends do not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bsx.arithmetic.coverage import batch_size_for_coverage, coverage
from bsx.arithmetic.epochs import Epoch
from bsx.arithmetic.solve import Answer, Span

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Extras:
    """What is asked beside the steps.

    ``class_sizes``: class size → how many classes have it. ``sample_shape``: of one input.
    """

    batch_norm: bool = False
    class_sizes: Mapping[int, int] | None = None
    smallest_with_coverage: int | None = None
    sample_shape: tuple[int, ...] | None = None


def extras_for(
    batch_norm: bool,
    class_sizes: Mapping[int, int] | None,
    sample_shape: tuple[int, ...] | None,
) -> Extras:
    """Work out once what is the same for every batch size."""
    smallest = batch_size_for_coverage(dict(class_sizes)) if class_sizes else None
    return Extras(batch_norm, class_sizes, smallest, sample_shape)


def document_of(answer: Answer, extras: Extras) -> Document:
    """Return the fields of one answer, by the names of the JSON contract."""
    epoch = _Ends(answer)
    seen = epoch.of("samples_seen") if epoch.linear else None
    whole = answer.batch_size if isinstance(answer.batch_size, int) else None
    shape = extras.sample_shape
    sizes = dict(extras.class_sizes) if extras.class_sizes else None
    return {
        "samples": _solved(answer.samples),
        "batch_size": _solved(answer.batch_size),
        "epochs": answer.epochs,
        "steps_per_epoch": answer.steps_per_epoch,
        "last_batch": _plain(epoch.of("last_batch") if epoch.linear else None),
        "total_steps": answer.total_steps,
        "samples_seen": _plain(None if answer.epochs is None else _times(seen, answer.epochs)),
        "dropped_per_epoch": _plain(epoch.of("dropped") if epoch.even else None),
        "padded_per_epoch": _plain(epoch.of("padded") if epoch.even else None),
        "micro_batch_size": _plain(epoch.of("micro_batch_size")),
        "micro_batches_per_epoch": _plain(epoch.of("micro_batches")),
        "last_micro_batch": answer.first.last_micro_batch if epoch.single else None,
        "last_window": answer.first.last_window if epoch.single else None,
        "accumulation": _solved(answer.accumulation),
        "world_size": answer.layout.world_size,
        "bn_safe": is_bn_safe(answer.first) if extras.batch_norm and epoch.single else None,
        "class_coverage": coverage(sizes, whole) if sizes and whole else None,
        "batch_size_for_coverage": extras.smallest_with_coverage,
        "input_shape": [whole, *shape] if shape and whole else None,
    }


def is_bn_safe(epoch: Epoch) -> bool:
    """Tell whether BatchNorm never meets a micro-batch of 1, which has no variance.

    BatchNorm's statistics are those of one forward pass on one device.
    """
    return epoch.micro_batch_size > 1 and epoch.last_micro_batch > 1


class _Ends:
    """The two ends of a span of answers, and which counts lie between them for sure."""

    def __init__(self, answer: Answer) -> None:
        self.first, self.last = answer.first, answer.last
        samples_known = isinstance(answer.samples, int)
        self.single = samples_known and isinstance(answer.batch_size, int)
        layout = answer.layout
        # The loader and the last window must treat what is left over alike: then, at a fixed number
        # of steps, the last batch is a linear function of the batch size.
        alike = (layout.tail == "drop") == (layout.last_window == "drop")
        self.linear = self.single or alike or answer.accumulation == 1
        self.even = self.single or (self.linear and (samples_known or layout.world_size == 1))

    def of(self, name: str) -> int | Span:
        ends = sorted((getattr(self.first, name), getattr(self.last, name)))
        return ends[0] if ends[0] == ends[1] else Span(ends[0], ends[1])


def _times(value: int | Span | None, factor: int) -> int | Span | None:
    if isinstance(value, Span):
        return Span(value.low * factor, value.high * factor)
    return None if value is None else value * factor


def _plain(value: int | Span | None) -> int | dict[str, int] | None:
    """Write a derived count; not every integer between its ends need occur."""
    if isinstance(value, Span):
        return {"low": value.low, "high": value.high}
    return value


def _solved(value: int | Span) -> int | dict[str, int]:
    """Write what was solved for; every multiple between the ends is an answer."""
    if isinstance(value, Span):
        return {"low": value.low, "high": value.high, "multiple_of": value.multiple_of}
    return value
