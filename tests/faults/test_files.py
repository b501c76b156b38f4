"""Files of every kind where a store should be: brought up to date, or refused and left alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bsx.cli.app import run
from bsx.errors import StoreError
from bsx.schema import Curve, CurvePoint, RunStatus
from bsx.store import Store
from bsx.store.file import FILE_NAME
from bsx.store.tables import STEPS, STORE_VERSION
from tests.faults.appender import record
from tests.faults.processes import BSX, STORE, assert_one_line, environment
from tests.here import bsx
from tests.test_store import begun, stored

OLD = sorted(Path(__file__).with_name("stores").glob("version-*.sqlite3"))
SMALL = ["--batch-sizes", "64,256", "--learning-rate", "0.1,3000", "--seeds", "3", "--epochs", "2",
         "--threads", "1"]  # fmt: skip


def version(file: Path) -> int:
    """Return the version of a store."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def tables(file: Path) -> set[tuple[str, str]]:
    """Return the tables and how they were made."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        return set(db.execute("SELECT name, sql FROM sqlite_master"))


def foreign(file: Path) -> None:
    """Make a database of someone else's."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.commit()


def foreign_and_left_open(file: Path) -> None:
    """Make one of someone else's that was cut off in the middle of a transaction."""
    program = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); "
        "db.execute('PRAGMA cache_size = 1'); db.execute('CREATE TABLE theirs (x)'); db.commit(); "
        "db.executemany('INSERT INTO theirs VALUES (?)', [('x' * 999,)] * 99); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, file], check=True)
    assert file.with_name(file.name + "-journal").stat().st_size


def newer(file: Path) -> None:
    """Make a store of a version to come."""
    Store(file.parent, create=True).close()
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")


def cut_short(file: Path) -> None:
    """Make a store of which the end is missing."""
    full(file)
    os.truncate(file, file.stat().st_size // 2)


def overwritten(file: Path) -> None:
    """Make a store with a page of something else in it."""
    full(file)
    with file.open("r+b") as opened:
        opened.seek(3 * 4096)
        opened.write(b"\xff" * 4096)


def full(file: Path) -> None:
    """Make a store with something in it."""
    with begun(file.parent) as store:
        store.append("aaa111", "one", [record(seed) for seed in range(40)])


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "foreign": (foreign, "is no store of bsx"),
    "foreign-left-open": (foreign_and_left_open, "is no store of bsx"),
    "newer": (newer, "of store version 99"),
    "text": (lambda file: file.write_text("no database\n" * 99), "is no store of bsx"),
    "short text": (lambda file: file.write_text("SQLite format 3"), "is no store of bsx"),
    "empty": (lambda file: file.touch(), "is empty"),
    "cut short": (cut_short, "is damaged"),
    "overwritten": (overwritten, "is damaged"),
    "folder": (lambda file: file.mkdir(), "cannot open"),
}


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every byte in a folder, but for the lock, which holds none."""
    return {
        file.name: file.read_bytes() if file.is_file() else None
        for file in folder.iterdir()
        if file.name != "bsx.lock"
    }


@pytest.mark.parametrize(("make", "said"), CASES.values(), ids=list(CASES))
def test_what_is_not_ours_or_broken_is_refused_and_left_as_it_is(
    make: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    make(tmp_path / FILE_NAME)
    before = contents(tmp_path)
    with pytest.raises(StoreError) as refused:
        Store(tmp_path, create=True)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("case", ["foreign", "empty", "newer", "cut short"])
def test_the_program_refuses_it_with_one_line_and_exit_3(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = CASES[case]
    make(tmp_path / FILE_NAME)
    before = contents(tmp_path)
    for command in (["sweep", *SMALL, "--quiet", "--executor", "inline"], ["show"]):
        code = run([*command, "--store", str(tmp_path)])
        out, err = capsys.readouterr()
        assert (code, out) == (3, ""), (command, err)
        assert_one_line(err)
        assert err.count("\n") == 1
        assert said in err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("file", OLD, ids=lambda file: file.stem)
def test_a_store_of_an_earlier_version_is_brought_up_to_date_with_all_that_it_holds(
    file: Path, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db:
        ids = {row[0] for row in db.execute("SELECT run_id FROM runs")}
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        before = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    shutil.copy(file, tmp_path / FILE_NAME)
    with Store(tmp_path, create=True) as store:
        sweep = store.sweep(f"stored-by-{file.stem}")
        runs = store.runs(sweep.sweep_id)
        assert len(store.speeds(sweep.sweep_id)) == 2
    assert {run.run_id for run in runs} == ids  # known by what they were known by
    assert {run.status for run in runs} == {RunStatus.COMPLETED, RunStatus.DIVERGED}
    assert version(tmp_path / FILE_NAME) == STORE_VERSION
    Store(tmp_path / "new", create=True).close()
    assert tables(tmp_path / FILE_NAME) == tables(tmp_path / "new" / FILE_NAME)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        assert {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names} == before


@pytest.mark.parametrize("file", OLD, ids=lambda file: file.stem)
def test_an_earlier_version_is_shown_without_being_written_to(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(file, tmp_path / FILE_NAME)
    assert run(["show", "--store", str(tmp_path), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["runs"] for row in shown["batch_sizes"]] == [6, 6]
    assert contents(tmp_path) == {FILE_NAME: file.read_bytes()}


@pytest.mark.slow
def test_a_sweep_of_an_earlier_version_is_not_trained_again(tmp_path: Path) -> None:
    (tmp_path / STORE).mkdir()
    shutil.copy(OLD[0], tmp_path / STORE / FILE_NAME)
    result = bsx("sweep", *SMALL, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "stored already" in result.stderr


def test_a_step_that_fails_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(tmp_path / FILE_NAME)
    before = contents(tmp_path)
    step = "CREATE TABLE more (x) STRICT;\nCREATE TABLE runs (x INTEGER) STRICT;\n"
    monkeypatch.setattr("bsx.store.file.STEPS", (*STEPS, step))
    monkeypatch.setattr("bsx.store.file.STORE_VERSION", STORE_VERSION + 1)
    with pytest.raises(StoreError, match="cannot open"):
        Store(tmp_path, create=True)
    assert contents(tmp_path) == before
    good = "CREATE TABLE more (x INTEGER) STRICT;\n"
    monkeypatch.setattr("bsx.store.file.STEPS", (*STEPS, good))
    with Store(tmp_path, create=True) as store:
        assert len(stored(store)) == 40
    assert version(tmp_path / FILE_NAME) == STORE_VERSION + 1


def test_what_is_opened_to_be_read_cannot_be_written_to(tmp_path: Path) -> None:
    full(tmp_path / FILE_NAME)
    before = contents(tmp_path)
    with Store(tmp_path) as store, pytest.raises(StoreError, match="cannot write"):
        store.append("aaa111", "two", [record(99)])
    assert contents(tmp_path) == before


def test_what_is_no_number_has_a_status_and_comes_back_as_it_was(tmp_path: Path) -> None:
    inf, nan = float("inf"), float("nan")
    points = (CurvePoint(1, 0.1, 16, 0.1, inf, nan, {"accuracy": nan}),)
    lost = record(0).__class__(record(0).run, RunStatus.DIVERGED, points, stopped_at=1)
    with begun(tmp_path) as store:
        store.append("aaa111", "one", [lost])
        [back] = stored(store)
    assert back.status == RunStatus.DIVERGED
    assert repr(back.curve) == repr(Curve.of(points))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        for column in ("status", "stopped_at", "train_seconds", "final", "curve"):
            assert db.execute(f"SELECT {column} IS NULL FROM runs").fetchall() == [(0,)]


def test_the_same_result_delivered_twice_is_one_row(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.faults.appender", str(tmp_path), "0", "40"]
    both = [
        subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert len(out.splitlines()) == 40
    with Store(tmp_path) as store:
        assert stored(store) == [record(seed) for seed in range(80)]
        assert store._rows("SELECT count(*) FROM runs") == [(80,)]


def test_a_read_only_disk_can_be_shown_and_is_refused_by_a_sweep_with_one_line(
    tmp_path: Path,
) -> None:
    folder = tmp_path / STORE
    folder.mkdir()
    shutil.copy(OLD[-1], folder / FILE_NAME)
    before = contents(folder)
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77; shift; exec "$@"'
    for command, code in ((["show", "--get", "sweep_id"], 0), (["sweep", *SMALL, "--quiet"], 3)):
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script, "sh", folder, *BSX, *command],
            cwd=tmp_path, env=environment(), capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode == 77 or "unshare failed" in done.stderr:
            pytest.skip("needs the right to mount")
        assert done.returncode == code, done.stderr
        if code:
            assert_one_line(done.stderr)
    assert contents(folder) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot"):
            Store(tmp_path, create=True)
    finally:
        tmp_path.chmod(0o700)


def test_a_store_that_cannot_be_written_to_can_still_be_shown(tmp_path: Path) -> None:
    full(tmp_path / FILE_NAME)
    (tmp_path / FILE_NAME).chmod(0o400)
    with Store(tmp_path) as store:
        assert len(stored(store)) == 40


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot open the store .*--store"):
        Store(tmp_path / "file" / "store", create=True)
