"""``bsx sweep --more-seeds``: the question of a stored sweep again, with more seeds than it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bsx.errors import ConfigError

if TYPE_CHECKING:
    from bsx.config import Door
    from bsx.schema import Sweep, SweepConfig

# Flags that do not change what is trained, so that they may stand beside --more-seeds alone
_BESIDE = frozenset(
    {"target", "confirm", "tolerance", "objective", "price_per_hour", "base_batch_size"}
    | {"reference_batch_size", "store", "format", "get", "quiet", "dry_run", "log", "plot"}
)


class Continued(NamedTuple):
    """The arms that go on, and the fingerprints of the data that they must find again."""

    arms: list[tuple[str, SweepConfig]]
    door: Door
    fingerprints: tuple[str, ...]


def continued(
    more: int, file: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> Continued:
    """Return the sweeps that have ``more`` seeds than are stored of them.

    Args:
        more: how many seeds more.
        file: a TOML file, or the name or the beginning of the id of a stored sweep.
        flags: as typed; with one that changes what is trained, or a TOML file, these say which
            sweep is meant, else it is the newest that is stored.
        environ: the environment.

    Raises:
        ConfigError: where there is no such sweep, or what it was trained with has changed.
    """
    from bsx.config import FURTHER

    for key, why in (
        ("seeds", "says how many there are to be in all"),
        ("fresh", "trains again what --more-seeds goes on from"),
    ):
        if flags.get(key):
            raise ConfigError(
                f"--more-seeds {more} and --{key}: the latter {why}; give one of the two"
            )
    given = {key for key, value in flags.items() if value not in (None, (), [], False)}
    names_file = file is not None and (file.is_file() or file.suffix == ".toml")
    if given <= _BESIDE | FURTHER.keys() and not names_file:
        return _of_stored(more, None if file is None else str(file), flags, environ)
    return _of_question(more, file, flags, environ)


def _of_stored(
    more: int, wanted: str | None, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> Continued:
    """Go on from the sweep that is named, or else from the newest.

    A name that the arms of ``--vary`` share means all of them, and so does an arm that is the
    newest; the id of one means that one.
    """
    from bsx.arms import label
    from bsx.cli.named import arms_named
    from bsx.config import read_further
    from bsx.store import Store

    read, door = read_further(flags, environ)
    with Store(door.store) as store:
        arms = arms_named(store, wanted)
        sweep = store.sweep(wanted)
    config = read(sweep.config)
    if config.command is not None and config.command.program.elsewhere:
        named = wanted or "the newest sweep"
        raise ConfigError(
            f"--more-seeds {more}: {named} was imported, so bsx cannot train more of it; add the "
            "rows of new seeds to its file and import that, or name another sweep"
        )
    for arm in arms:
        _check_unchanged(more, arm)
    several = len(arms) > 1
    return Continued(
        [(label(arm.config) if several else "", _with(read(arm.config), more)) for arm in arms],
        door,
        tuple(arm.facts.fingerprint for arm in arms),
    )


def _of_question(
    more: int, file: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> Continued:
    """Go on from the stored sweep of the same question, arm by arm."""
    from bsx.config import read_arms
    from bsx.store import Store

    arms, door = read_arms(flags, environ, file)
    with Store(door.store) as store:
        stored = store.sweeps()
    found = [(label, config, _last_like(config, stored)) for label, config in arms]
    for label, _, sweep in found:
        if sweep is None:
            which = f"no sweep of {label}" if label else "no sweep with these options"
            raise ConfigError(
                f"--more-seeds {more}: {which} is stored in {door.store}; run it first, without "
                "--more-seeds"
            )
    known = [(label, config, sweep) for label, config, sweep in found if sweep is not None]
    return Continued(
        [
            (label, _with(replace(config, seeds=sweep.config.seeds), more))
            for label, config, sweep in known
        ],
        door,
        tuple(sweep.facts.fingerprint for _, _, sweep in known),
    )


def _last_like(config: SweepConfig, stored: list[Sweep]) -> Sweep | None:
    """Return the stored sweep of the same runs with the most seeds."""
    from bsx.arms import runs_of

    wanted = runs_of(config)
    like = [sweep for sweep in stored if runs_of(sweep.config) == wanted]
    return max(like, key=lambda sweep: sweep.config.seeds, default=None)


def _with(config: SweepConfig, more: int) -> SweepConfig:
    command = config.command
    if command is not None and "seed" not in command.program.placeholders:
        raise ConfigError(
            f"--more-seeds {more} has no meaning for a --command without {{seed}}; write {{seed}} "
            "where the program takes its seed"
        )
    return replace(config, seeds=config.seeds + more)


def _check_unchanged(more: int, sweep: Sweep) -> None:
    """Refuse to go on where a file that decides what is trained is not what it was.

    Raises:
        ConfigError: with the file and the remedy.
    """
    from bsx import registry

    config = sweep.config
    before: dict[str, str | None] = {}
    now: dict[str, str | None] = {}
    if config.command is not None:
        before |= config.command.program.sources
        now |= {path: registry.file_hash(path, "--source:") for path in before}
    else:
        kinds = {"dataset": config.dataset, "model": config.model, "optimizer": config.optimizer}
        before |= {one.name: one.source for one in kinds.values()}
        now |= {one.name: registry.source_hash(kind, one.name) for kind, one in kinds.items()}
        start = config.initialization
        if start.file is not None:
            before[start.file] = start.source
            now[start.file] = registry.file_hash(start.file, "--init-from:")
    changed = [name for name in before if before[name] != now[name]]
    if changed:
        raise ConfigError(
            f"--more-seeds {more}: {changed[0]} has changed since sweep {sweep.sweep_id}, so that "
            "new seeds would not go with those there are; run the sweep's own command to train "
            "all of them anew"
        )


def check_data(before: Sequence[str], now: Sequence[str]) -> None:
    """Refuse to go on with other data than those that the stored seeds saw.

    Raises:
        ConfigError: with the remedy.
    """
    if list(before) != list(now):
        raise ConfigError(
            "--more-seeds: the data are not what they were, so that new seeds would not go with "
            "those there are; run the sweep's own command to train all of them anew"
        )
