"""Which column is what: the one place where synonyms are known."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsx.command import names
from bsx.errors import ConfigError, DataError
from bsx.exchange.nested import is_of_evaluation, is_setting, last, metric_field, plain
from bsx.exchange.reading import Table, shortened
from bsx.exchange.values import is_empty, number
from bsx.schema import Metric

BATCH_SIZE, STEP, RATE, SEED, SECONDS = "batch_size", "step", "learning_rate", "seed", "seconds"
TARGET, SPLIT, EPOCH, REACHED = "target", "split", "epoch", "reached"
ARM, TRUNK = "arm", "trunk_steps"  # of exports that hold more than a sweep's own runs
SAMPLES, RUNNING_LOSS, STATUS = "samples_seen", "running_loss", "status"
_OF_EXPORTS = (
    SAMPLES,
    RUNNING_LOSS,
    STATUS,
)  # as `bsx export --curves` writes them, by these names

_STEPS_TO_TARGET = ("steps_to_target", "iterations_to_target", "steps_to_reach", "to_target_steps")
_SIZES_IN_TOKENS = ("tokens_per_batch", "batch_tokens", "batch_size_tokens", "batch_size_in_tokens",
                    "tokens_per_step", "tokens_per_update")  # fmt: skip
# In place of iterations, where the batch size is in the same unit
_IN_SAMPLES = (SAMPLES, "samples", "examples", "examples_seen", "samples_to_target",
               "examples_to_target")  # fmt: skip
_IN_TOKENS = ("tokens", "tokens_seen", "num_tokens", "tokens_to_target")
_OF_REACHED = (REACHED, "reached_target", "target_reached")
_ROLES = {
    **dict.fromkeys(
        ("batch_size", "batchsize", "batch", "bs", "b", "global_batch_size", "mini_batch_size",
         "minibatch_size", "train_batch_size", "bsz", "samples_per_batch", "examples_per_batch",
         *_SIZES_IN_TOKENS), BATCH_SIZE,
    ),
    **dict.fromkeys(
        ("step", "steps", "global_step", "iteration", "iterations", "iter", "iters", "update",
         "updates", "num_updates", "train_step", "train_steps", "training_steps",
         *_STEPS_TO_TARGET), STEP,
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
# Metrics whose names hold a number: it is no run's
_NUMBERED = re.compile(r"(?i)(top|bleu|rouge)[ _-]?\d+|f1|r2|@\d+")
_NEEDED = {
    BATCH_SIZE: "the batch size",
    STEP: "the iteration of the evaluation, or the iterations to the target",
}


@dataclass(frozen=True)
class Layout:
    """The columns of a file by their roles; metrics by the part and the name they have here.

    ``judged`` is the metric that quality is judged by; None: the file holds pairs. ``unit``: what
    batch sizes are counted in, samples or tokens. ``is_divided``: the column of the step holds
    these, and iterations are they / the batch size.
    """

    roles: Mapping[str, str]  # role → column
    validation: Mapping[str, str]  # name → column
    train: Mapping[str, str]
    test: Mapping[str, str]
    left_out: tuple[str, ...]
    judged: Metric | None
    metrics: tuple[Metric, ...] = ()  # the judged one first, then all whose direction is known
    unit: str = "samples"
    is_divided: bool = False

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
    is_divided = STEP not in roles and _divided(table, roles, others)
    missing = [role for role in _NEEDED if role not in roles]
    if missing:
        raise DataError(_missing(table, missing[0]))
    column = roles[STEP]
    unit = _unit(roles)
    _check_one_sweep(table)
    pairs = TARGET in roles or plain(column).endswith(("_to_target", *_STEPS_TO_TARGET))
    parts, left_out = _parts(table, others)
    validation = parts[names.VALIDATION]
    if metric is None and (pairs or _are_pairs(table, roles, validation)):
        reached = next((c for c in others if plain(c) in _OF_REACHED), None)
        if reached is not None:
            roles[REACHED] = reached
            others.remove(reached)
        idle = (EPOCH, SECONDS, SPLIT, *_OF_EXPORTS)
        idle_columns = {roles[role]: None for role in idle if role in roles}
        left = (*others, *(c for c in idle_columns if c != column))
        return Layout(roles, {}, {}, {}, left, None, (), unit, is_divided)
    if pairs:
        raise ConfigError(
            f"--metric {metric}: {table.file} holds iterations to a target, by its column "
            f"{roles.get(TARGET, column)}, and no curves"
        )
    judged = _judged(table, validation, metric)
    known = {name: names.known_metric(name) for name in validation if name != judged.name}
    metrics = (judged, *(found for found in known.values() if found is not None))
    return Layout(
        roles,
        validation,
        parts[names.TRAIN],
        parts[names.TEST],
        tuple(left_out),
        judged,
        metrics,
        unit,
        is_divided,
    )


def _unit(roles: Mapping[str, str]) -> str:
    """Return what batch sizes are counted in."""
    return "tokens" if last(roles.get(BATCH_SIZE, "")) in _SIZES_IN_TOKENS else "samples"


def _divided(table: Table, roles: dict[str, str], others: list[str]) -> bool:
    """Take samples (or tokens) for the step, where the batch size is in the same unit."""
    if BATCH_SIZE not in roles:
        return False
    spellings = _IN_TOKENS if _unit(roles) == "tokens" else _IN_SAMPLES
    found = next((c for c in table.columns if plain(c) in spellings), None)
    if found is None:
        return False
    roles[STEP] = found
    if found in others:
        others.remove(found)
    return True


def _are_pairs(table: Table, roles: Mapping[str, str], validation: Mapping[str, str]) -> bool:
    """Say whether no column can be told to be a metric, and no run has a second row."""
    if any(names.known_metric(name) is not None for name in validation):
        return False
    numeric = [column for column in validation.values() if not _is_text(table, column)]
    if not numeric:
        return True
    told = {roles[role] for role in (BATCH_SIZE, RATE, SEED, TARGET) if role in roles}
    told |= set(validation.values()) - set(numeric)
    runs = {tuple(str(row.cells.get(c)) for c in sorted(told)) for row in table.rows}
    return len(runs) == len(table.rows)


def _is_text(table: Table, column: str) -> bool:
    """Say whether no cell is a finite number: such a column is no metric."""
    found = (number(table, row.cells.get(column)) for row in table.rows)
    return not any(value is not None and math.isfinite(value) for value in found)


def _check_one_sweep(table: Table) -> None:
    """Refuse what `bsx export` wrote of more than the runs of one sweep.

    Raises:
        DataError: with the remedy.
    """
    for column in table.columns:
        if plain(column) not in (ARM, TRUNK):
            continue
        cells = [row.cells.get(column) for row in table.rows]
        told = list(dict.fromkeys(str(cell) for cell in cells if not is_empty(cell)))
        if plain(column) == TRUNK and told:
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


def _roles(table: Table) -> tuple[dict[str, str], list[str]]:
    """Return role → column, and the columns that have no role."""
    roles: dict[str, str] = {}
    others = []
    for column in table.columns:
        role = None if column in table.nested else _ROLES.get(plain(column))
        if role is None:
            others.append(column)
        elif role in roles:
            raise DataError(
                f"{table.file}: the columns {roles[role]} and {column} both say "
                f"{_NEEDED.get(role, 'the ' + role.replace('_', ' '))}; leave one of them out"
            )
        else:
            roles[role] = column
    _find_settings(roles, others)
    return roles, others


def _find_settings(roles: dict[str, str], others: list[str]) -> None:
    """Take config.batch_size for the batch size, where it is the only one called so."""
    for role in (BATCH_SIZE, RATE, SEED):
        found = [c for c in others if "." in c and _is_setting_of(role, c)]
        if role not in roles and len(found) == 1:
            roles[role] = found[0]
            others.remove(found[0])


def _is_setting_of(role: str, column: str) -> bool:
    """Say whether a dotted name ends as the role is called; ``b`` may be anything there."""
    end = last(column)
    return _ROLES.get(end) == role and len(end) > 1 and not is_of_evaluation(column)


def _missing(table: Table, role: str) -> str:
    spellings = [name for name, of in _ROLES.items() if of == role]
    hint = f"there are {_some(table.columns)}"
    meant = {c: plain(c) for c in table.columns if c not in table.nested}
    meant |= {c: last(c) for c in table.columns if c in table.nested and len(last(c)) > 1}
    near = [
        column
        for column, name in meant.items()
        if difflib.get_close_matches(name, spellings, 1, 0.75) and not is_of_evaluation(column)
    ]
    if near:
        hint = f"did you mean it by {' or '.join(near[-2:])}? Call it {role}"
    if role == STEP and any(_ROLES.get(plain(column)) == EPOCH for column in table.columns):
        hint += "; an epoch has the training set's samples / batch size iterations, rounded up"
    there = {plain(column) for column in table.columns}
    if role == STEP and there & {*_IN_TOKENS}:
        hint += (
            "; tokens do in place of iterations where the batch size is in tokens, too, in a "
            f"column {_SIZES_IN_TOKENS[0]} (sequences × their length)"
        )
    elif role == STEP and there & {*_IN_SAMPLES}:
        hint += (
            "; samples do in place of iterations where the batch size is in samples, too, in a "
            f"column {BATCH_SIZE}"
        )
    if role == BATCH_SIZE and _is_wide(table):
        hint += (
            ". A file with a column for each run has to become one with a row for each evaluation: "
            'see "A column for each run" in docs/how-to/published-curves.md'
        )
    elif table.has_header:
        hint += f". The first line gives the names, as {BATCH_SIZE},{STEP},accuracy does"
    return f"{table.file}: no column {role}, {_NEEDED[role]}; {hint}"


def _is_wide(table: Table) -> bool:
    """Say whether there is a column for each run: a chart's "run - metric", or numbers alone."""
    columns = [column for column in table.columns if column not in table.nested]
    others = [column for column in columns if plain(column) not in _ROLES]
    numbered = [column for column in others if re.search(r"\d", _NUMBERED.sub("", column))]
    alike = Counter(re.sub(r"\d+", "", column) for column in numbered)
    is_alike = len(others) < len(columns) and max(alike.values(), default=0) > 2
    return any(" - " in column for column in others) or is_alike


def _some(columns: Sequence[str]) -> str:
    shown = [shortened(column)[1:-1] for column in columns[:12]]
    return ", ".join(shown) + (", …" if len(columns) > 12 else "")


def _parts(table: Table, columns: list[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return part → name → column of the metrics, and the columns that are none.

    A name without a part is a validation metric, unless another column is that of validation. What
    lies in objects comes last, the deeper the later.
    """
    parts: dict[str, dict[str, str]] = {names.VALIDATION: {}, names.TRAIN: {}, names.TEST: {}}
    left_out, without_part = [], []
    for column in sorted(columns, key=lambda c: c.count(".") if c in table.nested else 0):
        field = metric_field(column) if column in table.nested else column
        if field is None or is_setting(column):
            left_out.append(column)
            continue
        part, name = names.place(field)
        if part == names.PLAIN:
            without_part.append((column, name))
        elif part in parts and name not in parts[part]:
            parts[part][name] = column
        else:
            left_out.append(column)
    for column, name in without_part:
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
    better = [m for m in known if m.name != names.LOSS] or known
    found = [m for m in better if validation[m.name] not in table.nested] or better
    if found:
        return found[0]
    column = next(c for c in validation.values() if not _is_text(table, c))
    raise ConfigError(
        f"{table.file}: say which way {column} is better, with --metric {column}:max or --metric "
        f"{column}:min; where the file holds iterations to a target, and no curves, call their "
        f"column {_STEPS_TO_TARGET[0]}"
    )
