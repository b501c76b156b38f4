"""A table before it is drawn: headers, cells, and how it may get narrower.

How wide it may be, and how it looks, is for whoever draws it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

_HYPHEN = re.compile(r"(?<=[a-z])-\n(?=[a-z])")


@dataclass(frozen=True)
class Column:
    """One column; ``brief_header`` and ``brief`` are what stands there where space is short.

    ``of`` tells it from another column of the same header.
    """

    key: str
    header: str
    cells: tuple[str, ...]
    brief_header: str | None = None
    brief: tuple[str, ...] | None = None
    right: bool = True
    of: str = ""

    @property
    def width(self) -> int:
        """The widest line of header and cells."""
        lines = [*self.header.split("\n"), *self.cells]
        return max(map(len, lines), default=0)

    @property
    def heading(self) -> str:
        """The header on one line: a word that is broken there for want of width is whole."""
        return " ".join(_HYPHEN.sub("", self.header).split())

    @property
    def name(self) -> str:
        """The header as a sentence names it: on one line, without its unit's comma."""
        return self.heading.replace(",", "")

    def shortened(self) -> Column:
        """Return the column without what can be spared."""
        return dataclasses.replace(
            self,
            header=self.brief_header if self.brief_header is not None else self.header,
            cells=self.brief if self.brief is not None else self.cells,
        )


@dataclass(frozen=True)
class Grid:
    """A table: rows are batch sizes, but for what they are compared with, below them.

    ``concessions`` are made in order until the grid is narrow enough: ``(key, "shorten")`` or
    ``(key, "drop")``. ``of_columns``: those of ``notes`` that belong to a column, as
    (key, note), which go when it is dropped. ``splits``: rather than concede anything it is drawn
    in parts, one below another. ``hints``: what to type for more, of no use on paper.
    """

    title: str
    columns: tuple[Column, ...]
    concessions: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    marked: int | None = None  # the row of the recommended batch size
    of_columns: tuple[tuple[str, str], ...] = ()
    splits: bool = False
    hints: tuple[str, ...] = ()

    @property
    def notes_and_hints(self) -> tuple[str, ...]:
        """What stands below the table where commands can be typed."""
        return (*self.notes, *self.hints)

    def width(self, gap: int = 2) -> int:
        """Return how wide the grid is with ``gap`` spaces between columns."""
        return sum(column.width for column in self.columns) + gap * (len(self.columns) - 1)

    def fitted(self, width: int) -> Grid:
        """Return the grid with as few concessions as make it at most ``width`` wide, or all.

        What a later, larger concession made room for again is taken back. A note names the columns
        that are left out.
        """
        made: list[tuple[str, str]] = []
        while self._conceding(made).width() > width and len(made) < len(self.concessions):
            made.append(self.concessions[len(made)])
        for concession in made[-2::-1]:
            others = [other for other in made if other != concession]
            if self._conceding(others).width() <= width:
                made = others
        grid = self._conceding(made)
        kept, there = {c.key for c in grid.columns}, {c.name for c in grid.columns}
        left_out = [c for c in self.columns if c.key not in kept]
        if not left_out:
            return grid
        named = [f"{c.name} {c.of}".strip() if c.name in there else c.name for c in left_out]
        note = f"left out for want of width: {', '.join(dict.fromkeys(named))}"
        return dataclasses.replace(grid, notes=(*grid.notes, note))

    def shown(self, width: int) -> list[Grid]:
        """Return what is drawn of the grid at most ``width`` wide, one below another."""
        if not self.splits:
            return [self.fitted(width)]
        return [part.fitted(width) for part in self.parts(width)]

    def parts(self, width: int) -> list[Grid]:
        """Return the grid in as many as are needed, one below another, for ``width``.

        Each has the first column and about as many of the others.
        """
        first, *others = self.columns
        for number in range(1, len(others) + 1):
            each = -(-len(others) // number)
            rows = [others[n : n + each] for n in range(0, len(others), each)]
            parts = [self._part((first, *row), n, len(rows)) for n, row in enumerate(rows)]
            if all(part.width() <= width for part in parts):
                return parts
        return parts if others else [self]

    def _part(self, columns: tuple[Column, ...], number: int, of: int) -> Grid:
        title = f"{self.title} (continued)" if number else self.title
        made = dataclasses.replace(self, title=title, columns=columns)
        return made if number == of - 1 else dataclasses.replace(made, notes=(), hints=())

    def without(self, cell: str) -> Grid:
        """Return the grid without the columns in which nothing stands but ``cell``."""
        kept = tuple(c for c in self.columns if any(text != cell for text in c.cells))
        return dataclasses.replace(self, columns=kept)

    def _conceding(self, made: Sequence[tuple[str, str]]) -> Grid:
        kept = tuple(
            column.shortened() if (column.key, "shorten") in made else column
            for column in self.columns
            if (column.key, "drop") not in made
        )
        return dataclasses.replace(self, columns=kept)._without_idle_notes()

    def _without_idle_notes(self) -> Grid:
        there = {column.key for column in self.columns}
        idle = {note for key, note in self.of_columns if key not in there}
        return dataclasses.replace(self, notes=tuple(n for n in self.notes if n not in idle))


def shorten(*keys: str) -> tuple[tuple[str, str], ...]:
    """Return the concessions that shorten columns, in order."""
    return tuple((key, "shorten") for key in keys)


def drop(*keys: str) -> tuple[tuple[str, str], ...]:
    """Return the concessions that leave columns out, in order."""
    return tuple((key, "drop") for key in keys)
