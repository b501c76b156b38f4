"""``bsx probe``: throughput and memory by batch size, without training to convergence."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.options import warn_of_variables, with_settings
from bsx.errors import EXIT_DONE, EXIT_SOME_FAILED, ConfigError, DataError

if TYPE_CHECKING:
    from bsx.execute.base import Executor
    from bsx.probe import Prober
    from bsx.schema import Probe, SweepConfig, Watcher

_SETTINGS = (
    *("dataset", "dataset_args", "model", "model_args", "optimizer", "optimizer_args"),
    *("momentum", "weight_decay", "loss", "label_smoothing", "metric", "clip_norm", "l1", "l2"),
    *("micro_batch_size", "precision", "freeze", "drop_last"),
    *("validation_fraction", "test_fraction", "subset", "augment", "split_seed"),
    *("device", "threads", "speed_loop", "stream", "vary", "format", "get", "quiet"),
)


@with_settings(_SETTINGS)
def probe(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A TOML file of a sweep's options; flags override it.", metavar="[FILE]"
        ),
    ] = None,
    most: Annotated[
        str | None,
        typer.Option(
            "--max",
            help="The largest batch size to try.  (default: the training set)",
            metavar="INT",
        ),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(
            "--max-memory",
            help="What a process may hold in memory at most, e.g. 4GiB, 500MB.  (default: the "
            "memory of the device; on the CPU what is free, in a container what its limit leaves)",
            metavar="SIZE",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Write the result as JSON to this file, for `bsx show --speed` elsewhere.",
            metavar="FILE",
        ),
    ] = None,
    **flags: Any,
) -> None:
    """Find out which batch sizes fit in memory and how fast each runs. Nothing is trained.

    Sizes double until one does not fit; then the gap is halved down to the largest that completes
    real training and evaluation steps. Each attempt has a process of its own, so that one without
    memory left takes nothing else along. Sizes that fit are timed alone, as a sweep times them, and
    the knee is named: the smallest with 90 % of the best throughput.

    With --vary several arms take their turns, and what each buys against the first is said: in
    samples per second and in memory.

    Examples:

    $ bsx probe

    $ bsx probe --model cnn --max 1024 --max-memory 4GiB

    $ bsx probe --vary precision=float32,bfloat16

    $ bsx probe --get largest

    $ bsx probe --save speed.json
    """
    from bsx import parse
    from bsx.config import read_arms

    arms, door = read_arms(flags, os.environ, file)
    arms = [(label, replace(config, branching=None)) for label, config in arms]
    if not door.quiet:
        warn_of_variables(os.environ)
    _check_arms([config for _, config in arms], save)
    with redirect_stdout(sys.stderr):  # what models and data print is no result
        found = _probed(
            arms,
            None if most is None else parse.count(most, "--max"),
            None if max_memory is None else parse.memory(max_memory, "--max-memory"),
            door.quiet,
        )
    if save is not None:
        _save(found[0][1], save)
    if len(found) == 1:
        _print(found[0][1], door.format, door.get)
    else:
        _print_arms(found, door.format, door.get)
    failed = any(size.status == "failed" for _, probe in found for size in probe.sizes)
    raise typer.Exit(EXIT_SOME_FAILED if failed else EXIT_DONE)


def _check_arms(configs: Sequence[SweepConfig], save: Path | None) -> None:
    """Refuse what cannot be probed, or put where it is asked to go, before minutes are spent."""
    if any(config.command is not None for config in configs):
        raise ConfigError("--command: a program of yours cannot be probed; `bsx sweep` times it")
    _check_writable(save)
    if save is not None and len(configs) > 1:
        raise ConfigError(
            f"--save {save}: with --vary there are {len(configs)} probes, and `bsx show --speed` "
            "takes one; save the arm that you want without --vary, or print all with --format json"
        )
    from bsx.arms import varied

    for key, value in dict.fromkeys(pair for c in configs for pair in varied(c).items()):
        if key not in _SETTINGS and f"{key.partition('.')[0]}_args" not in _SETTINGS:
            raise ConfigError(
                f"--vary {key}={value}: that changes neither speed nor memory of a step; vary "
                "what does, such as precision, micro-batch-size or model.ARG"
            )


def _probed(
    arms: Sequence[tuple[str, SweepConfig]], most: int | None, limit: int | None, quiet: bool
) -> list[tuple[str, Probe]]:
    """Probe the arms side by side; return what was found of each, with what sets it apart."""
    from bsx import registry
    from bsx.probe import probed
    from bsx.render.progress import QuietProgress, SweepProgress

    with registry.load("executor", "workers")() as executor:
        executor.prepare()
        progress = QuietProgress() if quiet else SweepProgress()
        probers = _probers(arms, most, limit, executor, progress)
        with progress:
            found = probed(probers)
    return [(label, probe) for (label, _), probe in zip(arms, found, strict=True)]


def _probers(
    arms: Sequence[tuple[str, SweepConfig]],
    most: int | None,
    limit: int | None,
    executor: Executor,
    progress: Watcher,
) -> list[Prober]:
    from bsx.facts import describe_machine, look
    from bsx.probe import Prober

    looked = [look(config) for _, config in arms]
    bound = _limit(limit, looked[0].device)  # one for all: what is free changes meanwhile
    machine = describe_machine(looked[0].device)
    return [
        Prober(config, facts, machine, executor, progress, *bound, most, label)
        for (label, config), facts in zip(arms, looked, strict=True)
    ]


def _limit(asked: int | None, device: str) -> tuple[int | None, str]:
    """Return the bytes that a process may hold, and whose limit that is; None: nobody tells."""
    if asked is not None:
        return asked, "user"
    if device == "cuda":
        import torch

        return torch.cuda.get_device_properties(device).total_memory, "device"
    if device == "cpu":
        from bsx.data.room import available

        return available(), "machine"
    return None, "device"


def _check_writable(file: Path | None) -> None:
    """Refuse a file that cannot be written before minutes are spent on what goes there."""
    if file is not None:
        from bsx.exchange.exports import check_place

        check_place(file, "--save")


def _save(found: Probe, file: Path) -> None:
    from bsx.render import probing
    from bsx.render.formats import Format, machine_text

    try:
        file.write_text(machine_text(probing.document(found), [], Format.JSON), encoding="utf-8")
    except OSError as error:
        raise DataError(f"--save {file}: cannot write it: {error.strerror}") from None


def _print(found: Probe, form: str, get: str | None) -> None:
    from bsx.cli.output import print_found
    from bsx.render import probing

    document = probing.document(found)
    print_found(
        document,
        probing.rows(document),
        form=form,
        get=get,
        draw=lambda console: probing.print_probe(console, found),
        markdown=lambda: probing.markdown(found),
    )


def _print_arms(found: Sequence[tuple[str, Probe]], form: str, get: str | None) -> None:
    from bsx.cli.output import print_found
    from bsx.probe import compared
    from bsx.render import probe_comparison as arms

    comparisons = compared(found)
    document = arms.document(found, comparisons)
    print_found(
        document,
        arms.rows(document),
        form=form,
        get=get,
        draw=lambda console: arms.print_arms(console, found, comparisons),
        markdown=lambda: arms.markdown(found, comparisons),
    )
