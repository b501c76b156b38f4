"""``bsx calc`` as a person meets it: its output, its exit code, its pipes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.here import bsx

FIELDS = [
    "samples",
    "batch_size",
    "epochs",
    "steps_per_epoch",
    "last_batch",
    "total_steps",
    "samples_seen",
    "dropped_per_epoch",
    "padded_per_epoch",
    "micro_batch_size",
    "micro_batches_per_epoch",
    "accumulation",
    "world_size",
    "bn_safe",
    "class_coverage",
    "batch_size_for_coverage",
    "input_shape",
]


def calc(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``bsx calc`` with the words of ``line``."""
    return bsx("calc", *line.split(), cwd=Path(), **environment)


def started(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as a program of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bsx", "calc", *line.split()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        check=False,
    )


def answer(line: str) -> Any:
    """Return the document of ``bsx calc <line> --format json``."""
    done = calc(f"{line} --format json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def complaint(line: str) -> str:
    """Return the one line that ``bsx calc <line>`` complains with, exit code 2."""
    done = calc(line)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("bsx: error: ")
    return lines[0].removeprefix("bsx: error: ")


# --- the worked examples ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "per_epoch", "total"),
    [
        ("--samples 1024 --batch-size 8 --epochs 10", 128, 1280),
        ("--samples 1200 --batch-size 100 --epochs 5", 12, 60),
        ("--samples 1000 --batch-size 100 --epochs 10", 10, 100),
    ],
)
def test_worked_examples_come_out(line: str, per_epoch: int, total: int) -> None:
    found = answer(line)
    assert (found["steps_per_epoch"], found["total_steps"]) == (per_epoch, total)


def test_a_series_of_1000_with_a_window_of_10_is_31_iterations_the_last_of_30() -> None:
    found = answer("--length 1000 --window 10 --batch-size 32")
    assert found["samples"] == 990
    assert (found["steps_per_epoch"], found["last_batch"]) == (31, 30)
    assert found["input_shape"] == [32, 10]


def test_ten_samples_at_batch_size_three_are_four_batches_the_last_of_one() -> None:
    found = answer("--samples 10 --batch-size 3")
    assert (found["steps_per_epoch"], found["last_batch"]) == (4, 1)


# --- solving ----------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--iterations", "--total-iterations", "--total-steps"])
def test_several_batch_sizes_that_fit_are_given_as_a_range(flag: str) -> None:
    line = f"--samples 1200 --epochs 5 {flag} 60"
    assert answer(line)["batch_size"] == {"low": 100, "high": 109, "multiple_of": 1}
    assert calc(f"{line} --get batch-size").stdout == "100 to 109\n"
    assert "100 to 109" in calc(line).stdout


def test_the_missing_one_is_solved_for() -> None:
    assert answer("--samples 1000 --batch-size 100 --iterations 100")["epochs"] == 10
    assert answer("--samples 1000 --epochs 2 --iterations 2")["batch_size"] == 1000
    samples = answer("--batch-size 8 --epochs 10 --iterations 1280")["samples"]
    assert (samples["low"], samples["high"]) == (1017, 1024)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--samples 1000 --batch-size 100 --epochs 10 --iterations 110", "contradicts"),
        ("--samples 1000 --batch-size 100 --iterations 95", "use 90 (9 epochs) or 100"),
        ("--samples 1000 --epochs 10 --iterations 99", "use 90 or 100"),
        ("--samples 1000 --epochs 1 --iterations 999", "no batch size cuts 1000 samples"),
        ("--samples 1000", "--batch-size is missing"),
        ("--batch-size 8", "--samples is missing"),
        ("--epochs 3", "--samples and --batch-size are missing"),
    ],
)
def test_no_answer_and_contradictions_are_one_line_each(line: str, expected: str) -> None:
    assert expected in complaint(line)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("--samples 0 --batch-size 8", "--samples 0"),
        ("--samples -5 --batch-size 8", "--samples -5"),
        ("--samples 10.5 --batch-size 8", "--samples 10.5"),
        ("--samples many --batch-size 8", "--samples many"),
        ("--samples 100 --batch-size 0", "--batch-size 0"),
        ("--samples 100 --batch-size 101", "--batch-size 101: larger than the 100 samples"),
        ("--samples 100 --batch-size 8,200", "--batch-size 200: larger than"),
        ("--samples 100 --batch-size 8 --epochs 1.5", "--epochs 1.5"),
        ("--samples 100 --batch-size 10 --world-size 4", "use 8 or 12"),
        ("--samples 100 --batch-size 8 --classes 101", "--classes 101"),
        ("--length 10 --window 10 --batch-size 1", "--window 10"),
        ("--samples 10 --batch-size 2 --horizon 3", "--horizon 3"),
        ("--samples 100 --batch-size 8 --drop-last --tail keep", "--tail keep"),
        ("--samples 100 --batch-size 8 --world-size 2 --tail merge", "--tail merge"),
        ("--samples 100 --batch-size 8 --format xml", "xml"),
        ("--samples 100 --batch-sise 8", "--batch-sise"),
        ("--samples", "--samples"),
        ("100 8", "100"),
        ("--samples 100 --batch-size 8 --get iterations", "iterations-per-epoch or total-iter"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_2(line: str, flag: str) -> None:
    assert flag in complaint(line)


# --- layouts ----------------------------------------------------------------------------------


def test_accumulation_devices_and_tails_are_accounted_for() -> None:
    found = answer("--samples 1000 --batch-size 64 --accumulation 4 --world-size 2 --epochs 3")
    assert found["micro_batch_size"] == 8
    assert found["micro_batches_per_epoch"] == 63
    assert (found["steps_per_epoch"], found["last_batch"]) == (16, 40)
    dropped = answer("--samples 1000 --batch-size 64 --accumulation 4 --drop-last")
    assert (dropped["steps_per_epoch"], dropped["dropped_per_epoch"]) == (15, 40)


def test_micro_batch_and_accumulation_say_the_batch_size() -> None:
    line = "--samples 1024 --micro-batch-size 4 --accumulation 8 --world-size 2"
    assert answer(line)["batch_size"] == 64
    assert "contradicts" in complaint(f"{line} --batch-size 32")


def test_bn_flags_tails_and_micro_batches_of_one_and_says_what_to_do() -> None:
    tail, safe = answer("--samples 1025 --batch-size 8,10 --bn")
    assert (tail["bn_safe"], safe["bn_safe"]) == (False, True)
    assert "--drop-last" in tail["bn_advice"]
    single = answer("--samples 1024 --batch-size 8 --accumulation 8 --bn")
    assert single["bn_safe"] is False
    assert "micro-batch of 1" in single["bn_advice"]
    assert answer("--samples 1025 --batch-size 8 --bn --tail merge")["bn_safe"] is True


def test_classes_give_a_chance_and_the_smallest_size_for_95_percent() -> None:
    found = answer("--samples 60000 --batch-size 64 --classes 10")
    assert 0.98 < found["class_coverage"] < 1
    assert answer("--samples 60000 --batch-size 9 --classes 10")["class_coverage"] == 0
    counts = answer("--class-counts 500,300,10 --batch-size 64")
    assert counts["samples"] == 810
    assert counts["class_coverage"] < 0.6


# --- output -----------------------------------------------------------------------------------


def test_json_has_every_field_of_the_contract_null_where_not_asked() -> None:
    found = answer("--samples 1024 --batch-size 8")
    assert found.keys() >= set(FIELDS)
    for name in ("epochs", "total_steps", "bn_safe", "class_coverage", "input_shape"):
        assert found[name] is None


def test_integers_are_exact_to_10_to_the_18() -> None:
    found = answer("--samples 999999999999999999 --batch-size 7 --epochs 1e18")
    assert found["steps_per_epoch"] == -(-999999999999999999 // 7)
    assert found["total_steps"] == found["steps_per_epoch"] * 10**18
    assert "100000000000000000000000" not in calc("--samples 1e18 -b 7 --get last-batch").stdout


def test_a_list_gives_a_list_and_a_row_for_each_size() -> None:
    line = "--samples 1000 --batch-size 2..16 --epochs 10"
    assert [row["batch_size"] for row in answer(line)] == [2, 4, 8, 16]
    rows = list(csv.DictReader(io.StringIO(calc(f"{line} --format csv").stdout)))
    assert [row["steps_per_epoch"] for row in rows] == ["500", "250", "125", "63"]
    lines = calc(f"{line} --format jsonl").stdout.splitlines()
    assert [json.loads(row)["batch_size"] for row in lines] == [2, 4, 8, 16]
    markdown = calc(f"{line} --format markdown").stdout.splitlines()
    assert len(markdown) == 6
    assert markdown[1].startswith("| --- |")


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("total-iterations", "1280\n"),
        ("total_steps", "1280\n"),
        ("iterations_per_epoch", "128\n"),
        ("input-shape", "8\n10\n"),
    ],
)
def test_get_prints_one_bare_value(path: str, printed: str) -> None:
    line = "--length 1034 --window 10 --batch-size 8 --epochs 10"
    assert calc(f"{line} --get {path}").stdout == printed


def test_get_of_a_list_is_addressed_by_batch_size() -> None:
    line = "--samples 1000 --batch-size 8,32"
    assert calc(f"{line} --get 32.last-batch").stdout == "8\n"
    assert calc(f"{line} --get batch_sizes.32.last-batch").stdout == "8\n"
    assert calc(f"{line} --get last-batch").stdout == "8\n8\n"


@pytest.mark.parametrize("path", ["epochs", "colour", "last_batch.value"])
def test_get_of_a_missing_value_prints_nothing_and_exits_1(path: str) -> None:
    done = calc(f"--samples 1000 --batch-size 8 --get {path}")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_keep_to_the_width_and_carry_no_colour_codes_into_pipes(columns: int) -> None:
    options = "--epochs 10 --bn --classes 10 --drop-last --world-size 2"
    done = calc(f"--samples 50001 --batch-size 8..1024 {options}", COLUMNS=str(columns))
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert "\033" not in done.stdout
    assert "iterations" in done.stdout


def test_an_ascii_terminal_gets_ascii() -> None:
    line = "--samples 100 --batch-size 8,9 --world-size 1"
    done = started(line, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_a_closed_pipe_is_quiet() -> None:
    command = [sys.executable, "-m", "bsx", "calc", "--samples", "1e6", "--batch-size", "1..9999:1"]
    with subprocess.Popen(
        [*command, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_closed_pipe_is_quiet_for_help_too() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "bsx", "calc", "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_has_a_worked_example() -> None:
    done = calc("--help", COLUMNS="100")
    assert done.returncode == 0
    assert "$ bsx calc --samples 1024 --batch-size 8 --epochs 10" in done.stdout
