"""``bsx doctor`` and ``bsx --version``: is the installation whole, and which one is it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bsx import __version__, doctor, registry
from bsx.errors import EXIT_UNUSABLE, ConfigError
from tests.here import Shell, here

__all__ = ["here"]


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes seconds."""
    monkeypatch.setattr(doctor, "_processes", lambda: doctor.Check("processes", "ok", "left out"))


def test_what_is_there_is_found_and_nothing_is_left_behind(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    code, out, err = here.bsx("doctor", "--format", "json")
    found = json.loads(out)
    assert (code, err, found["healthy"]) == (0, "", True)
    about = {check["about"]: check for check in found["checks"]}
    assert {"Python", "torch", "device", "threads", "memory", "processes", "store", "locks",
            "datasets", "models", "optimizers"} <= about.keys()  # fmt: skip
    for check in found["checks"]:
        assert check["status"] in ("ok", "missing", "doubtful"), check
        assert check["remedy"] or check["status"] == "ok", check
    assert about["locks"]["status"] == "ok"
    assert list(here.folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database at all\n" * 50])
def test_a_store_that_cannot_be_read_is_broken_and_the_remedy_is_told(
    content: bytes, here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    file = here.folder / "bad" / "bsx.sqlite3"
    file.parent.mkdir()
    file.write_bytes(content)
    code, out, _ = here.bsx("doctor", "--store", "bad", "--format", "json")
    assert code == 3
    (found,) = (check for check in json.loads(out)["checks"] if check["about"] == "store")
    assert found["status"] == "broken"
    assert "name another --store" in found["remedy"]
    assert file.read_bytes() == content


def test_a_store_that_cannot_be_written_ends_with_its_exit_code(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    (here.folder / "file").write_text("")
    code, out, _ = here.bsx("doctor", "--store", "file/store")
    assert code == EXIT_UNUSABLE
    assert "cannot do its work: store" in out and "--store or BSX_STORE" in " ".join(out.split())


def test_a_plug_in_that_cannot_be_imported_is_named(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    load = registry.load

    def failing(kind: str, name: str) -> Any:
        if name == "gru":
            raise ConfigError("--model gru: cannot import it")
        return load(kind, name)

    monkeypatch.setattr(registry, "load", failing)
    code, out, _ = here.bsx("doctor", "--get", "checks")
    assert code == EXIT_UNUSABLE
    assert "1 of 16 cannot be loaded: gru: --model gru: cannot import it" in out


def test_an_optional_library_that_is_missing_says_how_to_get_it(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    monkeypatch.setattr(doctor, "_requirements", lambda: [("no-such-library", "plot")])
    code, out, _ = here.bsx("doctor")
    assert code == 0
    assert "no-such-library" in out and 'pip install "bsx[plot]"' in out


def test_requirements_are_read_with_their_extras() -> None:
    found = doctor._requirements()
    assert {("torch", None), ("pyarrow", "parquet"), ("pytest", "dev")} <= set(found)
    assert ("pytest", None) not in found


def test_the_version_comes_first_and_what_it_runs_on_below(here: Shell) -> None:
    code, out, err = here.bsx("--version")
    first, versions, device = out.splitlines()
    assert (code, first, err) == (0, f"bsx {__version__}", "")
    assert versions.startswith("Python 3") and "torch 2" in versions
    assert device.startswith("device: ")


def test_locks_of_one_process_are_seen_by_another(tmp_path: Path) -> None:
    from bsx.store.lock import holds_across_processes

    assert holds_across_processes(tmp_path / "lock")


@pytest.mark.slow
def test_a_process_is_started_as_those_of_units_are() -> None:
    assert doctor._processes().status == "ok"
