"""``bsx probe``: throughput and memory by batch size, without training to convergence."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.options import warn_of_variables, with_settings
from bsx.errors import EXIT_DONE, EXIT_SOME_FAILED, ConfigError

if TYPE_CHECKING:
    from bsx.schema import Probe, SweepConfig

_SETTINGS = (
    *("dataset", "dataset_args", "model", "model_args", "optimizer", "optimizer_args"),
    *("momentum", "weight_decay", "loss", "label_smoothing", "metric", "clip_norm", "l1", "l2"),
    *("micro_batch_size", "precision", "freeze", "drop_last"),
    *("validation_fraction", "test_fraction", "subset", "augment", "split_seed"),
    *("device", "threads", "speed_loop", "stream", "format", "get", "quiet"),
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

    Examples:

    $ bsx probe

    $ bsx probe --model cnn --max 1024 --max-memory 4GiB

    $ bsx probe --get largest

    $ bsx probe --save speed.json
    """
    from bsx import parse
    from bsx.config import read_sweep

    config, door = read_sweep(flags, os.environ, file)
    if not door.quiet:
        warn_of_variables(os.environ)
    if config.command is not None:
        raise ConfigError("--command: a program of yours cannot be probed; `bsx sweep` times it")
    _check_writable(save)
    found = _probed(
        config,
        None if most is None else parse.count(most, "--max"),
        None if max_memory is None else parse.memory(max_memory, "--max-memory"),
        door.quiet,
    )
    if save is not None:
        _save(found, save)
    _print(found, door.format, door.get)
    failed = any(size.status == "failed" for size in found.sizes)
    raise typer.Exit(EXIT_SOME_FAILED if failed else EXIT_DONE)


def _probed(config: SweepConfig, most: int | None, limit: int | None, quiet: bool) -> Probe:
    from bsx import registry
    from bsx.facts import describe_machine, look
    from bsx.probe import Prober
    from bsx.render.progress import QuietProgress, SweepProgress

    with registry.load("executor", "workers")() as executor:
        facts = look(config)
        limit_bytes, source = _limit(limit, facts.device)
        progress = QuietProgress() if quiet else SweepProgress(metric=facts.metric)
        machine = describe_machine(facts.device)
        with progress:
            return Prober(
                config, facts, machine, executor, progress, limit_bytes, source, most
            ).run()


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
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise ConfigError(f"--save {file}: give a file in a folder that is there")


def _save(found: Probe, file: Path) -> None:
    from bsx.render import probing
    from bsx.render.formats import Format, machine_text

    try:
        file.write_text(machine_text(probing.document(found), [], Format.JSON), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--save {file}: {error.strerror}") from None


def _print(found: Probe, form: str, get: str | None) -> None:
    from bsx.render import probing
    from bsx.render.formats import Format, get_text, machine_text

    document = probing.document(found)
    if get is not None:
        sys.stdout.write(get_text(document, get))
    elif form == Format.TABLE:
        from rich.console import Console

        probing.print_probe(Console(), found)
    elif form == Format.MARKDOWN:
        sys.stdout.write(probing.markdown(found))
    else:
        sys.stdout.write(machine_text(document, probing.rows(document), Format(form)))
