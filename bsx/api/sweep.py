"""``bsx.sweep``: train at every batch size, and come back with the answer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsx.api.given import named
from bsx.api.keywords import as_typed, by_name, in_python
from bsx.api.results import Result, result_of
from bsx.errors import ConfigError, Stopped

if TYPE_CHECKING:
    from typing import Unpack

    from bsx.api.settings import Settings
    from bsx.config import Door
    from bsx.schema import SweepConfig, Watcher


@by_name
def sweep(
    file: str | Path | None = None,
    *,
    progress: bool | Watcher | None = None,
    **settings: Unpack[Settings],
) -> Result:
    """Train at every batch size under a fair protocol, and say which one to take.

    The same sweep as of ``bsx sweep``: stored as it is measured, taken up where it was stopped, and
    shown later by ``bsx show`` or ``bsx.load``. The environment's ``BSX_`` variables and the file
    count here too; keyword arguments win over both.

    Args:
        file: a TOML file of settings, as ``bsx sweep my.toml`` takes it.
        progress: whether it is shown how far the sweep is, on stderr or below the notebook's cell;
            None does so on a terminal and in a notebook. Or what is told instead (a Watcher).
        settings: the settings of ``bsx sweep`` by their names: ``batch_sizes=[16, 64]``,
            ``learning_rate=0.05``, ``target={"accuracy": 0.95}``, ``within="10m"`` … The model may
            be a class or function, the dataset arrays, a torch Dataset or a function, the optimizer
            a class. What only this session has (a notebook's class, arrays) trains in this process.

    Returns:
        what came of it; diverged runs and full memory are results.

    Raises:
        ConfigError: for what cannot be meant, before compute is spent, with the remedy.
        DataError: for data that cannot be used.
        StoreError: for a store that cannot be used.
        KeyboardInterrupt: at Ctrl-C, when all that was measured is stored; the same call goes on.

    Example:
        >>> import bsx
        >>> found = bsx.sweep(dataset="wine", model="logistic", batch_sizes=[8, 32], seeds=2)
        >>> found.recommendation.batch_size
    """
    from bsx.render.watching import watcher_for

    if file is not None and not isinstance(file, str | os.PathLike):
        raise ConfigError(f"file={file!r}: give the name of a TOML file of settings")
    watcher = watcher_for(progress)
    with in_python(), _until_interrupted():
        config, door = _read(file, settings, watcher.announce)
        with _left_as_it_was(config):
            return _run(config, door, watcher)


def _read(
    file: str | Path | None, settings: Mapping[str, Any], tell: Callable[[str], None]
) -> tuple[SweepConfig, Door]:
    from bsx.config import read_arms

    objects = {key: value for key, value in settings.items() if key in ("dataset", "model")}
    optimizer = settings.get("optimizer")
    if optimizer is not None:
        objects["optimizer"] = optimizer
    found = named(objects, tell)
    rest = {key: value for key, value in settings.items() if key not in objects}
    values = {**as_typed(rest), **found.settings}
    if found.only_here:
        _check_executor(values.get("executor"), found.only_here)
        values["executor"] = "inline"
    arms, door = read_arms(values, os.environ, None if file is None else Path(file))
    if len(arms) > 1:
        raise ConfigError(
            "vary: call bsx.sweep once for each value and set the results side by side with "
            "bsx.compare"
        )
    if door.dry_run:
        raise ConfigError("dry_run: bsx.sweep trains; take it out of the file or the environment")
    if found.only_here and arms[0][1].devices > 1:
        raise ConfigError(_alone(arms[0][1].devices, found.only_here[0]))
    return arms[0][1], door


def _alone(devices: int, what: str) -> str:
    return (
        f"devices={devices}: the {what} lives in this session alone, and each device has a process "
        "of its own; put it into a file and import it from there"
    )


def _check_executor(executor: Any, kinds: Sequence[str]) -> None:
    if executor not in (None, "inline"):
        raise ConfigError(
            f"executor={executor!r}: the {kinds[0]} lives in this session alone, and other "
            "processes cannot have it; put it into a file and import it from there, or leave "
            "executor out"
        )


def _run(config: SweepConfig, door: Door, watcher: Watcher) -> Result:
    """Train what is missing and return what is stored then."""
    from bsx import registry, sweeping
    from bsx.cli.live import logged, open_logs
    from bsx.render.watching import shown
    from bsx.store import Store

    chosen = registry.load("executor", config.executor)
    with chosen.of(config, Path(door.store)) as executor:
        executor.prepare()
        asked = sweeping.ask(config, executor.placed)
        with (
            Store(door.store, create=True) as store,
            store.held(asked.recipes, watcher.announce, patience=config.within_seconds),
        ):
            for line in sweeping.changes(asked, store.sweeps()):
                watcher.announce(line)
            log = open_logs(door.logs, asked.sweep, store)
            with (
                shown(watcher, asked.facts.metric),
                logged(log, store, asked.recipes, watcher) as told,
            ):
                conductor = sweeping.conductor(asked, store, executor, told, fresh=door.fresh)
                conductor.prepare()
                conductor.run()
            return result_of(store, store.sweep(asked.sweep_id), asked.recipes)


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Turn the first Ctrl-C into an end that stores everything; the second ends at once."""
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if here else None
    if not here or before != signal.default_int_handler:
        yield  # someone else handles it
        return

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise Stopped("Ctrl-C")

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Stopped as stopped:
        if str(stopped) != "Ctrl-C":
            raise
        message = "stopped by Ctrl-C; all that was measured is stored, and the same call goes on"
        raise KeyboardInterrupt(message) from None
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _left_as_it_was(config: SweepConfig) -> Iterator[None]:
    """Leave threads, arithmetic and the random states of the session as they were."""
    if config.command is not None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    flushed = not torch.tensor(1e-30) * 1e-12  # whether what is too small to be normal is zero
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)
