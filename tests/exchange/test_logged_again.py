"""What trackers have of a sweep is what the sweep has: what was trained again or is gone is not."""

from __future__ import annotations

import dataclasses
import shutil
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


def test_what_the_sweep_no_longer_has_is_taken_away_and_what_is_others_stays(
    store: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    sweep, records = read(store)
    tracker = start("tensorboard", str(tmp_path), sweep)
    tracker.log(tracked_runs(sweep, records[:4]))
    tracker.summarize(SUMMARY)
    (group,) = tmp_path.iterdir()
    (group / "mine").mkdir()
    (group / "mine" / "notes.txt").write_text("kept")
    assert tracker.keep([record.run_id for record in records[1:4]]) == 1
    assert len(list(group.iterdir())) == 3 + 2
    named = dataclasses.replace(sweep, config=dataclasses.replace(sweep.config, name="n" * 200))
    assert start("tensorboard", str(tmp_path), named).log(tracked_runs(sweep, records[:2])) == 2
    assert sorted(len(list(f.glob("*/*.bsx"))) for f in tmp_path.iterdir()) == [0, 2]
    assert (group / "mine" / "notes.txt").exists()


def test_a_sweep_trained_afresh_is_logged_once_and_as_it_is_now(here: Shell) -> None:
    pytest.importorskip("tensorboard")
    args = ("--dataset", "wine", "--model", "logistic", "--log", "tensorboard:logs")
    here.swept(*args)
    before = {f: f.read_bytes() for f in Path("logs").rglob("*.bsx")}
    here.swept(*args)
    assert {f: f.read_bytes() for f in Path("logs").rglob("*.bsx")} == before
    stale = next(f for f in before if f.parent.name != "summary").parent
    shutil.copytree(stale, stale.parent / "b5-lr9-s0-00000000")
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
