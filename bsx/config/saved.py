"""What was asked as a TOML file that asks the same again."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from bsx.config.read import Given
from bsx.errors import ConfigError

# Of the command that prints, not of the question
_NOT_SAVED = frozenset({"format", "get", "quiet", "dry_run", "fresh"})
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def as_toml(given: Iterable[Given], version: str) -> str:
    """Return the text of a file by which ``bsx sweep FILE`` asks the same question.

    What was asked is set, whether by flag, variable or file; the defaults of this ``version``
    stand below it as comments, to be tried.

    Raises:
        ConfigError: for a value that no TOML file holds.
    """
    shown = [one for one in given if one.setting.key not in _NOT_SAVED]
    lines = [f"# A sweep of bsx {version}; run it by: bsx sweep THIS_FILE", ""]
    for one in shown:
        if one.source != "default":
            lines.append(f"{one.setting.key} = {toml_value(_simplest(one), one.origin)}")
    lines += ["", "# Not asked for, and so as bsx has it:"]
    for one in shown:
        if one.source == "default" and one.setting.default is not None:
            value = toml_value(one.setting.default, one.setting.key)
            lines.append(f"# {one.setting.key} = {value}")
    return "\n".join(lines) + "\n"


def _simplest(one: Given) -> Any:
    """Return what was typed as a number, a switch or a list of them, where that means the same."""
    raw, value = one.raw, one.value
    if isinstance(value, int):
        return value
    if isinstance(raw, str) and isinstance(value, float) and _is_number(raw):
        return value
    if isinstance(value, tuple) and value and all(type(part) in (int, float) for part in value):
        plain = [*value]
        if _reads_as(one, plain) and ".." not in str(raw):
            return plain if len(plain) > 1 else plain[0]
    if isinstance(value, Mapping) and isinstance(raw, list | str):
        table = {key: list(v) if isinstance(v, tuple) else v for key, v in value.items()}
        if None not in table.values() and _reads_as(one, table):
            return table
    return raw


def _reads_as(one: Given, candidate: Any) -> bool:
    try:
        return bool(one.setting.read(candidate, one.origin) == one.value)
    except ConfigError:
        return False


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def toml_value(value: Any, origin: str) -> str:
    """Write a value of TOML.

    Raises:
        ConfigError: for what TOML does not know.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(part, origin) for part in value)}]"
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {toml_value(part, origin)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    raise ConfigError(f"{origin} {value!r}: a TOML file cannot hold this; give a text or a number")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    text = repr(value)
    return text if re.search(r"[.e]", text) else f"{text}.0"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    """Write a basic string; what cannot stand in it is written by its number."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return (
        '"' + "".join(escapes.get(c, c if c.isprintable() else _numbered(c)) for c in value) + '"'
    )


def _numbered(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"
