"""The one JSON text of a value, and the identity that is hashed from it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 1


# Marks a field that came later: it is left out while it has its default, so that what was stored
# before there was such a field keeps its identity.
LATER: Mapping[str, bool] = {"bsx.later": True}

_WRITTEN_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})


def canonical_json(value: Any) -> str:
    """Write ``value`` as the one JSON text that equal values share.

    Raises:
        ValueError: for NaN and infinities, which JSON does not know.
    """
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return json.dumps(value)  # as below, but quickly: the rates and seeds of thousands of runs
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )


def plain(value: Any) -> Any:
    """Turn dataclasses, mappings, sequences and enums into what ``json`` writes."""
    if type(value) in _WRITTEN_AS_THEY_ARE:  # most of them, and soon told
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: plain(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if not ("bsx.later" in f.metadata and getattr(value, f.name) == f.default)
        }
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, StrEnum):
        return value.value
    return value


def digest(value: Any, length: int = 20) -> str:
    """Hash the canonical JSON of ``value`` (SHA-256, ``length`` hexadecimal digits)."""
    return digest_of(canonical_json(value), length)


def digest_of(text: str, length: int = 20) -> str:
    """Hash a canonical JSON text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
