"""The options of ``bsx calc``, one name each; numbers arrive as text and are parsed strictly."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bsx.cli.completion import words
from bsx.render.formats import Format

KNOWN = "What is known (one may be left out and is solved for)"
UNEVEN = "What does not come out even"
SPLIT = "How a batch is split"
SERIES = "Time series"
CHECKS = "Checks"
OUTPUT = "Output"

Given = str | None


def _option(*names: str, help: str, panel: str, metavar: str = "N") -> Any:
    completes = words(*metavar.split("|")) if "|" in metavar else None
    return typer.Option(
        *names, metavar=metavar, rich_help_panel=panel, help=help, autocompletion=completes
    )


Samples = Annotated[Given, _option("--samples", "-n", panel=KNOWN, help="Training samples.")]
BatchSize = Annotated[
    Given,
    _option(
        "--batch-size",
        "--batch-sizes",
        "-b",
        panel=KNOWN,
        metavar="SIZES",
        help="Global batch size: 32, a list 8,32,128, the powers of two in 2..1024, "
        "the multiples of 8 in 8..64:8.",
    ),
]
Epochs = Annotated[Given, _option("--epochs", "-e", panel=KNOWN, help="Passes over the data.")]
TotalSteps = Annotated[
    Given,
    _option(
        "--total-iterations",
        "--total-steps",
        "--iterations",
        panel=KNOWN,
        help="Updates in all, over every epoch (an epoch's: --iterations-per-epoch).",
    ),
]
StepsPerEpoch = Annotated[
    Given,
    _option(
        "--iterations-per-epoch", "--steps-per-epoch", panel=KNOWN, help="Updates in one epoch."
    ),
]
DropLast = Annotated[
    bool,
    typer.Option(
        "--drop-last", rich_help_panel=UNEVEN, help="Drop an epoch's last, smaller batch."
    ),
]
Tail = Annotated[
    Given,
    _option(
        "--tail",
        panel=UNEVEN,
        metavar="keep|drop|merge",
        help="The last, smaller batch: kept, dropped, or merged into the one before. "
        "Default: keep.",
    ),
]
Sampler = Annotated[
    Given,
    _option(
        "--sampler",
        panel=UNEVEN,
        metavar="pad|drop",
        help="How samples are shared evenly among devices: some repeated, or some left out. "
        "Default: pad; drop with --drop-last.",
    ),
]
LastWindow = Annotated[
    Given,
    _option(
        "--last-window",
        panel=UNEVEN,
        metavar="keep|drop",
        help="An accumulation window cut short by the epoch's end: an iteration or none. "
        "Default: keep; drop with --drop-last.",
    ),
]
Accumulation = Annotated[
    Given, _option("--accumulation", "-a", panel=SPLIT, help="Micro-batches in one update.")
]
WorldSize = Annotated[
    Given, _option("--world-size", "-w", panel=SPLIT, help="Devices that share a batch.")
]
MicroBatchSize = Annotated[
    Given,
    _option(
        "--micro-batch-size",
        panel=SPLIT,
        help="Samples in one forward pass on one device "
        "(batch size = micro-batch × accumulation × devices).",
    ),
]
Length = Annotated[Given, _option("--length", panel=SERIES, help="Points in the series.")]
Window = Annotated[Given, _option("--window", panel=SERIES, help="Points in one input.")]
Horizon = Annotated[
    Given, _option("--horizon", panel=SERIES, help="Points to predict. Default: 1.")
]
Stride = Annotated[
    Given, _option("--stride", panel=SERIES, help="Points between two windows. Default: 1.")
]
Channels = Annotated[Given, _option("--channels", panel=SERIES, help="Values at each point.")]
BatchNorm = Annotated[
    bool,
    typer.Option(
        "--bn", "--batch-norm", rich_help_panel=CHECKS, help="Is each size safe for BatchNorm?"
    ),
]
Classes = Annotated[
    Given,
    _option(
        "--classes",
        "-c",
        panel=CHECKS,
        help="The chance that a batch holds every one of N equally frequent classes.",
    ),
]
ClassCounts = Annotated[
    Given,
    _option(
        "--class-counts",
        panel=CHECKS,
        metavar="N,N,…",
        help="The same for classes with these numbers of samples.",
    ),
]
Form = Annotated[
    Format, typer.Option("--format", "-f", rich_help_panel=OUTPUT, help="How it is printed.")
]
Get = Annotated[
    Given,
    _option(
        "--get",
        panel=OUTPUT,
        metavar="FIELD",
        help="Print one bare value: total-iterations, iterations-per-epoch, last-batch, … "
        "(of a list: 32.last-batch).",
    ),
]
