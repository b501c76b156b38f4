"""Signs for a terminal that knows ASCII alone: two characters where one would say something else.

In lines that are laid out already nothing moves that stands under something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from rich.segment import Segment

_ONE = str.maketrans({"–": "-", "−": "-", "×": "x", "µ": "u", "…": ".", "═": "=", "✓": "+",
                      "✗": "x", "‖": "|"})  # fmt: skip
_TWO = {"≥": ">=", "≤": "<=", "±": "+-", "→": "->"}
_SIGN = re.compile("[≥≤±→]")
_ALIGNED = re.compile(r" {2}|\|")  # what follows stands under something, or is a frame


def as_ascii(text: str) -> str:
    """Return text that may become longer."""
    return _one_each(_SIGN.sub(lambda found: _TWO[found[0]], text))


def line_in_ascii(line: Iterable[Segment], width: int) -> list[Segment]:
    """Return a line of at most ``width`` that was laid out; what is aligned in it stays so."""
    letters = [(letter, (s.style, s.control)) for s in line for letter in s.text]
    at = 0
    while at < len(letters):
        sign, style = letters[at]
        if sign in _TWO:
            space = _spared("".join(letter for letter, _ in letters), at, width)
            if space is None:
                letters[at] = (_TWO[sign][0], style)  # no room for more
            else:
                if space >= 0:
                    del letters[space]
                    at -= space < at
                letters[at : at + 1] = [(letter, style) for letter in _TWO[sign]]
        at += 1
    return [
        Segment(_one_each("".join(letter for letter, _ in some)), *how)
        for how, some in groupby(letters, itemgetter(1))
    ]


def _spared(text: str, at: int, width: int) -> int | None:
    """Return which space goes for the second character: -1 where none has to, None without any."""
    followed = text[at + 1 : at + 2] == " "
    if text[at] != "→" and followed:
        return at + 1  # everywhere alike: >=64, +-0.1
    if not _ALIGNED.search(text[at + 1 :].rstrip()) and len(text.rstrip()) < width:
        return -1
    if (text[:at].isspace() and at >= 2) or text[:at].endswith("   "):
        return at - 1
    return at + 1 if followed else None


def _one_each(text: str) -> str:
    return text.translate(_ONE).encode("ascii", "replace").decode("ascii")
