"""Tables as data: a column to predict, numbers and categories to predict it from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bsx.data.coerce import TASKS
from bsx.data.dataset import Dataset
from bsx.data.identifiers import dates, identifiers
from bsx.data.room import check_room
from bsx.data.source import File
from bsx.data.table import Table
from bsx.data.table_files import read_csv, read_parquet
from bsx.data.target_columns import place, targets_of
from bsx.errors import ConfigError, DataError

_STRATEGIES = ("refuse", "mean", "median", "most-frequent")
_MOST_CATEGORIES = 1000  # of one column: more are names or keys, which nothing is learned from
_Columns = str | int | Sequence[str | int]
_Texts = str | int | float | Sequence[str | int | float]


@dataclass(frozen=True)
class _Wanted:
    """How a table becomes samples."""

    target: Any
    task: str
    missing: str
    categorical: Any
    drop: Any
    standardize: bool
    standardize_targets: bool
    missing_target: str

    def __post_init__(self) -> None:
        if self.task not in ("auto", *TASKS):
            known = ", ".join(("auto", *TASKS))
            raise ConfigError(f"--dataset-arg task={self.task}: give one of {known}")
        if self.missing not in _STRATEGIES:
            known = ", ".join(_STRATEGIES)
            raise ConfigError(f"--dataset-arg missing={self.missing}: give one of {known}")
        if self.missing_target not in ("refuse", "drop"):
            raise ConfigError(
                f"--dataset-arg missing_target={self.missing_target}: give refuse or drop"
            )


def csv(
    source: File,
    target: _Columns = -1,
    task: str = "auto",
    header: bool | str = "auto",
    separator: str = "auto",
    decimal: str = ".",
    missing: str = "refuse",
    categorical: _Columns = (),
    drop: _Columns = (),
    encoding: str = "utf-8",
    test_file: str | None = None,
    standardize: bool = True,
    standardize_targets: bool = True,
    missing_texts: _Texts = (),
    missing_target: str = "refuse",
) -> Dataset:
    """csv:FILE, a row a sample: target=NAME|NUMBER task= header= missing=refuse|mean|median|….

    ``target`` is a column's name or number (from 0; -1, the last, by default), or several.
    ``task`` is judged by the target: text and few whole numbers are classes. Columns of text
    become a column for each category; ``categorical`` names columns of numbers that are to be
    taken so, ``drop`` those to leave out. Cells are parted by commas, semicolons, tabs or bars, as
    the first rows say, or by ``separator``. With ``decimal=comma`` numbers are written 1.234,5.
    ``missing`` values (nothing, ``?``, NA, N/A, NaN, null, none, and ``missing_texts``) are
    refused, or filled with the mean, median or most frequent value of the training part; in
    columns of categories it is always the most frequent. Rows whose target is missing are refused
    too, unless ``missing_target`` is ``drop``. ``test_file`` is an official test part. Targets of
    a regression are shifted and scaled by the training part, unless ``standardize_targets`` is
    false: losses and metrics are in these units.
    """
    wanted = _Wanted(
        target, task, missing, categorical, drop, standardize, standardize_targets, missing_target
    )
    options: dict[str, Any] = {"header": header, "separator": separator, "encoding": encoding}
    options |= {"decimal": decimal, "missing": missing_texts}
    tables = [read_csv(source, "csv", **options)]
    if test_file is not None:
        tables.append(read_csv(str(test_file), "csv", **options))
    return _dataset(tables, wanted)


def parquet(
    source: File,
    target: _Columns = -1,
    task: str = "auto",
    missing: str = "refuse",
    categorical: _Columns = (),
    drop: _Columns = (),
    test_file: str | None = None,
    standardize: bool = True,
    standardize_targets: bool = True,
    missing_texts: _Texts = (),
    missing_target: str = "refuse",
) -> Dataset:
    """parquet:FILE, with the options of csv that are not about text files; needs bsx[parquet]."""
    wanted = _Wanted(
        target, task, missing, categorical, drop, standardize, standardize_targets, missing_target
    )
    tables = [read_parquet(source, "parquet", missing=missing_texts)]
    if test_file is not None:
        tables.append(read_parquet(str(test_file), "parquet", missing=missing_texts))
    return _dataset(tables, wanted)


def _dataset(tables: Sequence[Table], wanted: _Wanted) -> Dataset:
    first = tables[0]
    for table in tables[1:]:
        if len(table.titles) != len(first.titles):
            raise DataError(
                f"{table.name}: it has {len(table.titles)} columns, the training file "
                f"{len(first.titles)}"
            )
    predicted = first.numbered(wanted.target, "target")
    dropped = first.numbered(wanted.drop, "drop")
    categorical = first.numbered(wanted.categorical, "categorical")
    used = [c for c in range(len(first.titles)) if c not in predicted and c not in dropped]
    if not used or set(predicted) & set(dropped):
        raise ConfigError(f"{first.name}: no column remains; see --dataset-arg target and drop")
    if wanted.missing_target == "drop":
        tables = [_with_targets(table, predicted) for table in tables]
        first = tables[0]
    _refuse_names(tables, used, categorical, dropped)
    blocks = [_block(tables, column, categorical) for column in used]
    needed = sum(block.nbytes for block in blocks)
    check_room(needed, f"{first.name}: its inputs", "give fewer rows or columns")
    inputs = torch.from_numpy(np.concatenate(blocks, axis=1).astype(np.float32))
    if wanted.missing == "refuse":
        _refuse_gaps(tables, used, blocks)
    told = wanted.target != -1 and wanted.task != "auto"
    targets, task = targets_of(tables, predicted, wanted.task, told=told)
    ends = np.cumsum([len(table.lines) for table in tables]).tolist()
    parts = {"train": torch.arange(ends[0]), "test": torch.arange(ends[0], ends[-1])}
    return Dataset(
        inputs,
        targets,
        task=task,
        parts=parts if len(tables) > 1 else None,
        standardize=wanted.standardize,
        standardize_targets=wanted.standardize_targets and task == "regression",
        impute=None
        if wanted.missing == "refuse"
        else Filler(
            wanted.missing,
            tuple(block.shape[1] for block in blocks),
            tuple(f"{first.name}: column {first.title(column)}" for column in used),
        ),
        identifiers=identifiers(first, used, categorical),
        dates=dates(first, used),
        filled=_gaps(first, used, blocks),
        dropped=tuple(first.as_asked(column) for column in dropped),
        predicted=tuple(first.title(column) for column in predicted),
    )


def _with_targets(table: Table, predicted: Sequence[int]) -> Table:
    """Return the rows that have all targets."""
    cells = [table.texts(column) for column in predicted]
    rows = [row for row in range(len(table.lines)) if all(c[row] is not None for c in cells)]
    if not rows:
        raise DataError(f"{table.name}: the target is missing in every row; see target")
    return table.with_rows(rows)


def _refuse_names(
    tables: Sequence[Table],
    used: Sequence[int],
    categorical: Sequence[int],
    dropped: Sequence[int],
) -> None:
    """Refuse all columns with too many different texts at once."""
    first, found = tables[0], {}
    for column in used:
        texts = {text for table in tables for text in table.texts(column) if text is not None}
        if len(texts) > _MOST_CATEGORIES and (
            column in categorical or first.numbers(column, categorical) is None
        ):
            found[column] = texts
    if not found:
        return
    several = len(found) > 1
    shown = [
        f"{first.title(c)} ({len(texts):,}, such as {min(texts)!r})"
        for c, texts in list(found.items())[:6]
    ]
    if len(found) > 6:
        shown.append(f"{len(found) - 6} more")
    drop = ",".join(first.as_asked(c) for c in (*dropped, *found))
    raise DataError(
        f"{first.name}: column{'s' if several else ''} with more than {_MOST_CATEGORIES:,} "
        f"different texts: {', '.join(shown)}; leave {'them' if several else 'it'} out with "
        "--dataset-arg " + shlex.quote(f"drop={drop}")
    )


def _block(tables: Sequence[Table], column: int, categorical: Sequence[int]) -> np.ndarray:
    """Return a column of numbers, or one of 0 and 1 for each category; (rows, 1 or categories)."""
    if column not in categorical:
        found = [table.numbers(column, categorical) for table in tables]
        numbers = [one for one in found if one is not None]
        if len(numbers) == len(found):
            return np.concatenate(numbers)[:, None]
        if numbers:
            raise DataError(
                f"{tables[1].name}: column {tables[0].title(column)} holds numbers in one of the "
                "two files and text in the other"
            )
    texts = [text for table in tables for text in table.texts(column)]
    categories = sorted({text for text in texts if text is not None})
    check_room(
        4 * len(texts) * len(categories),
        f"{tables[0].name}: column {tables[0].title(column)} of {len(categories)} categories",
        "give fewer rows, or leave it out with --dataset-arg drop",
    )
    code = {text: i for i, text in enumerate(categories)}
    codes = np.array([-1 if text is None else code[text] for text in texts])
    block = np.zeros((len(texts), max(len(categories), 1)), dtype=np.float32)
    block[np.arange(len(texts)), np.maximum(codes, 0)] = 1.0
    block[codes < 0] = np.nan
    return block


def _refuse_gaps(
    tables: Sequence[Table], used: Sequence[int], blocks: Sequence[np.ndarray]
) -> None:
    for column, block in zip(used, blocks, strict=True):
        gaps = np.flatnonzero(np.isnan(block[:, 0]))
        if gaps.size:
            raise DataError(
                f"{place(tables, int(gaps[0]), column)}: a value is missing ({gaps.size} in this "
                "column); mend it, or give --dataset-arg missing=most-frequent, mean or median"
            )


def _gaps(
    table: Table, used: Sequence[int], blocks: Sequence[np.ndarray]
) -> tuple[tuple[str, int, int], ...]:
    """Return the columns with gaps: their names, how many cells are missing, and of how many."""
    counts = [int(np.isnan(block[:, 0]).sum()) for block in blocks]
    return tuple(
        (table.title(column), count, len(block))
        for column, count, block in zip(used, counts, blocks, strict=True)
        if count
    )


@dataclass(frozen=True)
class Filler:
    """Fills gaps with a statistic of the training rows, column of the file by column.

    ``widths``: how many columns of the inputs a column of the file became; several are the
    categories of one, of which the most frequent is taken.
    """

    strategy: str
    widths: tuple[int, ...]
    places: tuple[str, ...]

    def __call__(self, inputs: Tensor, train: Tensor) -> Tensor:
        """Return inputs without gaps."""
        filled, start = inputs.clone(), 0
        for width, where in zip(self.widths, self.places, strict=True):
            block = filled[:, start : start + width]
            gaps = torch.isnan(block[:, 0])
            if bool(gaps.any()):
                known = block[train][~gaps[train]]
                if not len(known):
                    raise DataError(f"{where} is empty in all rows of the training part; drop it")
                block[gaps] = self._value(known)
            start += width
        return filled

    def _value(self, known: Tensor) -> Tensor:
        if known.shape[1] > 1:
            return torch.eye(known.shape[1])[known.sum(dim=0).argmax()]
        values = known[:, 0].double().numpy()
        if self.strategy == "mean":
            return torch.tensor([values.mean()], dtype=torch.float32)
        if self.strategy == "median":
            return torch.tensor([np.median(values)], dtype=torch.float32)
        different, counts = np.unique(values, return_counts=True)
        return torch.tensor([different[counts.argmax()]], dtype=torch.float32)
