"""Malformed inputs by the thousand: no traceback, no hang, no wrong success."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults import fuzz
from tests.faults import spoiled as of

QUICK = 60
MANY = int(os.environ.get("BSX_SPOILED", "300"))
PROCESSES = MANY * 200 // 850


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_spoiled_inputs_are_refused_in_a_line_or_read_as_they_stand(
    name: str, tmp_path: Path
) -> None:
    counts = fuzz.fuzz(fuzz.TARGETS[name], tmp_path, QUICK)
    assert counts[fuzz.REFUSED] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_hundreds_of_spoiled_inputs_of_each_kind_do_no_harm(name: str, tmp_path: Path) -> None:
    counts = fuzz.fuzz(fuzz.TARGETS[name], tmp_path, MANY, start=1)
    print(f"{name}: {counts.total()} inputs, {dict(counts)}")
    assert counts.total() >= MANY * 0.9


@pytest.mark.slow
def test_the_program_itself_never_shows_a_traceback_nor_hangs(tmp_path: Path) -> None:
    counts: Counter[int] = Counter()

    @seed(2)
    @settings(max_examples=PROCESSES, deadline=None, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.data())
    def each(data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from(("calc", "import", "toml")))
        if kind == "calc":
            args = ["calc", *fuzz.calc_arguments(data)]
            if any("\0" in arg for arg in args):
                return  # no process can be given it
        elif kind == "import":
            path = fuzz.written(tmp_path, "curves.csv", data.draw(of.spoiled(*of.CURVES)))
            args = ["import", str(path)]
        else:
            path = fuzz.written(tmp_path, "sweep.toml", data.draw(of.spoiled(*of.TOML)))
            args = ["sweep", str(path), "--steps", "0"]  # never to be trained
        done = subprocess.run(
            [sys.executable, "-m", "bsx", *(a.encode("utf-8", "surrogateescape") for a in args)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=240,
            check=False,
            env={name: value for name, value in os.environ.items() if name[:4] != "BSX_"},
        )
        if done.returncode:
            fuzz.check_said(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr and "internal error" not in done.stderr
        counts[done.returncode] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each()
    print(f"processes: {counts.total()}, exit codes {dict(counts)}")
