"""Programs that misbehave: each is reported for what it is, and none outlives its run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bsx.command.program import run_program
from bsx.errors import Stopped
from bsx.schema import RunStatus
from tests.command.programs import runs_of

GOOD = 'print(\'{"step": 1, "accuracy": 0.5}\')\nprint(\'{"step": 9, "accuracy": 0.9}\')\n'
# Starts a child and a grandchild that has left for a session of its own; both would sleep on.
FAMILY = """
import os, subprocess, sys, time
sleep = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(900)"
for name, own in (("child", False), ("stranger", True)):
    subprocess.Popen([sys.executable, "-c", sleep, f"{FOLDER}/{name}"], start_new_session=own)
for path in (f"{FOLDER}/child", f"{FOLDER}/stranger"):
    while not os.path.exists(path) or not open(path).read():
        time.sleep(0.01)
"""


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def dead_soon(pids: list[int], seconds: float = 120) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(map(is_alive, pids)):
            return True
        time.sleep(0.02)
    return False


def family_of(folder: Path) -> list[int]:
    return [int((folder / name).read_text()) for name in ("child", "stranger")]


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_a_program_that_prints_json_lines_is_a_run(tmp_path: Path) -> None:
    (record,) = runs_of(tmp_path, GOOD)
    assert record.status is RunStatus.COMPLETED
    assert [(p.step, p.metrics["accuracy"]) for p in record.curve] == [(1, 0.5), (9, 0.9)]
    assert record.stopped_at == 9
    assert record.environment["command"].endswith("script.py 10 0.1 0")


def test_every_member_of_a_group_is_a_run_of_its_own_in_their_order(tmp_path: Path) -> None:
    script = 'import sys\nprint(\'{"step": 1, "accuracy": 0.%s}\' % sys.argv[3])\n'
    members = ((0.1, 3), (0.2, 1), (0.1, 7))
    records = runs_of(tmp_path, script, members=members)
    assert [(r.run.learning_rate, r.run.seed) for r in records] == list(members)
    assert [r.final["validation"]["accuracy"] for r in records] == [0.3, 0.1, 0.7]


def test_stopping_is_heeded_while_the_program_runs(tmp_path: Path) -> None:
    told: list[float] = []

    def report(fraction: float, _best: float | None) -> None:
        told.append(fraction)
        if len(told) > 3:
            raise Stopped("a test")

    began = time.monotonic()
    with pytest.raises(Stopped):
        runs_of(tmp_path, "import time; time.sleep(900)", report=report)
    assert time.monotonic() - began < 600


def test_a_crash_is_reported_with_its_last_words(tmp_path: Path) -> None:
    (record,) = runs_of(tmp_path, GOOD + "raise KeyError('no such thing')")
    assert record.status is RunStatus.FAILED
    assert "exit code 1" in str(record.error)
    assert "KeyError: 'no such thing'" in str(record.error)
    assert len(record.curve) == 2


def test_a_program_that_prints_nothing_is_explained(tmp_path: Path) -> None:
    (record,) = runs_of(tmp_path, "import sys; print('done', file=sys.stderr)")
    assert record.status is RunStatus.FAILED
    assert "reported no metrics" in str(record.error)
    assert "done" in str(record.error)


def test_a_loss_of_nan_is_divergence_and_ends_the_program(tmp_path: Path) -> None:
    began = time.monotonic()
    (record,) = runs_of(tmp_path, GOOD + 'print(\'{"step": 10, "loss": NaN}\', flush=True)\n'
                        "import time; time.sleep(900)")  # fmt: skip
    assert record.status is RunStatus.DIVERGED
    assert time.monotonic() - began < 600
    assert record.stopped_at == 9
    assert record.error is None


def test_a_crash_after_nan_is_divergence(tmp_path: Path) -> None:
    script = GOOD + 'print(\'{"step": 10, "loss": NaN}\'); raise SystemExit(3)'
    (record,) = runs_of(tmp_path, script)
    assert record.status is RunStatus.DIVERGED


def test_a_program_that_never_ends_is_timed_out(tmp_path: Path) -> None:
    (record,) = runs_of(tmp_path, GOOD + "import time; time.sleep(900)", timeout=5.0)
    assert record.status is RunStatus.TIMED_OUT
    assert "--timeout 5 s" in str(record.error)
    assert len(record.curve) == 2


def test_a_lack_of_memory_is_an_outcome_of_the_whole_batch_size(tmp_path: Path) -> None:
    script = "import sys; sys.exit('torch.OutOfMemoryError: CUDA out of memory.')"
    records = runs_of(tmp_path, script, members=((0.1, 0), (0.2, 0)))
    assert [record.status for record in records] == [RunStatus.OUT_OF_MEMORY] * 2
    assert "not tried" in str(records[1].error)


def test_a_program_that_always_fails_is_not_tried_for_ever(tmp_path: Path) -> None:
    script = f"open({str(tmp_path / 'tries')!r}, 'a').write('x'); raise SystemExit(2)"
    records = runs_of(tmp_path, script, members=tuple((0.1, seed) for seed in range(9)))
    assert {record.status for record in records} == {RunStatus.FAILED}
    assert len(records) == 9
    assert (tmp_path / "tries").read_text() == "xxx"


def test_a_program_ended_by_a_signal_says_so(tmp_path: Path) -> None:
    (record,) = runs_of(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert "SIGKILL (killed from outside)" in str(record.error)


def test_a_file_that_cannot_be_run_says_so() -> None:
    ended = run_program(["/no/such/program"], os.environ, None, lambda *_: None, lambda _: True)
    assert ended.code == 127
    assert "cannot run /no/such/program" in ended.last_words


def test_megabytes_on_both_streams_do_not_stall(tmp_path: Path) -> None:
    loud = "print('x' * 1000); print('y' * 1000, file=sys.stderr)"
    script = f"import sys\nfor _ in range(2000): {loud}\n"
    (record,) = runs_of(tmp_path, script + GOOD, timeout=300)
    assert record.status is RunStatus.COMPLETED


def test_the_program_reads_no_input(tmp_path: Path) -> None:
    (record,) = runs_of(tmp_path, "import sys; assert sys.stdin.read() == ''\n" + GOOD, timeout=300)
    assert record.status is RunStatus.COMPLETED


@linux
def test_what_a_program_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    (record,) = runs_of(tmp_path, f"FOLDER = {str(tmp_path)!r}\n{FAMILY}{GOOD}", timeout=300)
    assert record.status is RunStatus.COMPLETED
    assert dead_soon(family_of(tmp_path))


@linux
def test_a_timeout_ends_the_whole_family(tmp_path: Path) -> None:
    script = f"FOLDER = {str(tmp_path)!r}\n{FAMILY}{GOOD}\ntime.sleep(900)"
    (record,) = runs_of(tmp_path, script, timeout=8.0)
    assert record.status is RunStatus.TIMED_OUT
    assert dead_soon(family_of(tmp_path))


@linux
def test_the_family_dies_when_bsx_is_killed(tmp_path: Path) -> None:
    (tmp_path / "family.py").write_text(f"FOLDER = {str(tmp_path)!r}\n{FAMILY}\ntime.sleep(900)")
    body = (
        "import os, sys\nfrom bsx.command.program import run_program\n"
        f"run_program([sys.executable, {str(tmp_path / 'family.py')!r}], os.environ, None, "
        "lambda *_: None, lambda _: True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", body], cwd=Path(__file__).parents[2])
    until = time.monotonic() + 240
    while time.monotonic() < until and not all(
        (tmp_path / n).exists() and (tmp_path / n).read_text() for n in ("child", "stranger")
    ):
        time.sleep(0.02)
    family = family_of(tmp_path)
    assert all(map(is_alive, family))
    parent.kill()
    parent.wait()
    assert dead_soon(family)
