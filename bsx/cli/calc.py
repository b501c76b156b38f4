"""``bsx calc``: the arithmetic of batches, without training anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import typer

from bsx.arithmetic.coverage import balanced_classes, class_sizes
from bsx.arithmetic.document import Document, Extras, document_of, extras_for
from bsx.arithmetic.epochs import TAILS, Layout
from bsx.arithmetic.numbers import parse_batch_sizes, parse_count
from bsx.arithmetic.question import Question
from bsx.arithmetic.solve import solve
from bsx.arithmetic.windows import window_samples
from bsx.cli import calc_options as given
from bsx.errors import ConfigError
from bsx.render.calc_wording import bn_advice
from bsx.render.formats import Format, get_text, machine_text


def calc(
    samples: given.Samples = None,
    batch_size: given.BatchSize = None,
    epochs: given.Epochs = None,
    total_steps: given.TotalSteps = None,
    steps_per_epoch: given.StepsPerEpoch = None,
    drop_last: given.DropLast = False,
    tail: given.Tail = None,
    sampler: given.Sampler = None,
    last_window: given.LastWindow = None,
    accumulation: given.Accumulation = None,
    world_size: given.WorldSize = None,
    micro_batch_size: given.MicroBatchSize = None,
    length: given.Length = None,
    window: given.Window = None,
    horizon: given.Horizon = None,
    stride: given.Stride = None,
    channels: given.Channels = None,
    batch_norm: given.BatchNorm = False,
    classes: given.Classes = None,
    class_counts: given.ClassCounts = None,
    form: given.Form = Format.TABLE,
    get: given.Get = None,
) -> None:
    """Work out iterations, epochs and tails. Nothing is trained.

    1,024 samples in batches of 8 for 10 epochs: 128 iterations per epoch, 1,280 in all:

    $ bsx calc --samples 1024 --batch-size 8 --epochs 10

    Which batch size makes 60 iterations of 1,200 samples and 5 epochs? Any from 100 to 109:

    $ bsx calc --samples 1200 --epochs 5 --total-iterations 60

    A table for many sizes, and one number for a script:

    $ bsx calc --samples 50000 --batch-size 8..1024 --epochs 90 --drop-last

    $ bsx calc --samples 1200 --batch-size 100 --epochs 5 --get total-iterations
    """
    _print(answered(locals()), form, get)


def answered(given: Mapping[str, Any]) -> list[Document]:
    """Return the documents that answer a question, one a batch size.

    ``given``: the parameters of :func:`calc` by name, as texts; what is missing is not known.

    Raises:
        ConfigError: for what cannot be meant, naming the flag.
    """
    numbers = {name: _count(given.get(name), flag) for name, flag in _NUMBERS.items()}
    drop_last = bool(given.get("drop_last"))
    layout = _layout(
        drop_last,
        given.get("tail"),
        given.get("sampler"),
        given.get("last_window"),
        numbers["world_size"],
    )
    counts = _class_counts(given.get("class_counts"))
    series = _Series(*(numbers[name] for name in _Series.__dataclass_fields__))
    known = _samples(numbers["samples"], series, counts)
    question = Question(
        samples=known,
        epochs=numbers["epochs"],
        steps_per_epoch=numbers["steps_per_epoch"],
        total_steps=numbers["total_steps"],
        accumulation=numbers["accumulation"],
        micro_batch_size=numbers["micro_batch_size"],
        layout=layout,
    )
    asked = given.get("batch_size")
    sizes = (None,) if asked is None else parse_batch_sizes(asked)
    sizes_of_classes = _sizes_of_classes(numbers["classes"], counts, known)
    batch_norm = bool(given.get("batch_norm"))
    return _answers(question, sizes, extras_for(batch_norm, sizes_of_classes, series.sample_shape))


# What is read as one number, by the flag that messages name
_NUMBERS = {
    "samples": "--samples",
    "epochs": "--epochs",
    "steps_per_epoch": "--iterations-per-epoch",
    "total_steps": "--total-iterations",
    "accumulation": "--accumulation",
    "world_size": "--world-size",
    "micro_batch_size": "--micro-batch-size",
    "length": "--length",
    "window": "--window",
    "horizon": "--horizon",
    "stride": "--stride",
    "channels": "--channels",
    "classes": "--classes",
}


@dataclass(frozen=True, slots=True)
class _Series:
    """The options of a time series, as far as they were given."""

    length: int | None
    window: int | None
    horizon: int | None
    stride: int | None
    channels: int | None

    @property
    def sample_shape(self) -> tuple[int, ...] | None:
        """The shape of one input: (window,) or (window, channels)."""
        if self.window is None:
            return None
        return (self.window,) if self.channels is None else (self.window, self.channels)

    def samples(self) -> int | None:
        """Return the samples that the series gives; None where there is none.

        Raises:
            ConfigError: where length or window is missing, or no sample fits.
        """
        if self.length is not None and self.window is not None:
            return window_samples(self.length, self.window, self.horizon or 1, self.stride or 1)
        if self.length is not None:
            raise ConfigError("--window is missing: a series is cut into windows of that length")
        for flag in ("window", "horizon", "stride", "channels"):
            if getattr(self, flag) is not None:
                raise ConfigError(f"--{flag} {getattr(self, flag)}: give --length and --window too")
        return None


def _answers(question: Question, sizes: tuple[int | None, ...], extras: Extras) -> list[Document]:
    documents = []
    for size in sizes:
        document = document_of(solve(replace(question, batch_size=size)), extras)
        documents.append({**document, "bn_advice": bn_advice(document, extras.batch_norm)})
    return documents


def _print(documents: list[Document], form: Format, get: str | None) -> None:
    single = len(documents) == 1
    document: Any = documents[0] if single else documents
    if get is not None:
        text = get_text(document, get)
    elif form is not Format.TABLE:
        text = machine_text(document, documents, form)
    else:
        from bsx.render.calc_table import table_text

        text = table_text(documents)
    typer.echo(text, nl=False)


def _count(text: str | None, flag: str) -> int | None:
    return None if text is None else parse_count(text, flag)


def _layout(
    drop_last: bool,
    tail: str | None,
    sampler: str | None,
    last_window: str | None,
    world_size: int | None,
) -> Layout:
    _check_choice("--tail", tail, TAILS)
    _check_choice("--sampler", sampler, ("pad", "drop"))
    _check_choice("--last-window", last_window, ("keep", "drop"))
    if drop_last and tail not in (None, "drop"):
        raise ConfigError(f"--tail {tail}: contradicts --drop-last; leave one of them out")
    tail = tail or ("drop" if drop_last else "keep")
    return Layout(
        world_size=world_size or 1,
        tail=tail,
        sampler=sampler or ("drop" if tail == "drop" else "pad"),
        last_window=last_window or ("drop" if tail == "drop" else "keep"),
    )


def _check_choice(flag: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise ConfigError(f"{flag} {value}: must be {', '.join(choices[:-1])} or {choices[-1]}")


def _samples(samples: int | None, series: _Series, counts: tuple[int, ...]) -> int | None:
    """Return the samples, from whichever of the three says so."""
    sources = {"--samples": samples, "--length and --window": series.samples()}
    sources["--class-counts"] = sum(counts) or None
    given = {name: value for name, value in sources.items() if value is not None}
    if len(set(given.values())) > 1:
        (first, one), (second, other) = list(given.items())[:2]
        raise ConfigError(
            f"{first} {'make' if ' ' in first else 'is'} {one}: contradicts {second}, "
            f"which make {other} samples; leave one of them out"
        )
    return next(iter(given.values()), None)


def _class_counts(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    return tuple(parse_count(part, "--class-counts") for part in text.split(","))


def _sizes_of_classes(
    classes: int | None, counts: tuple[int, ...], samples: int | None
) -> dict[int, int] | None:
    if counts:
        if classes not in (None, len(counts)):
            raise ConfigError(f"--classes {classes}: contradicts --class-counts, of {len(counts)}")
        return class_sizes(counts)
    if classes is None:
        return None
    if samples is None:
        raise ConfigError(f"--classes {classes}: give --samples too")
    if classes > samples:
        raise ConfigError(f"--classes {classes}: more classes than the {samples} samples")
    return balanced_classes(samples, classes)
