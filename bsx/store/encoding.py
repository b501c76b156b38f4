"""Dataclasses ↔ the JSON that SQLite keeps."""

from bsx.schema.encoding import from_json, to_json

__all__ = ["from_json", "to_json"]
