"""``bsx.calc``: the arithmetic of batches. Nothing is trained, and torch is not imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, overload

from bsx.api.keywords import by_name, check_name, in_python, plain

if TYPE_CHECKING:
    import pandas

Count = int | Mapping[str, int] | None  # a span {"low", "high"[, "multiple_of"]} of answers


class _Table:
    """Printed it is a table, in a notebook too."""

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


@dataclass(frozen=True)
class Calculation(_Table):
    """Iterations, epochs and tails of one batch size; None is what was not asked or is not known.

    The fields are those of ``bsx calc --format json``, explained in the reference.
    """

    samples: Count
    batch_size: Count
    epochs: int | None
    steps_per_epoch: int | None
    last_batch: Count
    total_steps: int | None
    samples_seen: Count
    dropped_per_epoch: Count
    padded_per_epoch: Count
    micro_batch_size: Count
    micro_batches_per_epoch: Count
    last_micro_batch: int | None
    last_window: int | None
    accumulation: Count
    world_size: int
    bn_safe: bool | None
    class_coverage: float | None
    batch_size_for_coverage: int | None
    input_shape: Sequence[int] | None
    bn_advice: str | None

    @property
    def iterations_per_epoch(self) -> int | None:
        """Updates in one epoch: ``steps_per_epoch`` by its other name."""
        return self.steps_per_epoch

    @property
    def total_iterations(self) -> int | None:
        """Updates in all: ``total_steps`` by its other name."""
        return self.total_steps

    def document(self) -> dict[str, Any]:
        """Return the document that ``--format json`` prints."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        from bsx.render.calc_table import table_text

        return table_text([self.document()])


class Calculations(list[Calculation], _Table):
    """One for each batch size; printed it is a table."""

    def to_frame(self) -> pandas.DataFrame:
        """Return a frame with a row for each batch size.

        Raises:
            ConfigError: where pandas is not installed.
        """
        from bsx.api.frames import frame

        return frame([one.document() for one in self])

    def __str__(self) -> str:
        from bsx.render.calc_table import table_text

        return table_text([one.document() for one in self])


@overload
def calc(*, batch_size: int | None = None, **known: Any) -> Calculation: ...
@overload
def calc(*, batch_size: str | Iterable[int], **known: Any) -> Calculations: ...
@by_name
def calc(*, batch_size: Any = None, **known: Any) -> Calculation | Calculations:
    """Work out iterations, epochs and tails; one of the numbers may be left out and is solved for.

    Args:
        batch_size: samples in one update, over all devices. Several, as a list or a text such as
            ``"8..1024"``, give a list of answers.
        known: ``samples``, ``epochs``, ``total_iterations`` (or ``total_steps``),
            ``iterations_per_epoch`` (or ``steps_per_epoch``), ``drop_last``, ``tail``, ``sampler``,
            ``last_window``, ``accumulation``, ``world_size``, ``micro_batch_size``, ``length``,
            ``window``, ``horizon``, ``stride``, ``channels``, ``batch_norm``, ``classes`` and
            ``class_counts``, as the options of ``bsx calc``.

    Raises:
        ConfigError: for what cannot be meant or has no answer.

    Example:
        >>> bsx.calc(samples=1024, batch_size=8, epochs=10).total_iterations
        1280
    """
    from bsx.cli.calc import answered

    names = {"total_iterations": "total_steps", "iterations_per_epoch": "steps_per_epoch"}
    for name in known:
        check_name(name, (*PARAMETERS, *names), "bsx.calc")
    size = plain(batch_size)
    given = {"batch_size": size, **{names.get(key, key): v for key, v in known.items()}}
    with in_python(flags={}):
        documents = answered({name: _text(name, value) for name, value in given.items()})
    found = Calculations(Calculation(**document) for document in documents)
    return found if isinstance(size, list | str) else found[0]


PARAMETERS = (
    *("samples", "batch_size", "epochs", "total_steps", "steps_per_epoch", "drop_last", "tail"),
    *("sampler", "last_window", "accumulation", "world_size", "micro_batch_size", "length"),
    *("window", "horizon", "stride", "channels", "batch_norm", "classes", "class_counts"),
)


_SWITCHES = ("drop_last", "batch_norm")


def _text(name: str, value: Any) -> Any:
    """Return a value as it would be typed.

    Raises:
        ConfigError: for a switch that is neither on nor off, and for an empty list.
    """
    from bsx.errors import ConfigError

    value = plain(value)
    if name in _SWITCHES and value is not None:
        if not isinstance(value, bool):
            raise ConfigError(f"{name}={value!r}: give True or False")
        return value
    if value == []:
        raise ConfigError(f"{name}=[]: the list is empty")
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if value is None or isinstance(value, str) else str(value)
