"""Write docs/python-reference.md from the public names of bsx: it cannot drift.

python docs/make_python_reference.py            write it
python docs/make_python_reference.py --check    exit 1 where it is out of date
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bsx
from bsx.api.keywords import ELSEWHERE
from bsx.api.settings import Settings
from bsx.schema import Analysis, BatchSizeSummary, Estimate, Recommendation, TargetSummary
from bsx.settings import SETTINGS

FILE = Path(__file__).parent / "python-reference.md"
HEAD = re.compile(r"^(Args|Returns|Raises|Attributes|Example|References|Note|Examples):$")
ANSWERS = (Estimate, Recommendation, TargetSummary, BatchSizeSummary, Analysis)


def reference() -> str:
    """Return the text of the page."""
    parts = [
        "<!-- Written by docs/make_python_reference.py; edit that, or the docstrings. -->",
        "# Python reference",
        "Everything that `import bsx` offers; how it is used stands in "
        "[From Python, and in a notebook](how-to/python.md). Names here stay; keyword arguments "
        "and fields are added, never renamed. What is in other modules of bsx may change.",
    ]
    functions = [n for n in bsx.__all__ if inspect.isfunction(getattr(bsx, n))]
    classes = [n for n in bsx.__all__ if inspect.isclass(getattr(bsx, n))]
    for name in functions:
        parts += _function(f"bsx.{name}", getattr(bsx, name))
        if name == "sweep":
            parts += _keywords()
    for name in classes:
        parts += _class(f"bsx.{name}", getattr(bsx, name))
    parts.append("## What the answers are made of")
    parts.append("Frozen dataclasses of `bsx.schema`, reached through a `bsx.Result`.")
    for kind in ANSWERS:
        parts.append(f"### {kind.__name__}")
        parts += _prose(kind.__doc__ or "")
        lines = [(f"`{f.name}`", f"`{_type(f.type)}`") for f in dataclasses.fields(kind)]
        parts.append(_table(("Field", "Type"), lines))
    return "\n\n".join(parts) + "\n"


def _function(name: str, function: Any) -> Iterator[str]:
    yield f"## {name}"
    yield f"```text\n{name}{_signature(function)}\n```"
    yield from _prose(inspect.getdoc(function) or "")


def _keywords() -> Iterator[str]:
    yield "### The settings as keyword arguments"
    lines = [
        (f"`{s.key}`", f"`{_type(Settings.__annotations__.get(s.key, Any))}`", s.help)
        for s in SETTINGS
        if s.key not in ELSEWHERE
    ]
    yield _table(("Keyword", "Type", "What it is"), lines)


def _class(name: str, kind: Any) -> Iterator[str]:
    yield f"## {name}"
    if not issubclass(kind, Exception) and not issubclass(kind, list):
        yield f"```text\n{name}{_signature(kind)}\n```" if name == "bsx.NoiseScale" else ""
    yield from _prose(inspect.getdoc(kind) or "")
    lines = []
    if dataclasses.is_dataclass(kind):
        lines += [(f"`{f.name}`", f"`{_type(f.type)}`", "") for f in dataclasses.fields(kind)]
    for attribute, thing in vars(kind).items():
        if attribute.startswith("_"):
            continue
        inner = getattr(thing, "fget", None) or getattr(thing, "func", None)
        said = inspect.getdoc(inner or thing) or ""
        first = said.partition("\n\n")[0].replace("\n", " ")
        if inner is not None:
            lines.append((f"`{attribute}`", f"`{_returns(inner)}`", first))
        elif inspect.isfunction(thing):
            lines.append(
                (f"`{attribute}{_signature(thing, own=True)}`", f"`{_returns(thing)}`", first)
            )
    if lines:
        yield _table(("What", "Type", "What it is"), lines)


def _signature(thing: Any, own: bool = False) -> str:
    signature = inspect.signature(thing)
    kept = [p for n, p in signature.parameters.items() if not (own and n == "self")]
    text = str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty))
    return _type(text)


def _returns(function: Any) -> str:
    return _type(function.__annotations__.get("return", ""))


def _type(annotation: Any) -> str:
    if isinstance(annotation, type):
        return annotation.__name__
    found = getattr(annotation, "__forward_arg__", annotation)
    return re.sub(r"'([^']*)'", r"\1", str(found).replace("Unpack[Settings]", "Any"))


def _prose(doc: str) -> Iterator[str]:
    """Yield a docstring as Markdown: sections as lists, examples as code."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(doc)):
        first, *rest = paragraph.splitlines()
        if not HEAD.match(first):
            yield " ".join(line.strip() for line in paragraph.splitlines()).replace("``", "`")
            continue
        body = inspect.cleandoc("\n".join(rest))
        if first.startswith(("Example", "References")) and ">>>" in body:
            yield f"```text\n{body}\n```"
            continue
        items = re.split(r"\n(?=\S)", body)
        yield f"**{first.rstrip(':')}**"
        yield "\n".join(f"- {_item(' '.join(i.split()))}" for i in items)


def _item(text: str) -> str:
    name, colon, rest = text.partition(": ")
    marked = f"`{name}`: {rest}" if colon and re.fullmatch(r"[\w.*]+", name) else text
    return marked.replace("``", "`")


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in escaped)


def main(args: Sequence[str]) -> int:
    """Write the file, or with ``--check`` compare it."""
    text = reference()
    if "--check" not in args:
        FILE.write_text(text, encoding="utf-8")
        return 0
    return int(not FILE.exists() or FILE.read_text(encoding="utf-8") != text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
