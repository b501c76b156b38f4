"""Which column is what: the one place where synonyms are known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsx.command import names
from bsx.errors import ConfigError, DataError
from bsx.exchange.reading import Table, shortened
from bsx.exchange.values import is_empty
from bsx.schema import Metric

BATCH_SIZE, STEP, RATE, SEED, SECONDS = "batch_size", "step", "learning_rate", "seed", "seconds"
TARGET, SPLIT, EPOCH = "target", "split", "epoch"
ARM, TRUNK = "arm", "trunk_steps"  # of exports that hold more than a sweep's own runs
SAMPLES, RUNNING_LOSS, STATUS = "samples_seen", "running_loss", "status"
_OF_EXPORTS = (
    SAMPLES,
    RUNNING_LOSS,
    STATUS,
)  # as `bsx export --curves` writes them, by these names

_STEPS_TO_TARGET = ("steps_to_target", "iterations_to_target", "steps_to_reach", "to_target_steps")
_ROLES = {
    **dict.fromkeys(
        ("batch_size", "batchsize", "batch", "bs", "b", "global_batch_size", "mini_batch_size",
         "minibatch_size", "train_batch_size"), BATCH_SIZE,
    ),
    **dict.fromkeys(
        ("step", "steps", "global_step", "iteration", "iterations", "iter", "iters", "update",
         "updates", "train_step", "train_steps", "training_steps", *_STEPS_TO_TARGET), STEP,
    ),
    **dict.fromkeys(("learning_rate", "learningrate", "lr", "eta"), RATE),
    **dict.fromkeys(("seed", "random_seed", "repeat", "replicate", "trial"), SEED),
    **dict.fromkeys(
        ("seconds", "train_seconds", "elapsed", "elapsed_seconds", "wall_seconds"), SECONDS
    ),
    **dict.fromkeys(("target", "threshold", "goal"), TARGET),
    **dict.fromkeys(("split", "phase"), SPLIT),
    **dict.fromkeys(("epoch", "epochs"), EPOCH),
    **{role: role for role in _OF_EXPORTS},
}  # fmt: skip
_NEEDED = {
    BATCH_SIZE: "the batch size",
    STEP: "the iteration of the evaluation, or the iterations to the target",
}


@dataclass(frozen=True)
class Layout:
    """The columns of a file by their roles; metrics by the part and the name they have here.

    ``judged`` is the metric that quality is judged by; None: the file holds pairs.
    """

    roles: Mapping[str, str]  # role → column
    validation: Mapping[str, str]  # name → column
    train: Mapping[str, str]
    test: Mapping[str, str]
    left_out: tuple[str, ...]
    judged: Metric | None
    metrics: tuple[Metric, ...] = ()  # the judged one first, then all whose direction is known

    @property
    def is_curves(self) -> bool:
        """Whether it holds curves."""
        return self.judged is not None


def layout_of(table: Table, metric: str | None = None) -> Layout:
    """Find out what each column is; ``metric`` is NAME, NAME:max or NAME:min.

    Raises:
        DataError: where a column is missing, or two say the same.
        ConfigError: for a metric that is not there, or that may run either way.
    """
    roles, others = _roles(table)
    missing = [role for role in _NEEDED if role not in roles]
    if missing:
        raise DataError(_missing(table, missing[0]))
    column = roles[STEP]
    _check_one_sweep(table)
    pairs = _plain(column) in _STEPS_TO_TARGET or TARGET in roles
    parts, left_out = _parts(others)
    validation = parts[names.VALIDATION]
    if metric is None and (pairs or not validation):
        idle = (EPOCH, SECONDS, SPLIT, *_OF_EXPORTS)
        left = (*others, *(roles[role] for role in idle if role in roles))
        return Layout(roles, {}, {}, {}, left, None)
    if pairs:
        raise ConfigError(
            f"--metric {metric}: {table.file} holds iterations to a target, by its column "
            f"{roles.get(TARGET, column)}, and no curves"
        )
    judged = _judged(table, validation, metric)
    known = {name: names.known_metric(name) for name in validation if name != judged.name}
    metrics = (judged, *(found for found in known.values() if found is not None))
    return Layout(
        roles, validation, parts[names.TRAIN], parts[names.TEST], tuple(left_out), judged, metrics
    )


def _check_one_sweep(table: Table) -> None:
    """Refuse what `bsx export` wrote of more than the runs of one sweep.

    Raises:
        DataError: with the remedy.
    """
    for column in table.columns:
        if _plain(column) not in (ARM, TRUNK):
            continue
        cells = [row.cells.get(column) for row in table.rows]
        told = list(dict.fromkeys(str(cell) for cell in cells if not is_empty(cell)))
        if _plain(column) == TRUNK and told:
            raise DataError(
                f"{table.file} holds branches, by its column {column}: runs that go on from where "
                "another one was, which curves from elsewhere cannot tell. Look at the sweep where "
                "it is stored, with bsx show, or keep the rows of whole runs, where the column is "
                "empty"
            )
        if len(told) > 1:
            raise DataError(
                f"{table.file} holds {len(told)} sweeps, by its column {column}: {_some(told)}. "
                "Give each a file of its own, as `bsx export SWEEP --curves` writes it, import "
                "them one by one, and set them side by side with bsx compare; of pairs, call the "
                f"column {TARGET} to have a table of each"
            )


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def _roles(table: Table) -> tuple[dict[str, str], list[str]]:
    """Return role → column, and the columns that have no role."""
    roles: dict[str, str] = {}
    others = []
    for column in table.columns:
        role = _ROLES.get(_plain(column))
        if role is None:
            others.append(column)
        elif role in roles:
            raise DataError(
                f"{table.file}: the columns {roles[role]} and {column} both say "
                f"{_NEEDED.get(role, 'the ' + role.replace('_', ' '))}; leave one of them out"
            )
        else:
            roles[role] = column
    return roles, others


def _missing(table: Table, role: str) -> str:
    spellings = [name for name, of in _ROLES.items() if of == role]
    hint = f"there are {_some(table.columns)}"
    for column in table.columns:
        if difflib.get_close_matches(_plain(column), spellings, 1, 0.75):
            hint = f"did you mean it by {column}? Call it {role}"
    if role == STEP and any(_ROLES.get(_plain(column)) == EPOCH for column in table.columns):
        hint += "; an epoch has the training set's samples / batch size iterations, rounded up"
    return (
        f"{table.file}: no column {role}, {_NEEDED[role]}; {hint}. The first line gives the names, "
        f"as {BATCH_SIZE},{STEP},accuracy does"
    )


def _some(columns: Sequence[str]) -> str:
    shown = [shortened(column)[1:-1] for column in columns[:12]]
    return ", ".join(shown) + (", …" if len(columns) > 12 else "")


def _parts(columns: list[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return part → name → column of the metrics, and the columns that are none.

    A name without a part is a validation metric, unless another column is that of validation.
    """
    parts: dict[str, dict[str, str]] = {names.VALIDATION: {}, names.TRAIN: {}, names.TEST: {}}
    left_out, plain = [], []
    for column in columns:
        part, name = names.place(column)
        if part == names.PLAIN:
            plain.append((column, name))
        elif part in parts and name not in parts[part]:
            parts[part][name] = column
        else:
            left_out.append(column)
    for column, name in plain:
        part = names.TRAIN if name in parts[names.VALIDATION] else names.VALIDATION
        if name in parts[part]:
            left_out.append(column)
        else:
            parts[part][name] = column
    return parts, left_out


def _judged(table: Table, validation: Mapping[str, str], asked: str | None) -> Metric:
    """Return the metric that quality is judged by: the one asked for, else the first one known."""
    if asked is not None:
        field = asked.partition(":")[0]
        name = names.validation_name(field, f"--metric {asked}")
        if name not in validation:
            near = difflib.get_close_matches(name, validation, n=2)
            there = ", ".join(validation) or "none of validation"
            hint = f"did you mean {' or '.join(near)}?" if near else f"its metrics are {there}"
            raise ConfigError(f"--metric {asked}: {table.file} has no such metric; {hint}")
        return names.metric(asked, "--metric")
    known = [m for name in validation if (m := names.known_metric(name)) is not None]
    found = [m for m in known if m.name != names.LOSS] or known
    if found:
        return found[0]
    column = next(iter(validation.values()))
    raise ConfigError(
        f"{table.file}: say which way {column} is better, with --metric {column}:max or --metric "
        f"{column}:min"
    )
