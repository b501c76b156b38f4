"""Draw the arithmetic of ``bsx calc`` for people: a card for one batch size, a table for several.

Works from the documents that ``--format json`` prints; the words are in ``calc_wording``. Drawn by
hand: importing Rich would take a sixth of the time that ``bsx calc`` takes in all.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from bsx.render.calc_wording import (
    Document,
    card_lines,
    chance_text,
    count,
    notes,
    shape_text,
    yes_or_no,
)

MARGIN = "  "
GAP = "   "
MAX_PROSE = 96  # longer lines are hard to read
_MIN_HOW = 20  # a narrower last column of a card is unreadable: it then goes its own way

_ASCII = str.maketrans("–×─", "-x-")
_BOLD, _DIM, _ITALIC, _RESET = "\033[1m", "\033[2m", "\033[3m", "\033[0m"

# title, field, and the value that need not be shown: ... where it is the same in every row
_COLUMNS: tuple[tuple[str, str, object], ...] = (
    ("samples", "samples", ...),
    ("iterations\nper epoch", "steps_per_epoch", None),
    ("last\nbatch", "last_batch", None),
    ("epochs", "epochs", ...),
    ("total\niterations", "total_steps", None),
    ("samples\nseen", "samples_seen", None),
    ("dropped\nper epoch", "dropped_per_epoch", 0),
    ("padded\nper epoch", "padded_per_epoch", 0),
    ("micro-\nbatch", "micro_batch_size", ...),
    ("accumu-\nlation", "accumulation", 1),
    ("BN-safe", "bn_safe", None),
    ("every class\nin a batch", "class_coverage", None),
    ("input shape", "input_shape", None),
)
_FORMS: dict[str, Callable[[Any], str]] = {
    "bn_safe": yes_or_no,
    "class_coverage": chance_text,
    "input_shape": shape_text,
}


def table_text(documents: Sequence[Document], out: TextIO | None = None) -> str:
    """Draw one document as a card, several as a table, as ``out`` (stdout) can show it."""
    out = out or sys.stdout
    width = shutil.get_terminal_size().columns
    lines = _card(documents[0], width) if len(documents) == 1 else _tables(documents, width)
    for note in notes(documents):
        lines += ["", *_wrapped(note, min(width, MAX_PROSE) - len(MARGIN))]
    text = "".join(f"{MARGIN}{line}".rstrip() + "\n" for line in ["", *lines, ""])
    return _as_shown(text, out)


def _card(document: Document, width: int) -> list[str]:
    rows = card_lines(document)
    what_width = max(len(what) for what, _, _ in rows)
    much_width = max(len(how_much) for _, how_much, _ in rows)
    indent = what_width + much_width + 2 * len(GAP)
    room = max(_MIN_HOW, min(width, MAX_PROSE) - indent - len(MARGIN))
    lines = []
    for what, how_much, how in rows:
        first, *rest = _wrapped(how, room) or [""]
        lines.append(
            f"{what:{what_width}}{GAP}{_BOLD}{how_much:{much_width}}{_RESET}"
            + (f"{GAP}{_DIM}{first}{_RESET}" if first else "")
        )
        lines += [f"{' ' * indent}{_DIM}{line}{_RESET}" for line in rest]
    return lines


def _tables(documents: Sequence[Document], width: int) -> list[str]:
    """Draw the table, in blocks one below the other where it is wider than ``width``."""
    lines = [f"{_ITALIC}{title}{_RESET}"] if (title := _title(documents)) else []
    sizes = _column("batch\nsize", [count(doc["batch_size"]) for doc in documents])
    block: list[list[str]] = [sizes]
    for title, name, usual in _COLUMNS:
        if not _is_shown(documents, name, usual):
            continue
        form = _FORMS.get(name, count)
        column = _column(title, [form(doc[name]) for doc in documents])
        if len(block) > 1 and _width([*block, column]) > width - len(MARGIN):
            lines += ["", *_block(block)]
            block = [sizes]
        block.append(column)
    return [*lines, "", *_block(block)]


def _column(title: str, cells: Sequence[str]) -> list[str]:
    """Return a column's lines, all equally long: two of the title, then the cells."""
    above, _, below = title.rpartition("\n")
    lines = [above, below, *cells]
    width = max(map(len, lines))
    return [line.rjust(width) for line in lines]


def _block(columns: Sequence[Sequence[str]]) -> list[str]:
    rows = [GAP.join(cells) for cells in zip(*columns, strict=True)]
    body = [
        f"{_BOLD}{row[: len(columns[0][0])]}{_RESET}{row[len(columns[0][0]) :]}" for row in rows
    ]
    return [*(row for row in rows[:2] if row.strip()), "─" * _width(columns), *body[2:]]


def _width(columns: Iterable[Sequence[str]]) -> int:
    return sum(len(column[0]) + len(GAP) for column in columns) - len(GAP)


def _is_shown(documents: Sequence[Document], name: str, usual: object) -> bool:
    values = [doc[name] for doc in documents]
    if name == "micro_batch_size" and values == [doc["batch_size"] for doc in documents]:
        return False
    if usual is ...:
        return any(value != values[0] for value in values)
    return any(value not in (usual, None) for value in values)


def _title(documents: Sequence[Document]) -> str:
    said = []
    for name, word in (("samples", "sample"), ("epochs", "epoch"), ("world_size", "device")):
        value = documents[0][name]
        same = isinstance(value, int) and all(doc[name] == value for doc in documents)
        if same and (name, value) != ("world_size", 1):
            said.append(f"{count(value)} {word}{'' if value == 1 else 's'}")
    return ", ".join(said)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, _MIN_HOW), break_on_hyphens=False)


def _as_shown(text: str, out: TextIO) -> str:
    """Leave out the styles and signs that ``out`` cannot show, or that were not wanted."""
    plain = not out.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if plain:
        for style in (_BOLD, _DIM, _ITALIC, _RESET):
            text = text.replace(style, "")
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    encoding = out.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII)
        text = text.encode(encoding, "replace").decode(encoding)
    return text
