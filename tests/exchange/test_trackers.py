"""Experiment trackers: what was logged is read back by their own libraries, and logged once."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bsx import plan
from bsx.cli.live import logged, open_logs
from bsx.errors import DataError, Stopped
from bsx.exchange.trackers import LiveLog, TrackedRun, start, tracked_runs
from bsx.exchange.trackers.runs import Summary
from bsx.schema import SETTLED, BatchSizes, LearningRates, RunRecord, RunStatus
from bsx.store import Store
from tests.exchange.exported import read, store
from tests.fakes import SWEEP_ID, Watcher, config, facts, run_sweep
from tests.here import Shell, here

__all__ = ["here", "store"]

SUMMARY = Summary([{"batch_size": 8, "to_target_steps": 40.0}], {"sweep.md": "# A"}, {"x": 1.0})


def expected(records: list[RunRecord]) -> dict[str, RunRecord]:
    """Return the runs that a tracker must have, by id."""
    return {record.run_id: record for record in records if record.status in SETTLED}


def single(value: float) -> float:
    """Round to single precision, which TensorBoard's scalars have."""
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


def events(folder: Path) -> Any:
    """Read a run's folder by TensorBoard itself."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reader.EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    return found.Reload()


def test_tensorboard_reads_every_number_of_every_run(
    here: Shell, store: Path, tmp_path: Path
) -> None:
    _, records = read(store)
    args = ("export", "--store", str(store), "--to", "tensorboard", "--output", "logs")
    code, out, err = here.bsx(*args)
    assert (code, out) == (0, ""), err
    folders = {f.name.rsplit("-", 1)[-1]: f for f in Path("logs", SWEEP_ID).iterdir()}
    assert folders.keys() == {"summary"} | {run_id[:8] for run_id in expected(records)}
    for run_id, record in list(expected(records).items())[::7]:
        found = events(folders[run_id[:8]])
        if not record.curve:
            assert found.Tags()["scalars"] == []
            continue
        for tag, values in {
            "validation/accuracy": [p.metrics["accuracy"] for p in record.curve],
            "validation/loss": [p.validation_loss for p in record.curve],
            "train/running_loss": [p.train_loss for p in record.curve],
        }.items():
            scalars = found.Scalars(tag)
            assert [s.step for s in scalars] == [p.step for p in record.curve]
            assert [s.value for s in scalars] == [single(v) for v in values]
        if record.status is RunStatus.COMPLETED:
            assert found.Scalars("end/test/accuracy")[0].value == single(
                record.final["test"]["accuracy"]
            )
        assert "_hparams_/session_start_info" in found.summary_metadata
    summary = events(folders["summary"])
    assert [s.step for s in summary.Scalars("speed/samples_per_second")][:2] == [4, 8]
    before = {f: f.stat().st_mtime_ns for f in Path("logs").rglob("*.bsx") if "b" in f.parent.name}
    assert "0 runs" in here.bsx(*args)[2]
    after = {f: f.stat().st_mtime_ns for f in Path("logs").rglob("*.bsx") if "b" in f.parent.name}
    assert before == after


def test_a_sweep_logs_each_run_once_when_it_is_stored_and_goes_on_where_it_was_stopped(
    tmp_path: Path,
) -> None:
    pytest.importorskip("tensorboard")
    asked = config(
        batch_sizes=BatchSizes((8, 64)),
        learning_rates=LearningRates("grid", (0.125, 0.25)),
        seeds=2,
    )
    files: dict[str, int] = {}
    folder, logs = tmp_path / "store", tmp_path / "logs"
    for stops_after in (1, None):
        watcher = Watcher(stops_after)
        live = live_log(folder, logs, watcher)
        try:
            run_sweep(folder, asked, watcher=live)  # type: ignore[arg-type]
        except Stopped as stopped:
            assert "test" in str(stopped)
        found = {f.parent.name: f.stat().st_mtime_ns for f in logs.rglob("*.bsx")}
        assert files.items() <= found.items()
        files = found
        with Store(folder) as opened:
            assert len(found) == opened.count_runs(SWEEP_ID)
    assert len(files) == 2 * 2 * 2


def live_log(folder: Path, logs: Path, watcher: Watcher) -> Any:
    """Return a watcher that logs as well."""
    from bsx.exchange.trackers import LoggedWatcher

    def stored() -> Any:
        with Store(folder) as opened:
            return opened.sweep(SWEEP_ID)

    known = facts()
    from bsx.schema import Sweep

    sweep = Sweep(SWEEP_ID, config(), known, {}, "planned", "")
    log = LiveLog(stored, [start("tensorboard", str(logs), sweep)], watcher.announce)
    return LoggedWatcher(watcher, log)


class Broken:
    """A tracker that fails."""

    name = "broken"
    asked = 0

    def log(self, runs: object) -> int:
        """Fail."""
        self.asked += 1
        raise OSError("the server has gone")

    def summarize(self, summary: object) -> None:
        """Fail."""
        raise AssertionError("asked again")

    close = log


def test_a_logger_that_fails_is_told_of_once_and_ends_nothing(store: Path) -> None:
    sweep, records = read(store)
    broken = Broken()
    log = LiveLog(lambda: sweep, [broken])  # type: ignore[list-item]
    watcher = Watcher()
    recipes = plan.recipes(sweep.config, sweep.facts)
    with Store(store) as opened, logged(log, opened, recipes, watcher) as both:
        both.stored(records[:3])
        both.stored(records[3:6])
    assert broken.asked == 1
    assert watcher.lines == [
        "Logging to broken has ended: the server has gone. The sweep goes on; run the same command "
        "again to log what is missing"
    ]


def test_log_is_opened_before_anything_is_trained(here: Shell) -> None:
    Path("taken").write_text("a file")
    code, out, err = here.bsx("sweep", "--log", "tensorboard:taken/logs", "--steps", "1")
    assert (code, out) == (3, "")
    assert err.startswith("bsx: error: cannot write TensorBoard's files in taken/logs")
    assert err.count("\n") == 1
    code, _, err = here.bsx("sweep", "--log", "wandb:x")
    assert (code, err.count("\n")) == (2, 1)
    assert "--log wandb:x: give tensorboard:DIR, mlflow:DIR or mlflow:URI" in err
    with Store(here.folder / "s", create=True) as opened:
        assert open_logs((), None, opened) is None  # type: ignore[arg-type]


def test_a_real_sweep_logs_what_it_stores(here: Shell) -> None:
    pytest.importorskip("tensorboard")
    document = here.swept("--dataset", "wine", "--model", "logistic", "--log", "tensorboard:logs",
                          "--name", "../a b")  # fmt: skip
    folders = sorted(f.parent.name for f in Path("logs").rglob("*.bsx"))
    assert len(folders) == 5 and folders[-1] == "summary"
    (group,) = {f.parent.parent.name for f in Path("logs").rglob("*.bsx")}
    assert group == f"-a-b-{document['sweep_id'][:8]}"
    assert document["status"] == "complete"


def test_names_lead_nowhere_else(tmp_path: Path, store: Path) -> None:
    pytest.importorskip("tensorboard")
    from bsx.exchange.trackers.tensorboard import TensorBoard

    tracker = TensorBoard(str(tmp_path / "logs"), "../../x/\n批 y", SWEEP_ID)
    tracker.summarize(SUMMARY)
    assert [f.parent.parent.name for f in tmp_path.rglob("*.bsx")] == ["-..-x--批-y"]


def changed(record: RunRecord) -> RunRecord:
    """Return a run as it may come out when it is trained again."""
    curve = [dataclasses.replace(p, validation_loss=p.validation_loss / 2) for p in record.curve]
    return dataclasses.replace(record, curve=curve)


# --- what takes long --------------------------------------------------------------------------


def some(store: Path) -> tuple[Any, list[RunRecord]]:
    """Return the sweep and one run of each kind, with one more."""
    sweep, records = read(store)
    of_each = {record.status: record for record in records}
    return sweep, [*of_each.values(), records[0]]


def test_a_stop_while_mlflow_makes_its_tables_leaves_nothing_half_made(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    sweep, _ = some(store)

    def stop(tracking_uri: str) -> None:
        Path(tracking_uri.removeprefix("sqlite:///")).write_bytes(b"some tables")
        raise Stopped("Ctrl-C")

    monkeypatch.setattr(mlflow, "MlflowClient", stop)
    with pytest.raises(Stopped):
        start("mlflow", str(tmp_path / "logs"), sweep)
    assert list((tmp_path / "logs").iterdir()) == []


def test_an_mlflow_store_that_was_left_half_made_is_told_with_the_remedy(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    sweep, _ = some(store)
    (tmp_path / "mlflow.db").write_bytes(b"some tables")

    def fail(tracking_uri: str) -> None:
        raise RuntimeError("(sqlite3.OperationalError) table review_queues already exists")

    monkeypatch.setattr(mlflow, "MlflowClient", fail)
    with pytest.raises(DataError, match=r"mlflow\.db was never finished.*; delete it, or name"):
        start("mlflow", str(tmp_path), sweep)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow's own doing
def test_mlflow_reads_every_number_and_takes_an_unfinished_run_away(
    store: Path, tmp_path: Path
) -> None:
    mlflow = pytest.importorskip("mlflow")
    sweep, records = some(store)
    runs = {run.run_id: run for run in tracked_runs(sweep, records)}
    tracker: Any = start("mlflow", str(tmp_path), sweep)
    assert tracker.log(runs.values()) == len(runs)
    tracker.summarize(SUMMARY)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("bsx").experiment_id
    found = {run.data.tags.get("bsx.run_id"): run for run in client.search_runs([experiment])}
    assert found.keys() == {None, *runs}
    for run_id, run in runs.items():
        of_mlflow = found[run_id]
        assert of_mlflow.data.params == {k: str(v) for k, v in run.params.items()}
        assert of_mlflow.data.tags["mlflow.parentRunId"] == found[None].info.run_id
        for name in ("validation/accuracy", "validation/loss", "train/running_loss"):
            history = client.get_metric_history(of_mlflow.info.run_id, name)
            assert {m.step: m.value for m in history} == {
                p.step: p.values[name] for p in run.points
            }
        assert (
            run.ends.items()
            <= {k.removeprefix("end/"): v for k, v in of_mlflow.data.metrics.items()}.items()
        )
    parent = found[None].info.run_id
    assert {f.path for f in client.list_artifacts(parent)} == {"sweep.md"}
    # killed in the middle: it was begun and never ended
    first, *_ = runs.values()
    client.delete_run(found[first.run_id].info.run_id)
    client.create_run(experiment, tags={"bsx.run_id": first.run_id, "bsx.sweep_id": SWEEP_ID,
                                        "mlflow.parentRunId": parent})  # fmt: skip
    again: Any = start("mlflow", str(tmp_path), sweep)
    assert again.log(runs.values()) == 1
    assert again.log(runs.values()) == 0
    assert len(client.search_runs([experiment])) == len(runs) + 1
    other = tracked_runs(sweep, [changed(r) for r in records if r.run_id == first.run_id])
    assert start("mlflow", str(tmp_path), sweep).log(other) == 1
    assert len(client.search_runs([experiment])) == len(runs) + 1
    with pytest.raises(DataError, match="cannot log to MLflow at"):
        start("mlflow", f"sqlite:///{tmp_path}/mlflow.db/x.db", sweep)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_reads_every_number_of_its_offline_runs(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    sweep, records = some(store)
    runs = [run for run in tracked_runs(sweep, records) if run.points][:2]
    tracker = start("wandb", str(tmp_path), sweep)
    try:
        assert tracker.log(runs) == len(runs)
        tracker.summarize(SUMMARY)
        assert tracker.log(runs) == 0
    finally:
        tracker.close()
    for run in runs:
        (file,) = tmp_path.rglob(f"run-{run.run_id}.wandb")
        history, params = wandb_file(file)
        assert params.items() >= run.params.items()
        assert history == {p.step: dict(p.values) for p in run.points}
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == len(runs) + 1
    again = start("wandb", str(tmp_path), sweep)
    try:
        others = [changed(record) for record in records if record.run_id == runs[0].run_id]
        assert again.log([*tracked_runs(sweep, others), *runs[1:]]) == 1
    finally:
        again.close()
    (left,) = tmp_path.rglob(f"run-{runs[0].run_id}.wandb")
    assert wandb_file(left)[0] != {p.step: dict(p.values) for p in runs[0].points}
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == len(runs) + 1


def wandb_file(path: Path) -> tuple[Mapping[int, Mapping[str, float]], Mapping[str, Any]]:
    """Read an offline run by W&B's own messages: step → numbers, and its parameters."""
    import json

    from wandb.proto import wandb_internal_pb2

    history: dict[int, dict[str, float]] = {}
    params: dict[str, Any] = {}
    for data in logged_parts(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = {
                (i.key or ".".join(i.nested_key)): json.loads(i.value_json)
                for i in record.history.item
            }
            step = int(items.pop("_step", record.history.step.num))
            history[step] = {k: v for k, v in items.items() if not k.startswith("_")}
        if record.WhichOneof("record_type") == "run":
            params |= {u.key: json.loads(u.value_json) for u in record.run.config.update}
    return history, params


def logged_parts(content: bytes) -> Iterator[bytes]:
    """Yield the messages of a file in LevelDB's log format, as W&B writes it."""
    assert content.startswith(b":W&B")
    block, place, whole = 2**15, 7, b""
    while place + 7 <= len(content):
        if block - place % block < 7:
            place += block - place % block
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # all of it, or its last part
            yield whole
            whole = b""


def test_runs_that_failed_are_not_logged_and_wait_for_another_try(store: Path) -> None:
    sweep, records = read(store)
    failed = dataclasses.replace(records[0], status=RunStatus.FAILED, curve=(), error="no")
    found: list[TrackedRun] = list(tracked_runs(sweep, [failed, records[1]]))
    assert [run.run_id for run in found] == [records[1].run_id]
