"""The clock of the day set back and on by a day, again and again: no duration is measured by it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bsx.store import Store
from bsx.store.file import FILE_NAME
from tests import fakes
from tests.faults.test_door import TRAIN, environment, shell, terminal
from tests.here import numbers

SOURCE = Path(__file__).with_name("clock.c")
SWEEP = (
    f"{sys.executable} -m bsx sweep --dataset wine --model logistic --batch-sizes 8,16 --steps 60 "
    "--seeds 2 --learning-rate 0.01,0.1 --threads 1 --within 20m --target accuracy=0.8"
)
DAY = 86_400
A_LOT = 3600  # seconds that nothing in these sweeps takes


@pytest.fixture(scope="module")
def wrong_clock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which programs see a clock that is set back and on."""
    compiler = shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no gcc to make a wrong clock with")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
    preload = {"LD_PRELOAD": str(library)}
    seen = subprocess.run(
        [sys.executable, "-c", "import time\nfor _ in range(14):\n    print(time.time())\n"
         "    time.sleep(0.05)"],
        env=environment(**preload), capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert max(map(float, seen)) - min(map(float, seen)) > DAY
    return preload


def curves(folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    """Return what is stored but for seconds, by run."""
    with Store(folder / "bsx-runs") as store:
        return {
            run.run_id: [(p.step, p.train_loss, p.validation_loss) for p in run.curve]
            for run in store.runs(store.sweep().sweep_id)
        }


@pytest.mark.slow
def test_speed_time_to_the_target_and_time_left_do_not_see_it(
    tmp_path: Path, wrong_clock: dict[str, str]
) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for folder in (right, wrong):
        folder.mkdir()
    expected = shell(f"{SWEEP} --format json", right)
    with terminal(f"{SWEEP} --format json > found.json", wrong, TERM="xterm", **wrong_clock) as one:
        text = one.read()
        assert one.wait() == 0, text
    left = re.findall(r"(\d[\d,.]*) (µs|ms|s|min|h|d)(?: \d+ \w+)? left", text)
    assert left and {unit for _, unit in left} <= {"µs", "ms", "s", "min"}
    assert curves(wrong) == curves(right)
    document = json.loads((wrong / "found.json").read_text())
    assert document["status"] == "complete"
    assert [row["batch_size"] for row in document["batch_sizes"]] == [8, 16]
    for row in document["batch_sizes"]:
        assert 0 < row["speed"]["step_seconds"]["value"] < 60
        assert all(0 <= seconds < A_LOT for seconds in numbers(row["to_target"][0]["seconds"]))
    with Store(wrong / "bsx-runs") as store:
        for run in store.runs(document["sweep_id"]):
            seconds = [point.train_seconds for point in run.curve]
            assert seconds == sorted(seconds) and 0 < seconds[0] < seconds[-1] < A_LOT
            assert 0 < run.train_seconds < A_LOT
    assert json.loads(expected.stdout)["sweep_id"] == document["sweep_id"]


def test_the_newest_sweep_is_the_one_last_run_though_the_clock_was_set_back(
    tmp_path: Path,
) -> None:
    with Store(tmp_path, create=True) as store:
        for name in ("before", "after"):
            store.begin_sweep(name, fakes.config(name=name), fakes.facts(), {})
            later = "UPDATE sweeps SET touched = '2999-01-01T00:00:00.000000+00:00'"
            if name == "before":
                with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
                    database.execute(later)
                    database.commit()
        assert store.sweep().sweep_id == "after"
        store.begin_sweep("before", fakes.config(name="before"), fakes.facts(), {})
        assert store.sweep().sweep_id == "before"


def test_a_program_s_time_and_its_timeout_do_not_see_it(
    tmp_path: Path, wrong_clock: dict[str, str]
) -> None:
    (tmp_path / "train.py").write_text(TRAIN.replace("PAUSE", "0.1"))
    command = (
        f'{sys.executable} -m bsx sweep --command "{sys.executable} train.py {{batch_size}} '
        '{seed}" --train-samples 64 --batch-sizes 4,8 --seeds 2 --metric accuracy --timeout 10m '
        "--format json"
    )
    done = shell(command, tmp_path, **wrong_clock)
    assert done.returncode == 0, done.stderr
    with Store(tmp_path / "bsx-runs") as store:
        runs = store.runs(json.loads(done.stdout)["sweep_id"])
    assert len(runs) == 4
    for run in runs:
        seconds = [point.train_seconds for point in run.curve]
        assert seconds == sorted(seconds) and 0.2 < run.train_seconds < A_LOT
