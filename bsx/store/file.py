"""The file of a store: opened if it is ours, made whole or not at all, brought up to date.

What is not ours is told from the first bytes of the file, before SQLite has touched it: to look
into a database, SQLite may have to write to it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from bsx import files
from bsx.errors import StoreError
from bsx.store.lock import alone
from bsx.store.tables import APPLICATION_ID, STEPS, STORE_VERSION

FILE_NAME = "bsx.sqlite3"
LOCK_NAME = "bsx.lock"
_BUSY_SECONDS = 30.0
# Where the header of an SQLite file has what tells ours: https://sqlite.org/fileformat2.html
_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_VERSION_AT = slice(60, 64)
_APPLICATION_AT = slice(68, 72)


def open_to_write(path: Path) -> sqlite3.Connection:
    """Connect to a store that runs are appended to; make it where there is none.

    The whole file is looked through for damage, and brought to this version.

    Raises:
        StoreError: for a file that is not ours, newer, damaged or empty; it is left as it is.
        sqlite3.Error, OSError: for one that cannot be read or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    _refuse_what_is_not_ours(path)
    with _connected(path) as db:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise damaged(path, found)
        _bring_up_to_date(db)
        return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """Connect to a store that is looked at: nothing can be written through the connection.

    An older one is read through a copy in memory, so that whoever writes it is not disturbed.

    Raises:
        StoreError, sqlite3.Error, OSError: as :func:`open_to_write`.
    """
    _refuse_what_is_not_ours(path)
    with _connected(path) as db:
        if _version(db) < STORE_VERSION:
            copy = sqlite3.connect(":memory:", isolation_level=None)
            db.backup(copy)
            db.close()
            _bring_up_to_date(copy)
            db = copy
        db.execute("PRAGMA query_only = ON")
        return db


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Do all that is done within, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # the error that came first is the one to tell
            if db.in_transaction:  # SQLite has done it itself where the disk is full
                db.execute("ROLLBACK")
        raise


def damaged(path: Path, what: object) -> StoreError:
    """Return the error of a file that is ours and broken."""
    lines = " ".join(str(what).split())
    return StoreError(
        f"{path} is damaged ({lines}); set it aside (`sqlite3 {path.name} .recover` may save what "
        "it held) or name another --store"
    )


def _refuse_what_is_not_ours(path: Path) -> None:
    # POSIX forgets this process's locks on a file when any descriptor of it is closed: no
    # transaction may be open here on the same file.
    with files.opened(path) as file:
        header = file.read(_HEADER_BYTES)
    if not header:
        raise StoreError(
            f"{path} is empty: what it held is lost, if it held anything; remove it, or name "
            "another --store"
        )
    ours = int.from_bytes(header[_APPLICATION_AT], "big") == APPLICATION_ID
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES or not ours:
        raise StoreError(f"{path} is no store of bsx; name another --store")
    version = int.from_bytes(header[_VERSION_AT], "big")
    if version > STORE_VERSION:
        raise StoreError(
            f"{path} is of store version {version}, this bsx writes {STORE_VERSION}; "
            "take the bsx that wrote it, or name another --store"
        )


def _make(path: Path) -> None:
    """Make a store without anything in it; it appears under its name when it is whole."""
    with alone(path.with_name(LOCK_NAME)):
        if path.exists():  # another process was quicker
            return
        new = path.with_name(path.name + ".new")
        leftovers = (new, new.with_name(new.name + "-journal"))
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        try:
            with contextlib.closing(_connection(new, "rwc")) as db:
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                _bring_up_to_date(db)
            new.replace(path)
            for folder in (path.parent, path.parent.absolute().parent):  # it may be new as well
                _synchronize(folder)
        finally:
            for leftover in leftovers:
                leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect; close again if what follows fails."""
    db = _connection(path, "rw")  # to read only where the rights allow no more
    try:
        yield db
    except BaseException:
        db.close()
        raise


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
    db.execute("PRAGMA foreign_keys = ON")
    # What is committed survives a power cut: with FULL, the journal that was deleted last might
    # come back and undo it. The journal is SQLite's own, of the rollback kind: safe everywhere.
    db.execute("PRAGMA synchronous = EXTRA")
    return db


def _bring_up_to_date(db: sqlite3.Connection) -> None:
    """Take the steps that are missing, each in a transaction of its own."""
    while (version := _version(db)) < STORE_VERSION:
        with transaction(db):
            if _version(db) == version:  # else another process was quicker
                for statement in _statements(STEPS[version]):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {version + 1}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _synchronize(folder: Path) -> None:
    """Make a name that is new in ``folder`` safe on the disk, where the system can."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
