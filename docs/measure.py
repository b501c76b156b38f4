"""Run the commands of docs/rules-of-thumb.md and put what they measured into its tables.

    python docs/measure.py                    every table, in a temporary folder
    python docs/measure.py FOLDER             in that folder: what is stored there is not run again
    python docs/measure.py FOLDER 4 11        only the tables of these rules

A table belongs to the `bash` block above it. Its comment says what its columns are, one a line:

    <!-- measured
    iterations to 95 %: [0] to_target.0.steps as whole
    difference: [1-0] test_difference as points
    -->

`[0]` is the first document that the commands print (of `--vary`, the first arm), which may be left
out; `[1-0]` is the comparison of the second with the first. The path leads on from a batch size's
row, or from the beginning of the document where it has a `*` for the batch size. With a first line
`rows: documents` a row of the table is a document instead, and with `rows: comparisons` the
comparison of an arm with the first one of its command; paths lead from their beginning. Run it on
an idle machine: speed is measured too.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsx.errors import NothingFound
from bsx.render import numbers
from bsx.render.calc_wording import chance_text
from bsx.render.formats import lookup
from bsx.schema import Estimate

PAGE = Path(__file__).parent / "rules-of-thumb.md"
SECTION = re.compile(r"^## (?P<number>\d+)\. .*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
TABLE = re.compile(
    r"^```bash\n(?P<commands>[^`]*)^```\n\n"
    r"<!-- measured\n(?P<columns>.*?)^-->\n(?P<table>.*?)^<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)
COLUMN = re.compile(
    r"(?P<title>.+?): (?:\[(?P<arms>\d+(?:-\d+)?)\] )?(?P<path>[\w.*-]+)(?: as (?P<form>\w+))?"
)
OTHER_ROWS = ("rows: documents", "rows: comparisons")

Document = Mapping[str, Any]


# --- how a value is written -------------------------------------------------------------------


def _signed(value: float | None) -> str:
    if value is None:
        return numbers.UNKNOWN
    text = f"{100 * value:+.2f}"
    return text.replace("-", "−") if float(text) else "0"


def _points(quantity: Estimate) -> str:
    if quantity.value is None or quantity.low is None or quantity.high is None:
        return _signed(quantity.value)
    return f"{_signed(quantity.value)} ({_signed(quantity.low)} to {_signed(quantity.high)})"


def _ratio(quantity: Estimate) -> str:
    text = numbers.estimate(quantity, numbers.fixed(2))
    return text if quantity.value is None else f"× {text}"


def _written(form: numbers.Form) -> Callable[[Estimate], str]:
    return lambda quantity: numbers.estimate(quantity, form)


FORMS: dict[str | None, Callable[[Estimate], str]] = {
    None: _written(numbers.significant),
    "count": _written(numbers.count),
    "whole": _written(numbers.whole),
    "two": _written(numbers.fixed(2)),
    "tenths": _written(numbers.fixed(1)),
    "percent": _written(numbers.fixed(1, 100)),
    "points": _points,  # a difference of shares
    "ratio": _ratio,
    "chance": lambda quantity: chance_text(quantity.value),
    "si": _written(numbers.si),
    "ms": _written(numbers.fixed(3, 1e3)),
    "MiB": _written(numbers.fixed(0, 2.0**-20)),
}


def cell(value: Any, form: str | None) -> str:
    """Write a value of a document: an estimate with its interval, a plain number, a word."""
    if value is None:
        return numbers.UNKNOWN
    if isinstance(value, list):
        return f"({', '.join(cell(item, form) for item in value)})"
    if isinstance(value, Mapping):
        return FORMS[form](Estimate(**value))
    if isinstance(value, int | float):
        return FORMS[form or ("count" if isinstance(value, int) else None)](Estimate(value))
    return str(value).replace("_", " ")


# --- what the commands measure ----------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The documents that the commands of a block print, and those of their comparisons."""

    documents: tuple[Document, ...]
    first_of: tuple[int, ...]  # document → the first one of the same command
    folder: Path

    @classmethod
    def by(cls, commands: str, folder: Path) -> Measured:
        """Run every bsx command of a block."""
        documents: list[Document] = []
        first_of: list[int] = []
        settings: dict[str, str] = {}
        for line in commands.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["export"]:
                settings |= dict(word.split("=", 1) for word in words[1:])
            if words[:1] != ["bsx"]:
                continue
            quiet = [] if words[1] == "calc" else ["--quiet"]
            found = _json([*words, *quiet], folder, settings)
            if isinstance(found, list):  # of bsx calc
                found = {"batch_sizes": found}
            arms = found.get("arms", [found])
            first_of += [len(documents)] * len(arms)
            documents += arms
        return cls(tuple(documents), tuple(first_of), folder)

    def at(self, arms: str) -> Document:
        """Return a document, ``"0"``, or a comparison of two, ``"1-0"``."""
        if arms.isdecimal():
            return self.documents[int(arms)]
        second, first = (self.documents[int(arm)]["sweep_id"] for arm in arms.split("-"))
        found: Document = _json(["bsx", "compare", first, second], self.folder)
        return found

    def comparisons(self) -> list[Document]:
        """Return the comparison of each arm with the first one of its command."""
        pairs = [(second, first) for second, first in enumerate(self.first_of) if second != first]
        return [
            {**self.at(f"{second}-{first}"), **_labels(self.documents[first], "first")}
            | _labels(self.documents[second], "second")
            for second, first in pairs
        ]


def _labels(document: Document, name: str) -> dict[str, Any]:
    return {name: document["arm"]} if "arm" in document else {}


def _json(words: Sequence[str], folder: Path, settings: Mapping[str, str] | None = None) -> Any:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BSX_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [*words, "--format", "json"],
        cwd=folder,
        env={**environment, **(settings or {}), "PATH": path, "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise SystemExit(f"measure: {shlex.join(words)} ended with {done.returncode}")
    return json.loads(done.stdout)


# --- tables -----------------------------------------------------------------------------------


def columns_of(comment: str) -> tuple[str | None, list[re.Match[str]]]:
    """Return what the rows are, None for batch sizes, and the columns that a comment names."""
    lines = comment.strip().splitlines()
    rows = lines.pop(0) if lines[0] in OTHER_ROWS else None
    columns = [COLUMN.fullmatch(line) for line in lines]
    found = [column for column in columns if column]
    if len(found) != len(columns):
        raise SystemExit(f"measure: these are not all columns:\n{comment}")
    return rows, found


def table(comment: str, measured: Measured) -> str:
    """Return the table of a block in Markdown."""
    other, columns = columns_of(comment)
    if other is not None:
        of = measured.documents if other == OTHER_ROWS[0] else measured.comparisons()
        rows = [[_at(document, c["path"], c["form"]) for c in columns] for document in of]
    else:
        sources = [measured.at(column["arms"] or "0") for column in columns]
        sizes = sorted({row["batch_size"] for source in sources for row in source["batch_sizes"]})
        rows = [
            [
                _at(source, _path(column["path"], size), column["form"])
                for source, column in zip(sources, columns, strict=True)
            ]
            for size in sizes
        ]
    written = [[column["title"] for column in columns], ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in written)


def _path(path: str, size: int) -> str:
    return path.replace("*", str(size)) if "*" in path else f"batch_sizes.{size}.{path}"


def _at(document: Document, path: str, form: str | None) -> str:
    try:
        return cell(lookup(document, path), form)
    except NothingFound:
        return numbers.UNKNOWN


def main(args: Sequence[str]) -> int:
    """Fill the tables of the page."""
    if any(arg.startswith("-") for arg in args):
        print(__doc__, file=sys.stderr)  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args[0]) if args else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for number in [m["number"] for m in SECTION.finditer(PAGE.read_text(encoding="utf-8"))]:
            if not args[1:] or number in args[1:]:
                _fill(number, folder)
    return 0


def _fill(number: str, folder: Path) -> None:
    """Fill the tables of one rule, and write the page at once: the next one may take long."""
    text = PAGE.read_text(encoding="utf-8")
    (section,) = [m[0] for m in SECTION.finditer(text) if m["number"] == number]
    for match in TABLE.finditer(section):
        measured = Measured.by(match["commands"], folder)
        begin = match[0][: match.start("table") - match.start()]
        filled = f"{begin}\n{table(match['columns'], measured)}\n<!-- end -->"
        text = PAGE.read_text(encoding="utf-8")  # which may have been edited meanwhile
        PAGE.write_text(text.replace(match[0], filled), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
