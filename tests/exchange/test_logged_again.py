"""What was trained again takes the place of what was logged; nothing else is ever removed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bsx.errors import Stopped
from bsx.exchange.trackers import LiveLog, start, tracked_runs
from bsx.schema import RunStatus
from tests.exchange.exported import read, store
from tests.exchange.test_trackers import SUMMARY, changed, events, single
from tests.here import QUICK, Shell, here

__all__ = ["here", "store"]


def test_a_run_that_was_trained_again_takes_the_place_of_what_was_logged(
    store: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    sweep, records = read(store)
    runs = list(tracked_runs(sweep, records[:4]))
    assert start("tensorboard", str(tmp_path), sweep).log(runs) == 4
    again = list(tracked_runs(sweep, [changed(records[0]), *records[1:4]]))
    assert start("tensorboard", str(tmp_path), sweep).log(again) == 1
    folders = list(tmp_path.glob("*/*"))
    assert len(folders) == 4
    (folder,) = (f for f in folders if f.name.endswith(runs[0].run_id[:8]))
    losses = [s.value for s in events(folder).Scalars("validation/loss")]
    assert losses == [single(p.validation_loss / 2) for p in records[0].curve]


def test_runs_that_another_store_logged_stay(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    sweep, records = read(store)
    start("tensorboard", str(tmp_path), sweep).log(tracked_runs(sweep, records[:4]))
    log = LiveLog(lambda: sweep, [start("tensorboard", str(tmp_path), sweep)])
    log.finish(records[:1])
    log.summarize(SUMMARY)
    assert len(list(tmp_path.glob("*/*/*.bsx"))) == 4 + 1


def test_a_sweep_of_another_name_loses_nothing_before_it_is_logged_under_that(
    store: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    sweep, records = read(store)
    before = start("tensorboard", str(tmp_path), sweep)
    before.log(tracked_runs(sweep, records[:4]))
    before.summarize(SUMMARY)
    (group,) = tmp_path.iterdir()
    (group / "mine").mkdir()
    (group / "mine" / "notes.txt").write_text("kept")
    named = dataclasses.replace(sweep, config=dataclasses.replace(sweep.config, name="n" * 200))
    after = start("tensorboard", str(tmp_path), named)
    assert len(list(group.glob("*/*.bsx"))) == 4 + 1  # a kill now leaves all of them
    assert after.log(tracked_runs(named, records[:3])) == 3
    assert len(list(group.glob("*/*.bsx"))) == 1 + 1  # of each run one; nobody has logged the last
    after.summarize(SUMMARY)
    assert sorted(len(list(f.glob("*/*.bsx"))) for f in tmp_path.iterdir()) == [1, 3 + 1]
    assert after.log(tracked_runs(named, records[:4])) == 1
    assert [file.name for file in group.rglob("*") if file.is_file()] == ["notes.txt"]


def test_a_sweep_trained_afresh_is_logged_once_and_as_it_is_now(here: Shell) -> None:
    pytest.importorskip("tensorboard")
    args = ("--dataset", "wine", "--model", "logistic", "--log", "tensorboard:logs")
    here.swept(*args)
    before = {f: f.read_bytes() for f in Path("logs").rglob("*.bsx")}
    here.swept(*args)
    assert {f: f.read_bytes() for f in Path("logs").rglob("*.bsx")} == before
    here.swept(*args, "--fresh")
    after = {f: f.read_bytes() for f in Path("logs").rglob("*.bsx")}
    assert after.keys() == before.keys()
    assert all(after[f] != before[f] for f in after)  # the seconds, at the least


def test_what_halving_gave_up_is_logged_with_its_status(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    sweep, records = read(store)
    behind = dataclasses.replace(records[0], status=RunStatus.DOMINATED)
    (run,) = tracked_runs(sweep, [behind])
    assert (run.status, len(run.points)) == ("dominated", len(records[0].curve))
    start("tensorboard", str(tmp_path), sweep).log([run])
    (folder,) = tmp_path.glob("*/*")
    told = events(folder).summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"dominated" in told
    whole = list(tracked_runs(sweep, records[:1]))  # a sweep without halving trained it on
    assert start("tensorboard", str(tmp_path), sweep).log(whole) == 1


def test_a_stop_closes_the_logs_of_the_arms_that_were_not_begun(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    closed: list[str] = []
    close = LiveLog.close

    def noted(log: LiveLog) -> None:
        closed.extend(tracker.name for tracker in log.trackers)
        close(log)

    def stopped(*_: object, **__: object) -> str:
        raise Stopped("Ctrl-C")

    monkeypatch.setattr(LiveLog, "close", noted)
    monkeypatch.setattr("bsx.conductor.Conductor.run", stopped)
    code, _, err = here.bsx("sweep", *QUICK, "--dataset", "wine", "--model", "logistic",
                            "--vary", "momentum=0,0.5,0.9",
                            "--log", "tensorboard:logs")  # fmt: skip
    assert code == 4, err
    assert closed == ["tensorboard:logs"] * 3  # each once
