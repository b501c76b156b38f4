"""Tables that were published, imported: what was fitted to them comes back."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from tests.here import Shell, here

__all__ = ["here"]

# Zhang et al. 2024 (arXiv 2410.21676): steps, and a, b and CBS20 at a reference of 256.
ZHANG_SIZES = [64 * 2**p for p in range(9)]
ZHANG: dict[str, tuple[list[int], float | None, float | None, float]] = {
    "85M": ([46000, 23000, 13282, 7000, 3840, 2528, 1917, 1600, 1600], 1293.83, 2834258.0, 745.3),
    "151M": (
        [96000, 49000, 24000, 12000, 7128, 4350, 2940, 2400, 2300], 1752.42, 5677478.8, 955.2,
    ),
    "302M": ([196000, 90000, 46000, 23400, 13300, 7224, 4980, 3400, 2879], None, None, 1393.7),
}  # fmt: skip
# Shallue et al. 2019 (arXiv 1811.03600), Simple CNN on Fashion-MNIST, digitised.
SHALLUE = dict(
    zip(
        (2, 8, 32, 128, 512, 2048, 8192, 32768, 55000),
        (22550, 6360, 1794, 506, 305, 169, 155, 169, 155),
        strict=True,
    )
)


def got(shell: Shell, path: str, *args: str) -> float:
    """Return one bare value."""
    code, out, err = shell.bsx("import", *args, "--get", path)
    assert code == 0, err
    return float(out)


@pytest.mark.parametrize("model", ZHANG)
def test_the_tables_of_zhang_et_al_come_back(here: Shell, model: str) -> None:
    steps, a, b, critical = ZHANG[model]
    rows = [f"{size},{taken}" for size, taken in zip(ZHANG_SIZES, steps, strict=True)]
    Path("zhang.csv").write_text("\n".join(["batch_size,steps", *rows]))
    asked = ("zhang.csv", "--reference-batch-size", "256")
    found = got(here, "targets.0.critical-batch-size-20.value", *asked)
    assert found == pytest.approx(critical, rel=0.005)
    if a is not None:
        assert got(here, "targets.0.min-steps.value", *asked) == pytest.approx(a, rel=0.005)
        assert got(here, "targets.0.min-samples.value", *asked) == pytest.approx(b, rel=0.005)


def test_several_tables_in_one_file_are_several_targets(here: Shell) -> None:
    lines = [
        json.dumps({"target": model, "B": size, "iterations": taken})
        for model, (steps, *_) in ZHANG.items()
        for size, taken in zip(ZHANG_SIZES, steps, strict=True)
    ]
    Path("zhang.jsonl").write_text("\n".join(lines))
    asked = ("zhang.jsonl", "--reference-batch-size", "256", "--format", "json")
    code, out, err = here.bsx("import", *asked)
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert [target["metric"] for target in document["targets"]] == list(ZHANG)
    for target, (_, _, _, critical) in zip(document["targets"], ZHANG.values(), strict=True):
        assert target["critical_batch_size_20"]["value"] == pytest.approx(critical, rel=0.005)
    assert [len(row["to_target"]) for row in document["batch_sizes"]] == [3] * 9


def test_the_points_of_shallue_et_al_give_their_critical_batch_size(here: Shell) -> None:
    rows = [f"{size};{steps}" for size, steps in SHALLUE.items()]
    Path("shallue.csv").write_text("\r\n".join(["\ufeffbatch size;Steps to target", *rows]))
    for name, value in (("critical-batch-size", 307), ("min-steps", 159), ("min-samples", 49_000)):
        found = got(here, f"targets.0.{name}.value", "shallue.csv")
        assert found == pytest.approx(value, rel=0.05)
    code, out, _ = here.bsx("import", "shallue.csv", "--format", "json")
    document = json.loads(out)
    assert code == 0
    for row in document["batch_sizes"]:
        (entry,) = row["to_target"]
        assert entry["steps"]["value"] == SHALLUE[row["batch_size"]]
        assert entry["samples"]["value"] == row["batch_size"] * entry["steps"]["value"]
        assert entry["deviation"] == pytest.approx(
            entry["steps"]["value"] / entry["fitted_steps"]["value"] - 1
        )
        least = document["targets"][0]["min_samples"]["value"]
        assert entry["efficiency"] == pytest.approx(least / entry["samples"]["value"])
    assert 0.05 < document["targets"][0]["scatter"] < 0.15


def test_efficiency_at_the_critical_batch_size_is_a_half(here: Shell) -> None:
    rows = [f"{size},{100 * (1 + 64 / size)}" for size in (4, 16, 64, 256, 1024)]
    Path("exact.csv").write_text("\n".join(["bs,steps", *rows]))
    assert got(here, "batch_sizes.64.to_target.0.efficiency", "exact.csv") == pytest.approx(0.5)
    assert got(here, "targets.0.critical_batch_size.value", "exact.csv") == pytest.approx(64)


def test_of_a_size_that_did_not_reach_the_target_no_efficiency_is_told(here: Shell) -> None:
    rows = ["2,>20000", *(f"{size},{steps}" for size, steps in SHALLUE.items() if size > 2)]
    Path("miss.csv").write_text("\n".join(["batch_size,steps", *rows]))
    missed, reached = json.loads(here.bsx("import", "miss.csv", "--format", "json")[1])[
        "batch_sizes"
    ][:2]
    [missed], [reached] = missed["to_target"], reached["to_target"]
    assert missed["efficiency"] is None and missed["efficiency_estimate"] is None
    found = reached["efficiency_estimate"]
    assert found["low"] < found["value"] == reached["efficiency"] < found["high"]
    out = here.bsx("import", "miss.csv")[1]
    first = next(line for line in out.splitlines() if line.lstrip().startswith("2 "))
    assert "> 40,000" in first and first.rstrip().endswith("–")
    assert re.search(r"by the curve", out) and re.search(r"25,\d00 \(", first)


def test_seeds_rates_and_sizes_that_did_not_reach_it_take_part(here: Shell) -> None:
    lines = ["batch_size,lr,seed,steps"]
    for size in (8, 16, 32, 64, 128):
        for rate, slower in ((0.1, 1.0), (0.2, 1.3)):
            for seed in range(5):
                steps = 50 * (1 + 64 / size) * slower * math.exp(0.02 * seed)
                lines.append(f"{size},{rate},{seed},{'>400' if steps > 400 else steps}")
    Path("rates.csv").write_text("\n".join(lines))
    code, out, err = here.bsx("import", "rates.csv", "--format", "json", "--train-samples", "640")
    assert code == 0, err
    document = json.loads(out)
    rows = {row["batch_size"]: row["to_target"][0] for row in document["batch_sizes"]}
    assert {row["learning_rate"] for row in rows.values() if row["learning_rate"]} == {0.1}
    assert rows[8]["reached_fraction"] == 0 and rows[8]["steps"]["censored_at"] == 400
    assert rows[64]["epochs"]["value"] == pytest.approx(rows[64]["steps"]["value"] / 10)
    assert document["targets"][0]["critical_batch_size"]["value"] == pytest.approx(64, rel=0.1)
    assert "censored" in {caution["code"] for caution in document["cautions"]}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("form", ["table", "markdown", "csv", "jsonl"])
def test_pairs_are_printed_in_every_format(
    here: Shell, monkeypatch: pytest.MonkeyPatch, form: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [f"{size},{steps}" for size, steps in SHALLUE.items()]
    Path("shallue.csv").write_text("\n".join(["batch_size,steps", *rows]))
    code, out, err = here.bsx("import", "shallue.csv", "--format", form, "--train-samples", "55000")
    assert code == 0
    assert err.startswith("Not stored, as there are no curves" if form == "table" else "")
    assert (err == "") is (form != "table")
    if form == "table":
        assert max(map(len, out.splitlines())) <= width
        assert "critical batch size, E_min/S_min           307 (256–369)" in out
        assert "22,550" in out and "The iterations scatter about the curve by 10 %" in out
    elif form in ("csv", "jsonl"):
        assert len(out.splitlines()) == len(SHALLUE) + (form == "csv")


def test_iterations_that_never_fell_are_not_said_to_rise_again(here: Shell) -> None:
    Path("rev.csv").write_text("batch_size,steps\n8,1000\n16,2000\n32,4000\n64,8000\n")
    code, out, err = here.bsx("import", "rev.csv")
    assert code == 0 and "rise again" not in out + err
    assert "iterations do not fall with the batch size at all" in err


@pytest.mark.parametrize("reference", ["16", "100000"])
def test_a_reference_outside_the_sizes_is_said_to_be_an_extrapolation(
    here: Shell, reference: str
) -> None:
    rows = [f"{size},{taken}" for size, taken in zip(ZHANG_SIZES, ZHANG["85M"][0], strict=True)]
    Path("zhang.csv").write_text("\n".join(["batch_size,steps", *rows]))
    code, _, err = here.bsx("import", "zhang.csv", "--reference-batch-size", reference)
    assert code == 0 and f"counts from batch size {int(reference):,}, which is outside" in err
    assert "outside" not in here.bsx("import", "zhang.csv", "--reference-batch-size", "256")[2]


def test_a_published_table_is_drawn_and_typeset(here: Shell) -> None:
    lines = [
        f"{model},{size},{taken}"
        for model in ("85M", "a/b")
        for size, taken in zip(ZHANG_SIZES, ZHANG["85M"][0], strict=True)
    ]
    Path("zhang.csv").write_text("\n".join(["target,B,steps", *lines]))
    asked = ("zhang.csv", "--plots", "figures", "--format", "latex")
    code, out, err = here.bsx("import", *asked)
    assert code == 0, err
    assert out.count(r"\begin{table}") == 4 and r"\caption{Iterations to 85M, as zhang.csv" in out
    assert r"efficiency, \%" in out  # not divided as at a terminal
    assert err.startswith("Drawn in figures: iterations-to-target-85M, iterations-to-target-a-b,")
    assert len(list(Path("figures").iterdir())) == 6
    code, _, err = here.bsx("import", *asked)
    assert code != 0 and "add --force to replace it" in err
    assert here.bsx("import", *asked, "--force", "--quiet")[::2] == (0, "")


def test_curves_are_drawn_and_typeset_as_they_are_imported(here: Shell) -> None:
    rows = [f"{b},{step},{1 - 1 / (1 + step * b / 64)}" for b in (8, 16, 32) for step in (1, 9, 99)]
    Path("curves.csv").write_text("\n".join(["B,step,accuracy", *rows]))
    code, out, err = here.bsx("import", "curves.csv", "--plots", "figures", "--format", "latex")
    assert code == 0 and r"\begin{table}" in out and err.startswith("Drawn in figures: ")


def test_too_few_sizes_are_an_answer_and_no_error(here: Shell) -> None:
    Path("two.csv").write_text("batch_size,steps\n8,100\n16,60\n")
    code, out, err = here.bsx("import", "two.csv")
    assert code == 0 and "cannot be determined: a curve needs three batch sizes" in " ".join(
        out.split()
    )
    code, out, err = here.bsx("import", "two.csv", "--get", "targets.0.critical_batch_size.value")
    assert (code, out) == (1, "") and "there is no" in err
