"""Flags > ``BSX_*`` environment > TOML file > defaults → SweepConfig, every cross-field check made.

What can be set stands in :mod:`bsx.settings`.
"""

from __future__ import annotations

import difflib
import itertools
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bsx import files, parse
from bsx.config.cluster import CLUSTER, cluster
from bsx.config.reading import check_price
from bsx.config.sweep import sweep_asked
from bsx.errors import ConfigError
from bsx.literals import literal
from bsx.schema import SweepConfig, View
from bsx.settings import SETTINGS, Setting


@dataclass(frozen=True)
class Door:
    """What concerns the command and not the sweep: where it is kept, and how it is shown."""

    store: str
    name: str | None
    fresh: bool
    format: str
    get: str | None
    quiet: bool
    dry_run: bool
    logs: tuple[tuple[str, str], ...] = ()  # (tracker, folder or URI)
    plot: bool = False


_NOT_VARIED = frozenset(
    {"vary", "batch_sizes", "target", "tolerance", "store", "fresh", "name", "format", "get"}
    | {
        "quiet",
        "dry_run",
        "log",
        "plot",
        "executor",
        "within",
        "device",
        "threads",
        "workers",
        "seeds",
    }
    | {"stream", "engine", "objective", "price_per_hour", "hang_timeout", "confirm", "method"}
    | {"halving", "max_memory", "reference_batch_size"}
    | {"noise_scale", "gradients", "sharpness", "allow_accumulation", "keep_states"}
    | {"devices", *CLUSTER}
)
# What may be told anew of a sweep that goes on, besides how it is read: where and how it runs
FURTHER = {
    **{
        key: key
        for key in (
            "executor",
            "name",
            "device",
            "devices",
            "threads",
            "workers",
            "engine",
            "stream",
        )
    },
    "within": "within_seconds",
    "hang_timeout": "hang_seconds",
    "allow_accumulation": "accumulate",
    "keep_states": "states_bytes",
}
_BY_KEY = {setting.key: setting for setting in SETTINGS}


def read_sweep(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None
) -> tuple[SweepConfig, Door]:
    """Return the sweep that was asked for.

    Args:
        flags: key → value for those given on the command line; None and () mean not given.
        environ: the environment.
        file: a TOML file, or None.

    Raises:
        ConfigError: for the first thing that cannot be meant, naming where it came from.
    """
    values, origins = _values(flags, environ, _read_toml(file) if file else {}, file)
    return sweep_asked(values, origins), _door(values)


def read_arms(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None
) -> tuple[list[tuple[str, SweepConfig]], Door]:
    """Return the sweeps that were asked for: one for every combination of what ``--vary`` names.

    Returns:
        (what sets it apart, sweep) pairs; the one sweep without ``--vary`` is set apart by ''.

    Raises:
        ConfigError: see :func:`read_sweep`.
    """
    values, origins = _values(flags, environ, _read_toml(file) if file else {}, file)
    varied = values["vary"] or ()
    arms = []
    for chosen in itertools.product(*(options for _, options in varied)):
        of_arm, from_where = dict(values), dict(origins)
        told = [f"{key}={option}" for (key, _), option in zip(varied, chosen, strict=True)]
        for (key, _), option, one in zip(varied, chosen, told, strict=True):
            from_where[_vary(of_arm, key, option)] = f"--vary {one}"
        if told:  # two arguments of a model are of one setting: here no one hides the other
            from_where["vary"] = " ".join(f"--vary {one}" for one in told)
        arms.append((", ".join(told), sweep_asked(of_arm, from_where)))
    _check_different(arms)
    return arms, _door(values)


def _check_different(arms: Sequence[tuple[str, SweepConfig]]) -> None:
    """Refuse arms that are one and the same sweep.

    Raises:
        ConfigError: naming the two.
    """
    for (label, one), (other, another) in itertools.combinations(arms, 2):
        if one == another:
            raise ConfigError(f"--vary: {label} and {other} are the same; give values that differ")


def _vary(values: dict[str, Any], key: str, option: str) -> str:
    """Set one varied thing, a setting or an argument as in model.norm; return the setting's key."""
    flag = f"--vary {key}="
    if option.startswith("[") and option.endswith("]"):  # a list is one of the values
        option = option[1:-1]
    owner, dot, argument = key.partition(".")
    if dot and f"{owner}_args" in _BY_KEY:
        name = f"{owner}_args"
        values[name] = {**(values[name] or {}), argument: literal(option)}
        return name
    if key not in _BY_KEY or key in _NOT_VARIED:
        if key in _BY_KEY:
            hint = "it is the same in all arms: ask for a sweep of each, with a --name"
            hint += " of its own, and set two of them side by side with `bsx compare`"
        else:
            hint = (
                _hint(key, option, but=_NOT_VARIED).removeprefix("; ")
                or "give model.ARG, optimizer, …"
            )
        raise ConfigError(f"{flag}{option}: {key} cannot be varied; {hint}")
    values[key] = _BY_KEY[key].read(option, flag)
    return key


@dataclass(frozen=True)
class Given:
    """A setting's value, and where it came from.

    ``raw``: as it was typed; None where it was not. ``source``: flag, environment, file or default.
    """

    setting: Setting
    value: Any
    raw: Any
    source: str
    origin: str  # the flag, the variable or the file; default


def settings_given(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None
) -> list[Given]:
    """Return every setting with its value, in the order of ``SETTINGS``.

    Raises:
        ConfigError: for the first that cannot be meant.
    """
    in_file = _read_toml(file) if file else {}
    return [_given(setting, flags, environ, in_file, file) for setting in SETTINGS]


def _values(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    in_file: Mapping[str, Any],
    file: Path | None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the value of every setting, and where it came from."""
    found = [_given(setting, flags, environ, in_file, file) for setting in SETTINGS]
    return {g.setting.key: g.value for g in found}, {g.setting.key: g.origin for g in found}


def _given(
    setting: Setting,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    in_file: Mapping[str, Any],
    file: Path | None,
) -> Given:
    key = setting.key
    given = flags.get(key)
    if given not in (None, (), []) and given is not False:
        return Given(setting, _read(setting, given, setting.flag), given, "flag", setting.flag)
    if setting.variable in environ:
        text, origin = environ[setting.variable], setting.variable
        return Given(setting, _read(setting, text, origin), text, "environment", origin)
    if key in in_file:
        value = _read(setting, in_file[key], f"{file}: {key} =")
        return Given(setting, value, in_file[key], "file", str(file))
    default = setting.default
    value = None if default is None else setting.read(default, setting.flag)
    return Given(setting, value, None, "default", "default")


def _read(setting: Setting, given: Any, origin: str) -> Any:
    parse.check_characters(given, origin)
    return setting.read(given, origin)


def read_view(flags: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[View, Door]:
    """Return how ``bsx show`` is to read a stored sweep.

    Raises:
        ConfigError: for the first thing that cannot be meant.
    """
    values, origins = _values(flags, environ, {}, None)
    asked = {key: values[key] for key, origin in origins.items() if origin != "default"}
    view = View(
        tuple(values["target"] or ()),
        asked.get("tolerance"),
        values["objective"],
        values["price_per_hour"],
        asked.get("confirm"),
        values["base_batch_size"],
        values["reference_batch_size"],
        # of runs that are to come the variable may name several, and those of another task
        None if origins["metric"] == _BY_KEY["metric"].variable else values["metric"],
    )
    return view, _door(values)


def read_further(
    flags: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Callable[[SweepConfig], SweepConfig], Door]:
    """Return what flags that change no run make of a stored sweep that goes on.

    Raises:
        ConfigError: for the first thing that cannot be meant.
    """
    view, door = read_view(flags, environ)
    values, origins = _values(flags, environ, {}, None)
    given = {
        attribute: values[key] for key, attribute in FURTHER.items() if origins[key] != "default"
    }
    if any(origins[key] != "default" for key in CLUSTER):
        given["cluster"] = cluster(values, origins)

    def read(config: SweepConfig) -> SweepConfig:
        found: SweepConfig = replace(view.of(config), **given)
        halving = found.learning_rates.halving
        if found.devices > 1 and (halving or found.branching is not None):
            what = "was asked for with --halving" if halving else "is of branches"
            raise ConfigError(
                f"{origins['devices']} {found.devices}: the sweep {what}, which trains on one "
                "device; leave it out"
            )
        if halving:
            found = replace(found, states_bytes=None)
        check_price(found.aim, found.price_per_hour)
        return found

    return read, door


def default_store(environ: Mapping[str, str]) -> str:
    """Return the store's folder where no flag names one."""
    return environ.get("BSX_STORE") or "bsx-runs"


def _read_toml(file: Path) -> dict[str, Any]:
    parse.check_characters(str(file), "the file")
    if file.suffix in (".csv", ".tsv", ".parquet", ".npz", ".py"):
        flag = f"--dataset {'csv' if file.suffix == '.tsv' else file.suffix[1:]}:{file}"
        if file.suffix == ".py":
            flag = f'--model {file}:NAME, --dataset {file}:NAME or --command "python {file} …"'
        raise ConfigError(f"{file}: what a sweep reads here is its TOML file; did you mean {flag}?")
    try:
        document = tomllib.loads(files.content(file).decode("utf-8"))
    except OSError as error:
        if file.name.isdecimal():  # what a shell parts from an option before it
            raise ConfigError(
                f"cannot read {file}: {error.strerror}; if it belongs to a list, part that with "
                f"commas and without spaces: --batch-sizes 16,{file}"
            ) from None
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:  # of TOML, of UTF-8, or a number of thousands of digits
        raise ConfigError(f"{file} is no valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{file} is no valid TOML: it is nested too deeply") from None
    document = {key.replace("-", "_"): value for key, value in document.items()}
    for key, value in document.items():
        if key not in _BY_KEY:
            raise ConfigError(f"{file}: {key} is no setting of a sweep{_hint(key, value)}")
        if isinstance(value, dict) and f"{key}_args" in _BY_KEY:
            name = value.get("name", "…")
            raise ConfigError(
                f'{file}: {key} = {value}: give a name, such as {key} = "{name}", and what it '
                f"takes as {key}_args"
            )
    return document


def _hint(key: str, value: object, but: Collection[str] = ()) -> str:
    """Return what may be meant by a key that is no setting; ``but`` cannot be."""
    if isinstance(value, dict) and value.keys() & _BY_KEY.keys():
        return "; settings stand in no table: leave the line with its brackets out"
    flags = {flag.lstrip("-").replace("-", "_"): s.key for s in SETTINGS for flag in s.flags}
    known = [s.key for s in SETTINGS if s.key not in but]
    near = [flags[key]] if flags.get(key) in known else difflib.get_close_matches(key, known, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _door(values: Mapping[str, Any]) -> Door:
    return Door(
        store=values["store"],
        name=values["name"],
        fresh=values["fresh"],
        format=values["format"],
        get=values["get"],
        quiet=values["quiet"],
        dry_run=values["dry_run"],
        logs=values["log"] or (),
        plot=values["plot"],
    )
