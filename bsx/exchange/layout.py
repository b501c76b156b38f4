"""Which column is what."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bsx.command import names
from bsx.errors import ConfigError, DataError
from bsx.exchange.nested import is_of_evaluation, is_setting, last, metric_field, plain
from bsx.exchange.own_metrics import asked_name, known_metric, own_metric
from bsx.exchange.progress import EPOCHS, SAMPLES, TOKENS, Progress
from bsx.exchange.reading import Table, shortened
from bsx.exchange.roles import (
    ARM,
    BATCH_SIZE,
    EPOCH,
    IN_SAMPLES,
    IN_TOKENS,
    NEEDED,
    OF_EXPORTS,
    OF_REACHED,
    RATE,
    REACHED,
    ROLES,
    SECONDS,
    SEED,
    SIZES_IN_TOKENS,
    SPLIT,
    STEP,
    STEPS_TO_TARGET,
    TARGET,
    TRUNK,
)
from bsx.exchange.values import is_empty, number
from bsx.schema import Metric

# Metrics whose names hold a number: it is no run's
_NUMBERED = re.compile(r"(?i)(top|bleu|rouge)[ _-]?\d+|f1|r2|@\d+")


@dataclass(frozen=True)
class Layout:
    """The columns of a file by their roles; metrics by the part and the name they have here.

    ``judged`` is the metric that quality is judged by; None: the file holds pairs. ``unit``: what
    batch sizes are counted in, samples or tokens. ``progress``: what the column of the step
    counts.
    """

    roles: Mapping[str, str]  # role → column
    validation: Mapping[str, str]  # name → column
    train: Mapping[str, str]
    test: Mapping[str, str]
    left_out: tuple[str, ...]
    judged: Metric | None
    metrics: tuple[Metric, ...] = ()  # the judged one first, then all whose direction is known
    unit: str = SAMPLES
    progress: Progress = field(default_factory=Progress)

    @property
    def is_curves(self) -> bool:
        """Whether it holds curves."""
        return self.judged is not None


def layout_of(table: Table, metric: str | None = None, train_samples: int | None = None) -> Layout:
    """Find out what each column is.

    Args:
        table: the file.
        metric: NAME, NAME:max or NAME:min of what judges quality; None to look for it.
        train_samples: those of an epoch; without them epochs tell no iterations.

    Raises:
        DataError: where a column is missing, or two say the same.
        ConfigError: for a metric that is not there, or that may run either way.
    """
    roles, others = _roles(table)
    progress = Progress()
    if STEP not in roles:
        progress = _progress(table, roles, others, train_samples)
    missing = [role for role in NEEDED if role not in roles]
    if missing:
        raise DataError(_missing(table, missing[0]))
    column = roles[STEP]
    unit = _unit(roles)
    _check_one_sweep(table)
    pairs = TARGET in roles or plain(column).endswith(("_to_target", *STEPS_TO_TARGET))
    parts, left_out = _parts(table, others)
    validation = parts[names.VALIDATION]
    if metric is None and (pairs or _are_pairs(table, roles, validation)):
        reached = next((c for c in others if plain(c) in OF_REACHED), None)
        if reached is not None:
            roles[REACHED] = reached
            others.remove(reached)
        idle = (EPOCH, SECONDS, SPLIT, *OF_EXPORTS)
        idle_columns = {roles[role]: None for role in idle if role in roles}
        left = (*others, *(c for c in idle_columns if c != column))
        return Layout(roles, {}, {}, {}, left, None, (), unit, progress)
    if pairs:
        raise ConfigError(
            f"--metric {metric}: {table.file} holds iterations to a target, by its column "
            f"{roles.get(TARGET, column)}, and no curves"
        )
    judged = _judged(table, validation, metric, progress)
    known = {name: known_metric(name) for name in validation if name != judged.name}
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
        progress,
    )


def _unit(roles: Mapping[str, str]) -> str:
    """Return what batch sizes are counted in."""
    in_tokens = last(roles.get(BATCH_SIZE, "")) in SIZES_IN_TOKENS
    return TOKENS if in_tokens else SAMPLES


def _progress(
    table: Table, roles: dict[str, str], others: list[str], train_samples: int | None
) -> Progress:
    """Find what stands in for the iterations that a file lacks, and make it the step.

    Samples (or tokens) do where the batch size is in the same unit, and epochs of so many samples.
    """
    if BATCH_SIZE not in roles:
        return Progress()
    unit = _unit(roles)
    spellings = IN_TOKENS if unit == TOKENS else IN_SAMPLES
    found = next((c for c in table.columns if plain(c) in spellings), None)
    if found is not None:
        roles[STEP] = found
        if found in others:
            others.remove(found)
        return Progress(unit)
    if train_samples is None or unit != SAMPLES or EPOCH not in roles:
        return Progress()
    roles[STEP] = roles.pop(EPOCH)
    return Progress(EPOCHS, train_samples)


def _are_pairs(table: Table, roles: Mapping[str, str], validation: Mapping[str, str]) -> bool:
    """Say whether no column can be told to be a metric, and no run has a second row."""
    if any(known_metric(name) is not None for name in validation):
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
        role = None if column in table.nested else ROLES.get(plain(column))
        if role is None:
            others.append(column)
        elif role in roles:
            raise DataError(
                f"{table.file}: the columns {roles[role]} and {column} both say "
                f"{NEEDED.get(role, 'the ' + role.replace('_', ' '))}; leave one of them out"
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
    return ROLES.get(end) == role and len(end) > 1 and not is_of_evaluation(column)


def _missing(table: Table, role: str) -> str:
    spellings = [name for name, of in ROLES.items() if of == role]
    hint = f"there are {_some(table.columns)}"
    known = {c: plain(c) for c in table.columns if c not in table.nested}
    # epochs_to_target is near to steps_to_target, and no other word for it
    meant = {c: name for c, name in known.items() if ROLES.get(name) != EPOCH}
    meant |= {c: last(c) for c in table.columns if c in table.nested and len(last(c)) > 1}
    near = [
        column
        for column, name in meant.items()
        if difflib.get_close_matches(name, spellings, 1, 0.75) and not is_of_evaluation(column)
    ]
    if near:
        hint = f"did you mean it by {' or '.join(near[-2:])}? Call it {role}"
    has_epochs = any(ROLES.get(plain(column)) == EPOCH for column in table.columns)
    if role == STEP and has_epochs and not {plain(c) for c in table.columns} & {*SIZES_IN_TOKENS}:
        hint += "; to have epochs counted in iterations, say how many samples one has: "
        hint += "--train-samples N"
    there = {plain(column) for column in table.columns}
    if role == STEP and there & {*IN_TOKENS}:
        hint += (
            "; tokens do in place of iterations where the batch size is in tokens, too, in a "
            f"column {SIZES_IN_TOKENS[0]} (sequences × their length)"
        )
    elif role == STEP and there & {*IN_SAMPLES}:
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
    return f"{table.file}: no column {role}, {NEEDED[role]}; {hint}"


def _is_wide(table: Table) -> bool:
    """Say whether there is a column for each run: a chart's "run - metric", or numbers alone."""
    columns = [column for column in table.columns if column not in table.nested]
    others = [column for column in columns if plain(column) not in ROLES]
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
        if own := own_metric(field):
            name = own.name
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


def _judged(
    table: Table, validation: Mapping[str, str], asked: str | None, progress: Progress
) -> Metric:
    """Return the metric that quality is judged by: the one asked for, else the first one known."""
    if asked is not None:
        field = asked.partition(":")[0]
        name = asked_name(field, f"--metric {asked}", validation)
        if name not in validation:
            near = difflib.get_close_matches(name, validation, n=2)
            there = ", ".join(validation) or "none of validation"
            hint = f"did you mean {' or '.join(near)}?" if near else f"its metrics are {there}"
            raise ConfigError(f"--metric {asked}: {table.file} has no such metric; {hint}")
        own = own_metric(asked)
        if own is not None and own.name == name:
            return own
        return replace(names.metric(asked, "--metric"), name=name)
    known = [m for name in validation if (m := known_metric(name)) is not None]
    better = [m for m in known if m.name != names.LOSS] or known
    found = [m for m in better if validation[m.name] not in table.nested] or better
    if found:
        return found[0]
    column = next(c for c in validation.values() if not _is_text(table, c))
    raise ConfigError(
        f"{table.file}: say which way {column} is better, with --metric {column}:max or --metric "
        f"{column}:min; where the file holds {progress.unit} to a target, and no curves, call "
        f"their column {progress.to_target}"
    )
