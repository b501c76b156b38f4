"""Find the quantity that was left out: samples, batch size, epochs or iterations.

Two laws tie them together: iterations an epoch follow from samples and batch size
(``walk_epoch``), and total iterations = epochs × iterations an epoch. Everything is an integer;
several answers come back as a :class:`Span`, none or a contradiction is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bsx.arithmetic.epochs import Epoch, Layout, walk_epoch
from bsx.arithmetic.question import Question, split_batch
from bsx.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Span:
    """Every multiple of ``multiple_of`` from ``low`` to ``high`` is an answer."""

    low: int
    high: int
    multiple_of: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole arithmetic; ``first`` and ``last`` are the epoch at the two ends of a span."""

    samples: int | Span
    batch_size: int | Span
    epochs: int | None
    steps_per_epoch: int
    total_steps: int | None
    accumulation: int | Span
    layout: Layout
    first: Epoch
    last: Epoch


def solve(question: Question) -> Answer:
    """Answer ``question``.

    Raises:
        ConfigError: where too little is known, nothing fits, or two things contradict each other.
    """
    per_epoch = _steps_per_epoch_asked(question)
    batch_size = _batch_size_asked(question, per_epoch)
    if question.samples is not None and batch_size is not None:
        return _known(question, question.samples, batch_size, per_epoch)
    if question.samples is not None and per_epoch is not None:
        return _unknown_batch_size(question, question.samples, per_epoch)
    if batch_size is not None and per_epoch is not None:
        return _unknown_samples(question, batch_size, per_epoch)
    raise ConfigError(_too_little(question, batch_size))


def _steps_per_epoch_asked(question: Question) -> int | None:
    """Return iterations an epoch as far as they follow from iterations and epochs alone."""
    given, epochs, total = question.steps_per_epoch, question.epochs, question.total_steps
    if epochs is None or total is None:
        return given
    if total % epochs:
        below = total // epochs * epochs
        near = f"{below} or {below + epochs}" if below else f"{epochs}"
        raise ConfigError(
            f"--total-iterations {total}: not a whole number of iterations in each of "
            f"--epochs {epochs}; use {near}"
        )
    if given not in (None, total // epochs):
        raise ConfigError(
            f"--iterations-per-epoch {given}: contradicts --total-iterations {total} over "
            f"--epochs {epochs}, which make {total // epochs}; leave one of them out"
        )
    return total // epochs


def _batch_size_asked(question: Question, per_epoch: int | None) -> int | None:
    """Return the batch size as given, or as micro-batch × accumulation × devices."""
    if question.batch_size is not None or question.micro_batch_size is None:
        return question.batch_size
    if question.accumulation is None and per_epoch is not None:
        return None  # the accumulation is what is asked for
    return question.micro_batch_size * (question.accumulation or 1) * question.layout.world_size


def _known(question: Question, samples: int, batch_size: int, per_epoch: int | None) -> Answer:
    if batch_size > samples:
        raise ConfigError(
            f"--batch-size {batch_size}: larger than the {samples} samples; "
            f"use at most {samples} (the full batch)"
        )
    layout = split_batch(question, batch_size)
    epoch = walk_epoch(samples, batch_size, layout)
    if per_epoch not in (None, epoch.steps):
        flag, value, made = "--iterations-per-epoch", per_epoch, f"{epoch.steps}"
        over = ""
        if question.total_steps is not None and question.epochs is not None:
            flag, value = "--total-iterations", question.total_steps
            over = f" over --epochs {question.epochs}"
            made = f"{epoch.steps * question.epochs}"
        raise ConfigError(
            f"{flag} {value}: contradicts {samples} samples at --batch-size {batch_size}{over}, "
            f"which make {made}; leave one of them out"
        )
    epochs, total = question.epochs, question.total_steps
    if epochs is None and total is not None:
        epochs = _whole_epochs(total, epoch.steps, batch_size)
    if total is None and epochs is not None:
        total = epochs * epoch.steps
    return Answer(
        samples, batch_size, epochs, epoch.steps, total, layout.accumulation, layout, epoch, epoch
    )


def _whole_epochs(total: int, per_epoch: int, batch_size: int) -> int:
    epochs, rest = divmod(total, per_epoch)
    if not rest:
        return epochs
    near = f"{(epochs + 1) * per_epoch} ({_epochs(epochs + 1)})"
    if epochs:
        near = f"{epochs * per_epoch} ({_epochs(epochs)}) or {near}"
    raise ConfigError(
        f"--total-iterations {total}: not a whole number of epochs at --batch-size {batch_size}, "
        f"which makes {per_epoch} iterations an epoch; use {near}"
    )


def _unknown_batch_size(question: Question, samples: int, per_epoch: int) -> Answer:
    """Find every batch size that gives ``per_epoch`` iterations: they fall as it grows."""
    world = question.layout.world_size
    unit = world * (question.micro_batch_size or question.accumulation or 1)

    def steps(parts: int) -> int:
        size = parts * unit
        return walk_epoch(samples, size, split_batch(question, size)).steps

    most = samples // unit
    if not most:
        raise ConfigError(
            f"no batch size fits: the smallest that splits is {unit}, larger than the {samples} "
            "samples; use a smaller --world-size, --accumulation or --micro-batch-size"
        )
    low = first_where(lambda parts: steps(parts) <= per_epoch, 1, most)
    high = first_where(lambda parts: steps(parts) < per_epoch, 1, most) - 1
    if low > high:
        raise ConfigError(_no_batch_size(samples, per_epoch, steps, low, most))
    layouts = [split_batch(question, parts * unit) for parts in (low, high)]
    ends = [
        walk_epoch(samples, parts * unit, layout)
        for parts, layout in zip((low, high), layouts, strict=True)
    ]
    accumulation = [layout.accumulation for layout in layouts]
    return Answer(
        samples,
        _span(low * unit, high * unit, unit),
        _epochs_asked(question, per_epoch),
        per_epoch,
        _total_asked(question, per_epoch),
        _span(accumulation[0], accumulation[1], 1),
        layouts[0],
        ends[0],
        ends[1],
    )


def _unknown_samples(question: Question, batch_size: int, per_epoch: int) -> Answer:
    """Find every number of samples that gives ``per_epoch`` iterations: they grow with it."""
    layout = split_batch(question, batch_size)

    def steps(samples: int) -> int:
        return walk_epoch(samples, batch_size, layout).steps

    most = (per_epoch + 2) * batch_size + layout.world_size
    low = first_where(lambda samples: steps(samples) >= per_epoch, batch_size, most)
    high = first_where(lambda samples: steps(samples) > per_epoch, batch_size, most) - 1
    return Answer(
        _span(low, high, 1),
        batch_size,
        _epochs_asked(question, per_epoch),
        per_epoch,
        _total_asked(question, per_epoch),
        layout.accumulation,
        layout,
        walk_epoch(low, batch_size, layout),
        walk_epoch(high, batch_size, layout),
    )


def first_where(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the first integer in low..high where ``holds`` turns true; high + 1 if it never does.

    ``holds`` must be false up to some integer and true from there on.
    """
    high += 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _epochs_asked(question: Question, per_epoch: int) -> int | None:
    if question.epochs is not None or question.total_steps is None:
        return question.epochs
    if question.total_steps % per_epoch:
        raise ConfigError(
            f"--total-iterations {question.total_steps}: not a whole number of epochs of "
            f"--iterations-per-epoch {per_epoch}; use a multiple of {per_epoch}"
        )
    return question.total_steps // per_epoch


def _total_asked(question: Question, per_epoch: int) -> int | None:
    if question.total_steps is not None or question.epochs is None:
        return question.total_steps
    return question.epochs * per_epoch


def _span(low: int, high: int, multiple_of: int) -> int | Span:
    return low if low == high else Span(low, high, multiple_of)


def _no_batch_size(
    samples: int, per_epoch: int, steps: Callable[[int], int], low: int, most: int
) -> str:
    near = sorted({steps(parts) for parts in (low - 1, low) if 1 <= parts <= most})
    return (
        f"no batch size cuts {samples} samples into {per_epoch} iterations an epoch; "
        f"the nearest that can be had: {' or '.join(map(str, near))} "
        "(see --iterations-per-epoch, --total-iterations and --epochs)"
    )


def _too_little(question: Question, batch_size: int | None) -> str:
    if question.samples is not None:
        return "--batch-size is missing (or give --epochs and --total-iterations to solve for it)"
    if batch_size is not None:
        return "--samples is missing (or give --epochs and --total-iterations to solve for it)"
    return "--samples and --batch-size are missing; try: bsx calc --samples 1024 --batch-size 8"


def _epochs(number: int) -> str:
    return f"{number} epoch" if number == 1 else f"{number} epochs"
