"""What a person knows, and how a batch of theirs splits over devices and accumulation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bsx.arithmetic.epochs import Layout
from bsx.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Question:
    """What is known; None is what is not. ``layout.accumulation`` is not looked at.

    ``accumulation`` and ``micro_batch_size`` are two ways to say the same thing.
    """

    samples: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    steps_per_epoch: int | None = None
    total_steps: int | None = None
    accumulation: int | None = None
    micro_batch_size: int | None = None
    layout: Layout = field(default_factory=Layout)


def split_batch(question: Question, batch_size: int) -> Layout:
    """Return the layout with its accumulation, checked: the batch splits evenly, or it is said.

    Raises:
        ConfigError: naming the sizes on both sides that would split.
    """
    split = _split(question, batch_size)
    if split.tail == "merge" and (split.world_size, split.accumulation) != (1, 1):
        raise ConfigError(
            "--tail merge: means one device without accumulation; use --tail keep or drop"
        )
    return split


def _split(question: Question, batch_size: int) -> Layout:
    world = question.layout.world_size
    given = question.micro_batch_size, question.accumulation
    if question.micro_batch_size is not None:
        unit = world * question.micro_batch_size
        named = f"--micro-batch-size {question.micro_batch_size}"
    else:
        unit = world * (question.accumulation or 1)
        named = f"--accumulation {question.accumulation}" if question.accumulation else ""
    if batch_size % unit:
        whole = [named] if named else []
        whole += [f"--world-size {world}"] if world > 1 else []
        below = batch_size // unit * unit
        near = f"{below} or {below + unit}" if below else f"{unit}"
        raise ConfigError(
            f"--batch-size {batch_size}: does not split evenly over {' × '.join(whole)} "
            f"(a multiple of {unit} does; it is the global batch size); use {near}"
        )
    if question.micro_batch_size is None:
        return replace(question.layout, accumulation=question.accumulation or 1)
    accumulation = batch_size // unit
    if question.accumulation not in (None, accumulation):
        raise ConfigError(
            f"--batch-size {batch_size}: contradicts --micro-batch-size {given[0]} × "
            f"--accumulation {given[1]} × --world-size {world} = {unit * (given[1] or 1)}; "
            "leave one of them out"
        )
    return replace(question.layout, accumulation=accumulation)
