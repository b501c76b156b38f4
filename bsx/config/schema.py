"""The JSON Schema of a sweep's file, by which editors complete and check it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bsx import parse
from bsx.settings import SETTINGS, Setting

_NUMBER = {"type": "number"}
_WHOLE = {"type": "integer", "minimum": 1}
_TEXTS = {"type": ["string", "array"], "items": {"type": "string"}}
_PAIRS = {"type": ["object", "string", "array"], "items": {"type": "string"}}
_TIME = {"type": ["number", "string"], "exclusiveMinimum": 0}
_OF_READER: dict[Callable[[Any, str], Any], dict[str, Any]] = {
    parse.text: {"type": "string", "minLength": 1},
    parse.switch: {"type": "boolean"},
    parse.count: _WHOLE,
    parse.index: {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    parse.positive: {**_NUMBER, "exclusiveMinimum": 0},
    parse.not_negative: {**_NUMBER, "minimum": 0},
    parse.tolerance: {**_NUMBER, "minimum": 0, "exclusiveMaximum": 1},
    parse.fraction: {**_NUMBER, "minimum": 0, "exclusiveMaximum": 1},
    parse.share: {**_NUMBER, "minimum": 0, "maximum": 1},
    parse.proper_fraction: {**_NUMBER, "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    parse.duration: _TIME,
    parse.memory: {"type": ["integer", "string"], "minimum": 1},
    parse.texts: _TEXTS,
    parse.logs: _TEXTS,
    parse.paths: _TEXTS,
    parse.batch_sizes: {"type": ["integer", "string", "array"], "minimum": 1, "items": _WHOLE},
    parse.learning_rate: {
        "type": ["number", "string", "array"],
        "exclusiveMinimum": 0,
        "items": {**_NUMBER, "exclusiveMinimum": 0},
    },
    parse.arguments: _PAIRS,
    parse.ranges: {**_PAIRS, "additionalProperties": {"type": "string"}},
    parse.variations: _PAIRS,
    parse.targets: {
        **_PAIRS,
        "additionalProperties": {"type": ["number", "string", "array"]},
    },
}  # fmt: skip


def json_schema(version: str) -> dict[str, Any]:
    """Return the schema of what ``bsx sweep FILE`` reads."""
    properties = {setting.key: _property(setting) for setting in SETTINGS}
    hyphened = {
        f"^{key.replace('_', '-')}$": {"$ref": f"#/properties/{key}"}
        for key in properties
        if "_" in key
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"A sweep of bsx {version}",
        "type": "object",
        "properties": properties,
        "patternProperties": hyphened,
        "additionalProperties": False,
    }


def _property(setting: Setting) -> dict[str, Any]:
    found: dict[str, Any] = {"description": setting.help, **_type(setting.read)}
    if setting.default is not None:
        found["default"] = setting.default
    return found


def _type(read: Callable[[Any, str], Any]) -> dict[str, Any]:
    if isinstance(read, parse.OneOf):
        return {"enum": list(read.choices)}
    if isinstance(read, parse.OrNone):
        return {"anyOf": [_type(read.read), {"const": "none"}]}
    return _OF_READER.get(read, {})  # anything, rather than no schema
