"""``bsx sweep --command``, driven as a shell would drive it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bsx.store import Store
from tests.command.fake_script import CRITICAL, MIN_STEPS
from tests.command.test_program import dead_soon
from tests.faults.processes import BSX, environment
from tests.here import bsx, document
from tests.test_light_imports import imported

HERE = Path(__file__).parent
SCRIPT = "fake_script.py"
PROGRAM = f"{sys.executable} {SCRIPT} --batch-size {{batch_size}} --lr {{lr}} --seed {{seed}}"
SAMPLES = ["--train-samples", "4096", "--metric", "accuracy"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the script in it."""
    (tmp_path / SCRIPT).write_text((HERE / SCRIPT).read_text())
    return tmp_path


def calls(folder: Path) -> list[str]:
    """The runs that the script was asked for, in their order."""
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def test_a_program_gives_a_recommendation_and_its_critical_batch_size(folder: Path) -> None:
    sizes = ["--batch-sizes", "8,32,128,512", "--lr", "0.03125,0.0625,0.125,0.25,0.5"]
    goal = ["--seeds", "3", "--target", "val_accuracy=0.9"]
    found = document(
        bsx("sweep", "--command", f"{PROGRAM} --log log", *SAMPLES, *sizes, *goal,
            "--format", "json", cwd=folder)
    )  # fmt: skip
    assert found["status"] == "complete"
    assert len(calls(folder)) == 4 * 5 * 3
    (target,) = found["targets"]
    assert (target["metric"], target["threshold"]) == ("accuracy", 0.9)
    critical = target["critical_batch_size"]
    assert critical["low"] <= CRITICAL <= critical["high"]
    assert CRITICAL / 1.5 < critical["value"] < CRITICAL * 1.5
    assert target["min_steps"]["value"] == pytest.approx(MIN_STEPS, rel=0.25)
    assert found["recommendation"]["batch_size"] in (32, 128, 512)
    rows = found["batch_sizes"]
    assert [row["status"] for row in rows] == ["ok"] * 4
    assert [row["steps"] for row in rows] == [1000] * 4  # as the program decided
    assert [row["epochs"] for row in rows] == [1000 / row["steps_per_epoch"] for row in rows]
    assert {row["speed"]["loop"] for row in rows} == {"command"}
    assert rows[0]["speed"]["step_seconds"]["value"] == pytest.approx(2e-4 + 8e-6, rel=1e-6)
    assert found["data"]["validation_samples"] is None
    shown = document(bsx("show", "--format", "json", cwd=folder))
    assert shown == found


def test_a_programs_momentum_is_tuned_with_its_rate(folder: Path) -> None:
    args = ["--command", f"{PROGRAM} --momentum {{momentum}} --log log", *SAMPLES, "--batch-sizes",
            "8,128", "--seeds", "2", "--tune", "learning-rate,momentum", "--trials", "6",
            "--search", "effective-learning-rate=0.02..1", "--format", "json"]  # fmt: skip
    found = document(bsx("sweep", *args, cwd=folder))
    assert len(calls(folder)) == len(set(calls(folder))) == found["batch_sizes"][0]["runs"] * 2
    for row in found["batch_sizes"]:
        assert 6 + 4 <= row["runs"] <= 12
        assert 0.5 <= row["to_target"][0]["momentum"] <= 0.99
    assert document(bsx("show", "--format", "json", cwd=folder)) == found


def test_a_sweep_over_a_program_imports_no_torch(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(HERE.parents[1]))
    args = ["sweep", "--command", PROGRAM, *SAMPLES, "--batch-sizes", "8,512", "--lr", "0.25",
            "--seeds", "2", "--quiet"]  # fmt: skip
    assert {"torch", "sklearn", "matplotlib"}.isdisjoint(imported(args))


def test_tables_say_what_was_run(folder: Path) -> None:
    result = bsx("sweep", "--command", PROGRAM, *SAMPLES, "--batch-sizes", "8,64,512", "--lr",
                 "0.25", "--seeds", "2", cwd=folder)  # fmt: skip
    assert result.returncode == 0, result.stderr
    for words in ("command", "fake_script.py", "4,096 training samples", "the program's own",
                  "Convergence", "Recommendation"):  # fmt: skip
        assert words in result.stdout
    assert "6 runs of the program" in result.stderr
    markdown = bsx("show", "--format", "markdown", cwd=folder)
    assert "--batch-size" in markdown.stdout


def test_without_a_rate_and_a_seed_there_is_one_run_a_size_and_no_rate_is_claimed(
    folder: Path,
) -> None:
    command = f"{sys.executable} {SCRIPT} --batch-size {{batch_size}} --log log"
    result = bsx("sweep", "--command", command, *SAMPLES, "--batch-sizes", "8,64,512",
                 "--format", "json", cwd=folder)  # fmt: skip
    found = document(result)
    assert [call.split()[0] for call in sorted(calls(folder))] == ["512", "64", "8"]
    assert {row["final"]["learning_rate"] for row in found["batch_sizes"]} == {None}
    assert {row["to_target"][0]["learning_rate"] for row in found["batch_sizes"]} == {None}
    assert "no {lr}" in result.stderr
    assert "no {seed}" in result.stderr
    assert bsx("show", cwd=folder).returncode == 0


def test_the_target_follows_from_the_length_that_the_program_decides(folder: Path) -> None:
    """Which it does however many samples there are said to be; a run that diverged is as long."""
    ask = ["--batch-sizes", "8,32,128", "--lr", "0.25,8", "--seeds", "2", "--objective", "steps"]
    program = ["sweep", "--command", PROGRAM, "--metric", "accuracy", "--format", "json"]
    few, many = (
        document(bsx(*program, "--train-samples", samples, *ask, cwd=folder))
        for samples in ("256", "1000000")
    )
    assert few["targets"][0]["threshold"] == many["targets"][0]["threshold"] > 0.8
    lost = document(
        bsx(*program, "--train-samples", "1000000", "--batch-sizes", "8,32,128", "--lr", "8",
            "--seeds", "2", "--target", "accuracy=0.9", cwd=folder)
    )  # fmt: skip
    (row,) = (row for row in lost["batch_sizes"] if row["batch_size"] == 8)
    assert row["to_target"][0]["steps"]["censored_at"] <= 1000


def test_steps_are_handed_to_a_program_that_takes_them(folder: Path) -> None:
    args = ["--command", f"{PROGRAM} --steps {{steps}}", *SAMPLES, "--batch-sizes", "8,512", "--lr",
            "0.25", "--seeds", "2", "--steps", "150", "--format", "json"]  # fmt: skip
    found = document(bsx("sweep", *args, cwd=folder))
    assert [row["steps"] for row in found["batch_sizes"]] == [150, 150]


def test_an_interrupted_sweep_goes_on_with_the_runs_that_are_missing(folder: Path) -> None:
    args = ["--command", f"{PROGRAM} --log log", *SAMPLES, "--batch-sizes", "8,64,512", "--lr",
            "0.125,0.25", "--seeds", "4", "--quiet", "--format", "json"]  # fmt: skip
    process = subprocess.Popen([*BSX, "sweep", *args], cwd=folder, env=environment(),
                               stdout=subprocess.DEVNULL)  # fmt: skip
    until = time.monotonic() + 240
    while len(calls(folder)) < 10 and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = calls(folder)
    with Store(folder / "bsx-runs") as store:
        stored = store.count_runs(store.sweep().sweep_id)
    assert len(before) - 1 <= stored < 24
    found = document(bsx("sweep", *args, cwd=folder))
    assert found["status"] == "complete"
    assert len(calls(folder)) == len(before) + 24 - stored
    assert len(set(calls(folder))) == 24


def test_ctrl_c_ends_the_program_and_the_same_command_goes_on(folder: Path) -> None:
    (folder / "slow.py").write_text(
        "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    command = f"{sys.executable} slow.py {{batch_size}}"
    args = ["--command", command, *SAMPLES, "--batch-sizes", "8,64"]
    process = subprocess.Popen([*BSX, "sweep", *args], cwd=folder, env=environment(),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)  # fmt: skip
    until = time.monotonic() + 240
    pid = folder / "pid"
    while not (pid.exists() and pid.read_text()) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 4, said
    assert "the same command goes on" in said
    assert dead_soon([int(pid.read_text())])


def test_worker_processes_can_run_the_program_too(folder: Path) -> None:
    args = ["--command", PROGRAM, *SAMPLES, "--batch-sizes", "8,512", "--lr", "0.25", "--seeds",
            "2", "--executor", "workers", "--quiet", "--format", "json"]  # fmt: skip
    found = document(bsx("sweep", *args, cwd=folder))
    assert [row["status"] for row in found["batch_sizes"]] == ["ok", "ok"]


def test_a_changed_script_is_another_run(folder: Path) -> None:
    args = ["--command", f"{PROGRAM} --log log", *SAMPLES, "--batch-sizes", "8", "--lr", "0.25",
            "--seeds", "1", "--quiet", "--source", "other.txt"]  # fmt: skip
    other = folder / "other.txt"
    other.write_text("one")

    def count() -> int:
        assert bsx("sweep", *args, cwd=folder).returncode == 0
        return len(calls(folder))

    assert [count(), count()] == [1, 1]
    other.write_text("two")
    assert [count(), count()] == [2, 2]
    with (folder / SCRIPT).open("a") as script:
        script.write("# changed\n")
    assert count() == 3


def test_another_metric_or_time_limit_needs_no_new_runs(folder: Path) -> None:
    args = ["--command", f"{PROGRAM} --log log", "--train-samples", "4096", "--batch-sizes", "8,64",
            "--lr", "0.25", "--seeds", "1", "--quiet"]  # fmt: skip
    assert bsx("sweep", *args, "--metric", "accuracy", cwd=folder).returncode == 0
    again = bsx("sweep", *args, "--metric", "loss", "--timeout", "1h", "--format", "json",
                cwd=folder)  # fmt: skip
    assert document(again)["metric"] == "loss"
    assert len(calls(folder)) == 2


def test_memory_that_ends_is_shown_at_its_batch_sizes(folder: Path) -> None:
    command = f"{PROGRAM} --log log --memory-ends-at 64"
    args = ["--command", command, *SAMPLES, "--batch-sizes", "8,16,64,512", "--lr", "0.125,0.25",
            "--seeds", "2", "--quiet", "--format", "json"]  # fmt: skip
    found = document(bsx("sweep", *args, cwd=folder))
    assert [row["status"] for row in found["batch_sizes"]] == [
        "ok", "ok", "out_of_memory", "out_of_memory",
    ]  # fmt: skip
    # How long a run is the program decides; where none came to its end nobody knows.
    assert [row["steps"] for row in found["batch_sizes"]] == [1000, 1000, None, None]
    assert [row["epochs"] is None for row in found["batch_sizes"]] == [False, False, True, True]
    assert len(calls(folder)) == 2 * 4 + 2


def test_a_program_that_always_fails_stops_the_sweep_soon(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "open('log', 'a').write('x\\n')\nraise ValueError('no data here')\n"
    )
    command = f"{sys.executable} broken.py {{batch_size}} {{lr}} {{seed}}"
    result = bsx("sweep", "--command", command, *SAMPLES, "--batch-sizes", "8..512", cwd=folder)
    assert result.returncode == 5
    assert "ValueError: no data here" in result.stderr
    assert len(calls(folder)) == 6
    assert "Traceback" not in result.stdout


def test_a_script_that_reports_nothing_is_shown_what_it_printed_last(folder: Path) -> None:
    (folder / "chatty.py").write_text("print('Epoch 1/2')\nprint('Epoch 2/2 val_acc=79.50%')\n")
    (folder / "silent.py").write_text("pass\n")
    said = {}
    for script in ("chatty", "silent"):
        command = f"{sys.executable} {script}.py {{batch_size}}"
        result = bsx("sweep", "--command", command, *SAMPLES, "--batch-sizes", "8", cwd=folder)
        assert result.returncode == 5
        said[script] = result.stderr
    assert "the last that it printed: Epoch 1/2 | Epoch 2/2 val_acc=79.50%" in said["chatty"]
    assert "it printed nothing" in said["silent"]


def test_a_traceback_is_told_in_one_line_with_its_place(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "def load():\n    raise ValueError('no data here')\n\nload()\n"
    )
    command = f"{sys.executable} broken.py {{batch_size}}"
    result = bsx("sweep", "--command", command, *SAMPLES, "--batch-sizes", "8", cwd=folder)
    told = "exit code 1: ValueError: no data here (broken.py, line 2)"
    assert result.stderr.count(told) == 2  # where it happens, and in the summary
    assert "^^" not in result.stderr
    assert "first error: the program ended with exit" in " ".join(
        result.stdout.replace("│", " ").split()
    )


def test_a_script_that_never_ends_is_reported(folder: Path) -> None:
    (folder / "endless.py").write_text("while True: pass\n")
    command = f"{sys.executable} endless.py {{batch_size}}"
    result = bsx("sweep", "--command", command, *SAMPLES, "--batch-sizes", "8", "--timeout", "1",
                 cwd=folder)  # fmt: skip
    assert result.returncode == 5
    assert "--timeout 1 s" in result.stderr


REFUSED = {
    "no program": (["--command", "no-such-program {batch_size}", *SAMPLES], "no-such-program"),
    "no batch size": (["--command", "python x.py", *SAMPLES], "{batch_size}"),
    "unknown placeholder": (["--command", "python {batch_size} {sed}", *SAMPLES], "{seed}"),
    "no samples": (["--command", "python {batch_size}"], "--train-samples"),
    "samples alone": (["--train-samples", "9"], "--command"),
    "a data set": (["--command", "python {batch_size}", *SAMPLES, "--model", "cnn"], "--model"),
    "a rate": (["--command", "python {batch_size}", *SAMPLES, "--lr", "0.1"], "{lr}"),
    "seeds": (["--command", "python {batch_size}", *SAMPLES, "--seeds", "3"], "{seed}"),
    "epochs": (["--command", "python {batch_size}", *SAMPLES, "--epochs", "3"], "{epochs}"),
    "metric": (["--command", "python {batch_size}", "--train-samples", "9", "--metric", "x"],
               "x:max"),
    "no script": (["--command", "python trian.py {batch_size}", *SAMPLES, "--dry-run"], "trian.py"),
    "source": (["--command", "python {batch_size}", *SAMPLES, "--source", "no.py"], "no.py"),
    "reports": (["--command", "python {batch_size}", *SAMPLES, "--metrics-from", "a"], "csv:FILE"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_line_before_anything_runs(
    case: str, folder: Path
) -> None:
    args, said = REFUSED[case]
    result = bsx("sweep", *args, cwd=folder)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (folder / "bsx-runs").exists()


def test_a_csv_file_is_read_as_well(folder: Path) -> None:
    (folder / "to_csv.py").write_text(
        "import sys\n"
        "b = int(sys.argv[1])\n"
        "with open('log.csv', 'w') as f:\n"
        "    f.write('step,val_accuracy\\n')\n"
        "    for s in range(1, 200): f.write(f'{s},{1 - 0.9 / (1 + s * b / (64 + b))}\\n')\n"
    )
    command = f"{sys.executable} to_csv.py {{batch_size}}"
    args = ["--command", command, *SAMPLES, "--metrics-from", "csv:log.csv", "--target",
            "accuracy=0.9", "--batch-sizes", "8,64", "--format", "json"]  # fmt: skip
    found = document(bsx("sweep", *args, cwd=folder))
    steps = [row["to_target"][0]["steps"]["value"] for row in found["batch_sizes"]]
    assert steps == pytest.approx([72, 16])
    # it is written in one go, so that nothing is known of time: iterations are counted instead
    assert [row["speed"] for row in found["batch_sizes"]] == [None, None]
    advice = found["recommendation"]
    assert (advice["objective"], advice["batch_size"]) == ("steps", 64)
    assert [c["code"] for c in found["cautions"]].count("objective_without_speed") == 1
    told = bsx("show", "--explain", cwd=folder)
    assert "flush=True" in told.stdout + told.stderr
    asked = bsx(
        "show", "--objective", "cost", "--price-per-hour", "2", "--format", "json", cwd=folder
    )
    found = document(asked)
    assert found["recommendation"] is None  # of money nothing can be said
    (said,) = [c["message"] for c in found["cautions"] if c["code"] == "no_recommendation"]
    assert "by two reports of a run or more" in said


def test_dry_run_runs_nothing(folder: Path) -> None:
    args = ["--command", f"{PROGRAM} --log log", *SAMPLES, "--batch-sizes", "8,64", "--dry-run"]
    table = bsx("sweep", *args, cwd=folder)
    assert table.returncode == 0, table.stderr
    found = json.loads(bsx("sweep", *args, "--format", "json", cwd=folder).stdout)
    assert found["seconds"] is None
    assert [(row["steps"], row["epochs"]) for row in found["batch_sizes"]] == [(None, None)] * 2
    assert calls(folder) == []
    assert not (folder / "bsx-runs").exists()
