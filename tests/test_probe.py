"""What a probe finds out and says, of machines whose truth is known."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bsx.config import read_sweep
from bsx.execute.base import UnitError
from bsx.facts import look
from bsx.render import probing
from bsx.render.formats import Format, get_text, machine_text
from bsx.schema import Probe
from tests.here import Shell, here
from tests.probes import Oracle, probed

__all__ = ["here"]  # a fixture


def statuses(probe: Probe) -> dict[int, str]:
    """Return the status of each size."""
    return {size.batch_size: size.status for size in probe.sizes}


def said(probe: Probe) -> str:
    """Return the sentences."""
    return " ".join(probing.sentences(probe))


def drawn(probe: Probe, width: int = 100) -> str:
    """Return what is printed for people."""
    console = Console(file=io.StringIO(), width=width, legacy_windows=False)
    probing.print_probe(console, probe)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# --- memory -----------------------------------------------------------------------------------


def test_sizes_double_up_to_the_training_set_where_all_fit() -> None:
    found = probed()
    assert list(statuses(found)) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 400]
    assert (found.largest, found.stopped_by) == (400, "samples")
    assert "All 400 training samples fit in one batch." in said(found)


def test_max_is_obeyed() -> None:
    found = probed(most=50)
    assert list(statuses(found)) == [1, 2, 4, 8, 16, 32, 50]
    assert (found.largest, found.stopped_by) == (50, "max")
    assert "Batch size 50 fits; it is the largest that --max allows." in said(found)


@pytest.mark.parametrize("limit", range(1050, 8000, 333))
def test_the_largest_that_fits_is_what_trying_every_size_finds(limit: int) -> None:
    oracle = Oracle()
    fitting = [size for size in range(1, 401) if oracle.peak(size) <= limit]
    found = probed(oracle, limit=limit)
    assert found.largest == max(fitting, default=None)
    assert found.stopped_by == "memory"


def test_what_does_not_fit_is_an_outcome_and_only_sizes_that_ran_are_timed() -> None:
    oracle = Oracle()
    found = probed(oracle, limit=2200)
    assert statuses(found)[12] == "ok"
    assert statuses(found)[13] == "out_of_memory"
    assert set(oracle.timed) == {1, 2, 4, 8, 12}
    assert [size.batch_size for size in found.timed] == [1, 2, 4, 8, 12]
    assert "The largest batch size that fits is 12: 13 needs more than the" in said(found)
    assert "out of memory" in drawn(found)


def test_a_process_that_was_ended_is_out_of_memory_and_an_error_is_a_failure() -> None:
    killed = UnitError("the worker was ended by SIGKILL", worth_retrying=True, killed=True)
    found = probed(Oracle(errors=dict.fromkeys(range(20, 401), killed)))
    assert (found.largest, found.stopped_by) == (19, "memory")
    broken = UnitError("ValueError: odd")
    found = probed(Oracle(errors=dict.fromkeys(range(20, 401), broken)))
    assert (found.largest, found.stopped_by) == (19, "failed")
    assert "20 fails with ValueError: odd" in said(found)


def test_a_model_that_cannot_take_one_sample_alone_is_probed_from_two_on() -> None:
    found = probed(Oracle(errors={1: UnitError("IndexError: squeezed")}))
    assert statuses(found)[1] == "failed"
    assert (found.largest, found.stopped_by) == (400, "samples")


def test_where_nothing_fits_that_is_said_with_what_it_needs() -> None:
    found = probed(limit=1000)
    assert found.largest is None
    assert found.knee is None
    assert said(found).startswith("Nothing fits: batch size 1 already needs 1.07 KiB, more than")
    assert probing.document(found)["largest"] is None


# --- speed ------------------------------------------------------------------------------------


def test_knee_and_line_are_those_of_the_machine() -> None:
    found = probed(Oracle(seconds=lambda size: 1e-3 + 1e-4 * size))
    assert found.alpha is not None
    assert found.beta is not None
    assert found.knee is not None
    assert found.alpha.value == pytest.approx(1e-3)
    assert found.beta.value == pytest.approx(1e-4)
    rate = {size.batch_size: size.batch_size / (1 + 0.1 * size.batch_size) for size in found.sizes}
    assert found.knee.value == min(s for s in rate if rate[s] >= 0.9 * max(rate.values()))
    assert f"The knee is batch size {found.knee.value:.0f}, the smallest timed" in said(found)
    assert "a step costs about 1 ms whatever its size and 100 µs for each sample" in said(found)
    best = max(found.timed, key=lambda size: rate[size.batch_size])
    assert best.share_of_best == 1


def test_each_size_is_timed_in_three_rounds_of_alternating_order() -> None:
    oracle = Oracle()
    found = probed(oracle, most=4)
    assert oracle.timed == [1, 2, 4, 4, 2, 1, 1, 2, 4]
    assert [len(size.step_seconds) for size in found.sizes] == [27, 27, 27]


def test_a_size_whose_steps_are_long_is_timed_once() -> None:
    oracle = Oracle(seconds=lambda size: 0.01 * size)
    probed(oracle)
    assert oracle.timed.count(400) == 1
    assert oracle.timed.count(64) == 3


def test_where_the_throughput_still_rises_that_is_said() -> None:
    found = probed(most=8)
    assert found.knee is not None
    assert found.knee.value is None
    assert "The throughput still rises at the largest size that was timed, 8" in said(found)


# --- documents --------------------------------------------------------------------------------

KEYS = {
    *("schema_version", "config", "environment", "device", "threads", "data", "parameters"),
    *("batch_sizes", "largest", "stopped_by", "limit_bytes", "knee", "step_model"),
}
ROW = {
    *("batch_size", "status", "peak_memory_bytes", "speed", "share_of_best"),
    *("step_seconds_draws", "error"),
}
ESTIMATE = {"value", "low", "high", "level", "n", "method", "censored_at"}


def test_the_document_has_every_key_whether_or_not_its_value_is_known() -> None:
    for found in (probed(), probed(limit=1000), probed(limit=2200), probed(most=1)):
        document = json.loads(machine_text(probing.document(found), [], Format.JSON))
        assert document.keys() == KEYS
        assert all(row.keys() == ROW for row in document["batch_sizes"])
        assert document["knee"] is None or document["knee"].keys() == ESTIMATE
        for row in document["batch_sizes"]:
            peak = row["peak_memory_bytes"]
            assert peak is None or peak.keys() == ESTIMATE


def test_machine_formats_have_a_row_a_batch_size() -> None:
    document = probing.document(probed(most=8))
    rows = probing.rows(document)
    parsed = list(csv.DictReader(io.StringIO(machine_text(document, rows, Format.CSV))))
    assert [row["batch_size"] for row in parsed] == ["1", "2", "4", "8"]
    assert parsed[3]["speed_samples_per_second"]
    lines = machine_text(document, rows, Format.JSONL).splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["ok"] * 4
    assert float(get_text(document, "batch_sizes.4.speed.step_seconds.value")) == 1e-3 + 1e-5 * 4


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_table_fits_the_terminal(width: int) -> None:
    text = drawn(probed(limit=2200), width)
    assert max(map(len, text.splitlines())) <= width
    assert "12" in text


def test_markdown_says_the_same() -> None:
    text = probing.markdown(probed(limit=2200))
    assert text.startswith("## Probe: mlp on")
    assert "The largest batch size that fits is 12" in text


# --- bsx show --speed -------------------------------------------------------------------------


@pytest.fixture
def swept(here: Shell) -> Shell:
    """A folder with a sweep of batch sizes 5 and 8."""
    here.swept()
    return here


def write_probe(file: str, oracle: Oracle, **changes: Any) -> None:
    """Write what a probe of the sweep's model and data finds, on another machine."""
    config, _ = read_sweep({"threads": "1"}, {}, None)
    found = probed(oracle, config=config, facts=look(config), most=16)
    document = probing.document(found) | changes
    Path(file).write_text(json.dumps(document), encoding="utf-8")


def test_speeds_of_a_probe_replace_those_of_the_sweep(swept: Shell) -> None:
    write_probe("speed.json", Oracle(seconds=lambda size: 5.0 + 1.0 * size))
    code, out, err = swept.bsx("show", "--speed", "speed.json", "--format", "json")
    assert code == 0, err
    document = json.loads(out)
    rows = {row["batch_size"]: row for row in document["batch_sizes"]}
    assert rows[8]["speed"]["step_seconds"]["value"] == pytest.approx(13.0)
    assert rows[8]["speed"]["peak_memory_bytes"]["value"] == 1800
    assert rows[5]["speed"]["step_seconds"]["value"] == pytest.approx(10.0)  # on the line
    assert rows[5]["speed"]["peak_memory_bytes"] is None
    assert document["speed_from"]["interpolated"] == [5]
    assert document["speed_from"]["environment"] == {"processor": "Abacus"}
    assert "speed_of_other" not in [c["code"] for c in document["cautions"]]
    own = json.loads(swept.bsx("show", "--format", "json")[1])
    assert own["speed_from"] is None
    assert own["batch_sizes"][1]["speed"]["step_seconds"]["value"] < 1


def test_the_recommendation_follows_the_speeds_of_the_probe(swept: Shell) -> None:
    chosen = []
    for name, seconds in (("small", lambda size: size**4.0), ("large", lambda size: size**-4.0)):
        write_probe(f"{name}.json", Oracle(seconds=seconds))
        swept_again = swept.bsx(
            "show", "--speed", f"{name}.json", "--target", "loss=100", "--tolerance", "0.99",
            "--get", "recommendation.batch-size",
        )  # fmt: skip
        chosen.append(swept_again[1].strip())
    assert chosen == ["5", "8"]


def test_the_caption_names_the_machine_of_the_probe(swept: Shell) -> None:
    write_probe("speed.json", Oracle())
    _, out, err = swept.bsx("show", "--speed", "speed.json")
    assert "Speed: by a probe, one model alone on cpu, 1 thread (Abacus), device loop" in out
    assert "5 not timed there" in out
    assert "measured with another" not in err


def test_a_size_beyond_those_of_the_probe_has_no_speed(swept: Shell) -> None:
    write_probe("speed.json", Oracle())
    document = json.loads(Path("speed.json").read_text(encoding="utf-8"))
    document["batch_sizes"] = [r for r in document["batch_sizes"] if r["batch_size"] < 8]
    Path("less.json").write_text(json.dumps(document), encoding="utf-8")
    _, out, _ = swept.bsx("show", "--speed", "less.json", "--format", "json")
    rows = {row["batch_size"]: row for row in json.loads(out)["batch_sizes"]}
    assert rows[8]["speed"] is None
    assert rows[8]["to_target"] == [] or rows[8]["to_target"][0]["seconds"] is None


def test_a_probe_of_other_sizes_says_which_it_has_and_how_to_get_those_of_the_sweep(
    swept: Shell,
) -> None:
    write_probe("speed.json", Oracle())
    document = json.loads(Path("speed.json").read_text(encoding="utf-8"))
    document["batch_sizes"] = [r for r in document["batch_sizes"] if r["batch_size"] == 1]
    Path("one.json").write_text(json.dumps(document), encoding="utf-8")
    asked = ("show", "--speed", "one.json", "--target", "loss=100", "--tolerance", "0.99")
    for more in ((), ("--objective", "quality")):
        _, out, _ = swept.bsx(*asked, *more, "--format", "markdown")
        assert "speeds of batch size 1 only, and the sweep has batch sizes 5 and 8" in out
        assert "bsx probe --max 8 --save FILE" in out


def test_a_probe_that_timed_nothing_is_refused(swept: Shell) -> None:
    write_probe("speed.json", Oracle(), batch_sizes=[])
    code, _, err = swept.bsx("show", "--speed", "speed.json")
    assert code == 3 and "no batch size was timed; make it again" in err


def test_curves_from_elsewhere_take_the_speeds_of_a_probe(here: Shell) -> None:
    rows = [
        {"batch_size": size, "seed": seed, "step": step, "val_accuracy": 1 - 0.9 / (1 + step / 9)}
        for size in (4, 8)
        for seed in range(3)
        for step in range(1, 300, 5)
    ]
    Path("curves.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert here.bsx("import", "curves.jsonl")[0] == 0
    write_probe("speed.json", Oracle(seconds=lambda size: 5.0 + 1.0 * size))
    code, out, err = here.bsx("show", "--speed", "speed.json", "--format", "json")
    assert code == 0, err
    document = json.loads(out)
    assert [r["speed"]["step_seconds"]["value"] for r in document["batch_sizes"]] == [9.0, 13.0]
    assert all(r["speed"]["epoch_seconds"] is None for r in document["batch_sizes"])
    assert document["recommendation"]["objective"] == "time"
    assert (document["speed_from"]["model"], document["speed_from"]["differs"]) == ("mlp", [])
    _, out, err = here.bsx("show", "--speed", "speed.json")
    assert "Speed: by a probe, one model alone on cpu, 1 thread (Abacus)" in out
    assert "the speeds are those of mlp on digits, which a probe timed" in err
    steps = here.bsx("show", "--speed", "speed.json", "--objective", "steps", "--get",
                     "recommendation.objective")  # fmt: skip
    assert steps[1].strip() == "steps"


def test_a_probe_of_another_model_is_warned_of(swept: Shell) -> None:
    write_probe("speed.json", Oracle(), parameters=7)
    _, _, err = swept.bsx("show", "--speed", "speed.json")
    assert "the speeds were measured with another model than the sweep was trained with" in err


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1}', "\x00"])
def test_what_is_no_probe_is_refused_in_one_line(text: str, swept: Shell) -> None:
    Path("speed.json").write_text(text, encoding="utf-8")
    code, out, err = swept.bsx("show", "--speed", "speed.json")
    assert (code, out) == (3, "")
    assert err == (
        "bsx: error: --speed speed.json is no result of `bsx probe --save`; make one with that "
        "command\n"
    )


def test_a_probe_in_which_something_is_missing_is_refused(swept: Shell) -> None:
    write_probe("speed.json", Oracle(), batch_sizes=[{"batch_size": 8}])
    code, _, err = swept.bsx("show", "--speed", "speed.json")
    assert code == 3
    assert "is damaged (KeyError: 'step_seconds_draws'); make it again" in err


def test_a_file_that_is_not_there_is_refused(swept: Shell) -> None:
    code, _, err = swept.bsx("show", "--speed", "none.json")
    assert code == 3
    assert "--speed none.json: No such file" in err


def test_settings_that_mean_nothing_are_refused(here: Shell) -> None:
    for args, what in (
        (["--max", "0"], "--max 0: give a whole number"),
        (["--max-memory", "lots"], "--max-memory lots: give an amount of memory"),
        (["--save", "none/speed.json"], "--save none/speed.json: there is no folder none"),
        (["--model-arg", "norm=batch", "--max", "1"], "--max 1: BatchNorm cannot train"),
    ):
        code, out, err = here.bsx("probe", *args)
        assert (code, out) == (2, ""), err
        assert what in err


def test_a_program_of_the_users_cannot_be_probed(here: Shell) -> None:
    text = 'command = "python -m x {batch_size}"\ntrain_samples = 100\n'
    Path("own.toml").write_text(text, encoding="utf-8")
    code, _, err = here.bsx("probe", "own.toml")
    assert code == 2
    assert "cannot be probed" in err
