"""What programs print: reports are found in it, and nothing in it can do harm."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.command.events import since_the_first, source
from bsx.command.reports import CsvFile, JsonLines, parse_csv, parse_line

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(min_size=1, max_size=20)


@given(st.binary(max_size=400))
def test_garbage_never_crashes(chunk: bytes) -> None:
    lines = JsonLines()
    lines.output(chunk, 0.0)
    lines.finish()
    parse_csv(chunk)
    parse_line(b"{" + chunk)
    parse_line(b"{'a': " + chunk + b"}")


@pytest.mark.parametrize(
    "line",
    [
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b"{'a': " + b"[" * 10_000 + b"}",
        b'{"a": 1' + b"0" * 5_000 + b"}",
        b"{'a': 1" + b"0" * 5_000 + b"}",
        b'{"a": "x\x00y", "b": [1, 2]}',
        b"x" * 3_000_000,
    ],
)
def test_lines_made_to_hurt_never_crash(line: bytes) -> None:
    parse_line(line)


@given(st.dictionaries(NAMES, NUMBERS, min_size=1))
def test_a_json_line_comes_back_as_it_was_written(values: dict[str, float]) -> None:
    assert parse_line(json.dumps(values).encode()) == values


@given(st.dictionaries(NAMES, NUMBERS, min_size=1), st.lists(st.integers(1, 40)))
def test_it_does_not_matter_how_the_output_is_cut(
    values: dict[str, float], cuts: list[int]
) -> None:
    text = (json.dumps(values) + "\n").encode() * 2
    lines, start = JsonLines(), 0
    for length in [*cuts, len(text)]:
        lines.output(text[start : start + length], 1.0)
        start += length
    lines.finish()
    assert [report.values for report in lines.found()] == [values, values]


def test_reports_stand_among_other_output() -> None:
    lines = JsonLines()
    lines.output(b'hello\n 50%|##  |\r 51%|##  |\rINFO {x}: {"step": 1, "loss": 0.5}\nbye {', 2.5)
    lines.finish()
    assert [(r.values, r.seconds) for r in lines.found()] == [({"step": 1.0, "loss": 0.5}, 2.5)]


def test_a_dict_as_python_prints_it_is_read_too() -> None:
    found = parse_line(b"{'eval_loss': nan, 'eval_accuracy': 0.9, 'epoch': 1.0, 'note': 'well'}")
    assert math.isnan(found.pop("eval_loss"))
    assert found == {"eval_accuracy": 0.9, "epoch": 1.0}


def test_objects_within_objects_give_names_with_a_slash() -> None:
    line = b'{"step": 3, "val": {"accuracy": 0.5, "ok": true}, "tags": ["a"], "note": "x"}'
    assert parse_line(line) == {"step": 3.0, "val/accuracy": 0.5}


def test_nan_and_infinity_are_read_as_such() -> None:
    found = parse_line(b'{"step": 1, "loss": NaN, "val_loss": -Infinity, "accuracy": null}')
    assert math.isnan(found["loss"])
    assert found["val_loss"] == -math.inf
    assert "accuracy" not in found


# --- csv --------------------------------------------------------------------------------------


def test_csv_rows_leave_out_what_is_empty_or_no_number() -> None:
    content = b"epoch,step,train_loss,val_acc,note\n0,9,0.5,,hi\n0,9,,0.8,\n\n"
    assert parse_csv(content) == [
        {"epoch": 0.0, "step": 9.0, "train_loss": 0.5},
        {"epoch": 0.0, "step": 9.0, "val_acc": 0.8},
    ]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("1,0.1\n2,0.2\n1,0.7\n", [(1, 0.7)]),  # the new run was added to the old one
        ("5,0.5\n", [(5, 0.5)]),  # written anew
        ("1,0.1\n2,0.2\n3,0.3\n", [(1, 0.1), (2, 0.2), (3, 0.3)]),  # anew, and longer
        ("1,0.1\n2,0.2\n", [(1, 0.1), (2, 0.2)]),  # anew, and the same
    ],
)
def test_rows_of_an_earlier_run_do_not_count(
    after: str, expected: list[tuple[float, float]], tmp_path: Path
) -> None:
    file = tmp_path / "log.csv"
    file.write_text("step,val_accuracy\n1,0.1\n2,0.2\n")
    os.utime(file, ns=(1, 1))
    rows = CsvFile(file)
    file.write_text("step,val_accuracy\n" + after)
    rows.look(1.0)
    rows.finish()
    assert [(r.values["step"], r.values["val_accuracy"]) for r in rows.found()] == expected


def test_an_untouched_csv_file_gives_no_reports(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("step,val_accuracy\n1,0.1\n")
    untouched = CsvFile(file)
    untouched.finish()
    assert untouched.found() == []


def test_csv_rows_carry_the_time_at_which_they_were_seen(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    rows = CsvFile(file)
    file.write_text("step,val_accuracy\n1,0.1\n2,0.")
    rows.look(1.0)
    file.write_text("step,val_accuracy\n1,0.1\n2,0.2\n")
    rows.look(2.0)
    rows.finish()
    assert [(r.values["step"], r.seconds) for r in rows.found()] == [(1.0, 1.0), (2.0, 2.0)]


# --- TensorBoard ------------------------------------------------------------------------------


def test_times_of_day_that_cannot_be_true_are_not_known() -> None:
    assert since_the_first([50.0, 51.5, 60.0], 20.0) == [0.0, 1.5, 10.0]
    for walls in ([50.0, 51.0, 50.5], [50.0, 51.0 + 86_400, 52.0 + 86_400], [50.0, -86_340.0]):
        assert since_the_first(walls, 20.0) == [None] * len(walls)


def test_event_files_give_the_scalars_of_the_new_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed here")
    from torch.utils.tensorboard import SummaryWriter

    def write(value: float) -> None:
        with SummaryWriter(str(tmp_path / f"run-{time.monotonic_ns()}")) as writer:
            for step in (1, 2):
                writer.add_scalar("val/accuracy", value * step, step)

    write(0.1)
    events = source(f"tensorboard:{tmp_path}")
    write(0.25)
    events.finish()
    assert [r.values for r in events.found()] == [
        {"step": 1.0, "val/accuracy": 0.25},
        {"step": 2.0, "val/accuracy": 0.5},
    ]
