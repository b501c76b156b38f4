"""The store: one SQLite file, appended to by one writer, read by anyone."""

from bsx.store.store import Store

__all__ = ["Store"]
