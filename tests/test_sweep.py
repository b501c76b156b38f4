"""``bsx sweep`` and ``bsx show``: what they print, and that a sweep goes on after its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bsx.store import Store
from tests.faults.processes import BSX, curves, environment, kill_group, started, wait_for_runs
from tests.here import bsx, document

SMALL = ["--batch-sizes", "16,64", "--learning-rate", "0.03,0.1", "--seeds", "3", "--epochs", "3",
         "--threads", "1", "--engine", "lanes", "--executor", "inline"]  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small finished sweep in it."""
    folder = tmp_path_factory.mktemp("swept")
    result = bsx("sweep", *SMALL, "--name", "small", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_tables_go_to_stdout_and_cautions_to_stderr(swept: Path) -> None:
    result = bsx("sweep", *SMALL, "--name", "small", cwd=swept)
    assert result.returncode == 0
    for word in ("Arithmetic", "Convergence", "Quality", "Speed", "Recommendation"):
        assert word in result.stdout
    assert "caution" in result.stderr
    assert "caution" not in result.stdout
    assert "stored already" in result.stderr


def test_quiet_says_nothing_on_stderr(swept: Path) -> None:
    assert bsx("sweep", *SMALL, "--name", "small", "--quiet", cwd=swept).stderr == ""


def test_show_prints_the_same_document_as_sweep(swept: Path) -> None:
    swept_again = document(bsx("sweep", *SMALL, "--name", "small", "--format", "json", cwd=swept))
    shown = document(bsx("show", "small", "--format", "json", cwd=swept))
    assert shown == swept_again


def test_show_answers_for_another_target_without_training(swept: Path) -> None:
    before = curves(swept / "bsx-runs")
    shown = document(bsx("show", "--target", "accuracy=0.8", "--format", "json", cwd=swept))
    assert [(t["metric"], t["threshold"], t["source"]) for t in shown["targets"]] == [
        ("accuracy", 0.8, "user")
    ]
    assert curves(swept / "bsx-runs") == before


def test_get_prints_one_bare_value(swept: Path) -> None:
    result = bsx("show", "--get", "recommendation.batch-size", cwd=swept)
    assert result.stdout in ("16\n", "64\n")
    speed = bsx("show", "--get", "batch-sizes.64.speed.samples-per-second.value", cwd=swept)
    assert float(speed.stdout) > 0


def test_get_of_an_unknown_value_exits_1_with_a_line_on_stderr(swept: Path) -> None:
    result = bsx("show", "--get", "batch_sizes.64.noise_scale", cwd=swept)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "markdown"])
def test_machine_formats_hold_a_row_for_each_batch_size(swept: Path, form: str) -> None:
    text = bsx("show", "--format", form, cwd=swept).stdout
    if form == "jsonl":
        assert [json.loads(line)["batch_size"] for line in text.splitlines()] == [16, 64]
    elif form == "csv":
        assert [line.split(",")[0] for line in text.splitlines()] == ["batch_size", "16", "64"]
    else:
        assert "| 64 |" in text


def test_a_closed_pipe_is_no_error(swept: Path) -> None:
    script = f"{sys.executable} -m bsx show | head -1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        cwd=swept, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode in (0, 141)
    assert "Traceback" not in result.stderr


def test_the_same_command_into_a_fresh_store_gives_the_same_curves_bit_for_bit(
    swept: Path, tmp_path: Path
) -> None:
    """Also in processes of their own."""
    result = bsx("sweep", *SMALL, "--executor", "workers", "--quiet", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert curves(tmp_path / "bsx-runs") == curves(swept / "bsx-runs")


def test_fresh_trains_again_and_comes_to_the_same(swept: Path) -> None:
    before = curves(swept / "bsx-runs")
    result = bsx("sweep", *SMALL, "--name", "small", "--fresh", cwd=swept)
    assert "12 runs to train" in result.stderr
    assert curves(swept / "bsx-runs") == before


def test_a_toml_file_is_the_same_sweep_as_its_flags(swept: Path) -> None:
    (swept / "small.toml").write_text(
        "batch_sizes = [16, 64]\nlearning-rate = [0.03, 0.1]\nseeds = 5\nepochs = 3\n"
    )
    result = bsx("sweep", "small.toml", "--seeds", "3", cwd=swept)
    assert "stored already" in result.stderr


def test_sweeps_are_listed_with_their_names(swept: Path) -> None:
    result = bsx("list", "sweeps", "--format", "jsonl", cwd=swept)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert ("small", "complete", 12) in [(r["name"], r["status"], r["runs"]) for r in rows]


def test_dry_run_trains_nothing(tmp_path: Path) -> None:
    result = bsx("sweep", *SMALL, "--dry-run", "--format", "json", cwd=tmp_path)
    assert document(result)["runs"] == 12
    assert not (tmp_path / "bsx-runs").exists()


def test_the_users_own_model_and_data_are_swept(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from torch import nn\n"
        "def load(n=400):\n"
        "    r = np.random.default_rng(0)\n"
        "    y = r.integers(0, 3, n)\n"
        "    return r.normal(size=(n, 5)) + y[:, None], np.array(['a', 'b', 'c'])[y]\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, input_shape, output_size, width=8):\n"
        "        super().__init__()\n"
        "        self.a = nn.Linear(input_shape[0], width)\n"
        "        self.b = nn.Linear(width, output_size)\n"
        "    def forward(self, x):\n"
        "        return self.b(self.a(x).relu())\n"
    )
    args = ["--dataset", "mine.py:load", "--dataset-arg", "n=300", "--model", "mine.py:Net",
            "--model-arg", "width=4", "--engine", "auto"]  # fmt: skip
    shown = document(bsx("sweep", *SMALL, *args, "--format", "json", cwd=tmp_path))
    assert shown["data"]["classes"] == 3
    assert shown["data"]["train_samples"] == 240
    assert [row["status"] for row in shown["batch_sizes"]] != ["failed", "failed"]


def test_a_model_that_crashes_while_training_is_reported_and_the_sweep_goes_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.py").write_text(
        "import math\n"
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, input_shape, output_size):\n"
        "        super().__init__()\n"
        "        self.a = nn.Linear(math.prod(input_shape), output_size)\n"
        "    def forward(self, x):\n"
        "        if self.training and len(x) == 16:\n"
        "            raise ZeroDivisionError('my own fault')\n"
        "        return self.a(x.flatten(1))\n"
    )
    args = ["--model", "bad.py:Net", "--engine", "auto", "--executor", "workers"]
    result = bsx("sweep", *SMALL, *args, "--format", "json", cwd=tmp_path)
    assert result.returncode == 5
    rows = {row["batch_size"]: row for row in json.loads(result.stdout)["batch_sizes"]}
    assert rows[16]["status"] == "failed"
    assert rows[64]["status"] == "ok"
    assert "my own fault" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_tail_of_one_under_batchnorm_is_merged_and_said(tmp_path: Path) -> None:
    args = ["--dataset", "blobs", "--dataset-arg", "samples=161", "--dataset-arg", "classes=2",
            "--model-arg", "norm=batch", "--batch-sizes", "8,16,32", "--epochs", "2",
            "--learning-rate", "0.1", "--seeds", "3"]  # fmt: skip
    result = bsx("sweep", *args, "--model", "mlp", "--format", "json", cwd=tmp_path)
    shown = document(result)
    assert shown["data"]["train_samples"] == 129
    assert {row["batch_size"]: row["last_batch"] for row in shown["batch_sizes"]} == {
        8: 9, 16: 17, 32: 33,
    }  # fmt: skip
    assert "tail_merged" in {caution["code"] for caution in shown["cautions"]}


# With the file `slowly` there, size 8 is not done when the others are, however busy the machine.
MODEL = """
import math, pathlib, time
from torch import nn

class Net(nn.Module):
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.layer = nn.Linear(math.prod(input_shape), output_size)

    def forward(self, x):
        if self.training and len(x) == 8 and pathlib.Path("slowly").exists():
            time.sleep(0.05)
        return self.layer(x.flatten(1))
"""
LONGER = ["--model", "net.py:Net", "--batch-sizes", "8..64", "--learning-rate", "0.03,0.1",
          "--seeds", "3", "--steps", "100", "--engine", "loop", "--threads", "1",
          "--workers", "2"]  # fmt: skip


def with_model(folder: Path) -> Path:
    (folder / "net.py").write_text(MODEL)
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = with_model(tmp_path_factory.mktemp("undisturbed"))
    assert bsx("sweep", *LONGER, "--quiet", cwd=folder).returncode == 0
    return curves(folder / "bsx-runs")


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A real program that has stored some of its runs."""
    (with_model(tmp_path) / "slowly").touch()
    process = started(*BSX, "sweep", *LONGER, cwd=tmp_path)
    try:
        wait_for_runs(tmp_path / "bsx-runs", least=6)
        yield process
    finally:
        kill_group(process)


def test_after_sigkill_the_same_command_comes_to_the_undisturbed_result(
    undisturbed: dict[str, Any], begun: subprocess.Popen[str], tmp_path: Path
) -> None:
    store = tmp_path / "bsx-runs"
    begun.send_signal(signal.SIGKILL)
    begun.communicate()
    kept = curves(store)
    assert 6 <= len(kept) < 24
    with Store(store) as opened:
        done = [unit for unit, outcome in opened.attempts() if outcome == "done"]
    (tmp_path / "slowly").unlink()
    result = bsx("sweep", *LONGER, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert f"{24 - len(kept)} runs to train" in result.stderr
    assert curves(store) == undisturbed
    with Store(store) as opened:
        attempted = [unit for unit, _ in opened.attempts()]
    assert [attempted.count(unit) for unit in done] == [1] * len(done)


def test_ctrl_c_prints_what_is_done_and_exits_4(
    undisturbed: dict[str, Any], begun: subprocess.Popen[str], tmp_path: Path
) -> None:
    begun.send_signal(signal.SIGINT)
    out, err = begun.communicate(timeout=300)
    assert begun.returncode == 4
    assert "Arithmetic" in out
    assert "the same command goes on" in err
    assert "Traceback" not in err
    (tmp_path / "slowly").unlink()
    result = bsx("sweep", *LONGER, "--quiet", cwd=tmp_path)
    assert result.returncode == 0
    assert curves(tmp_path / "bsx-runs") == undisturbed
