"""HTML and SVG from plain text: whatever is not markup already is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

VOID = frozenset({"meta", "link", "input", "br", "col"})
GENERATOR = "bsx"  # by which a page says who wrote it; the version follows
_CODE = re.compile(r"(`[^`]+`|(?:\bbsx [a-z]+ )?(?<![\w-])--[a-z][a-z-]*[a-z])")


class Markup(str):
    """Text that is markup already, and made of escaped parts."""

    __slots__ = ()


Child = str | Iterable["Child"] | None
Value = str | int | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """Return an element; text in it is escaped, None left out.

    ``class_`` and ``for_`` stand for what Python keeps for itself, other underscores for hyphens;
    an attribute that is None or False is left out, one that is True has no value.
    """
    opened = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{opened}>")
    return Markup(f"<{opened}>{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Return children one after another."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escaped(child))
        else:
            parts.append(join(*child))
    return Markup("".join(parts))


def prose(text: str) -> Markup:
    """Return a sentence in which commands in backticks, and options, stand as code."""
    parts = _CODE.split(text)
    return join(*(tag("code", part.strip("`")) if n % 2 else part for n, part in enumerate(parts)))


def escaped(text: str) -> Markup:
    """Return ``text`` as it is read, whatever HTML would make of it."""
    return Markup(html.escape(_printable(text)))


def _printable(text: str) -> str:
    """Return ``text`` without control characters, for which HTML has no place."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(_printable(text))}"'
