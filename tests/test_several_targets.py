"""Several targets from one sweep, and targets that must hold for a while."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bsx import parse
from tests.here import Shell, here

__all__ = ["here"]


def curves(path: Path, *, lucky: bool = False) -> Path:
    """Write curves of a hyperbola; where ``lucky`` each holds its target once, much too early."""
    lines = []
    for size in (8, 16, 32, 64, 128, 256, 512):
        for seed in range(4):
            needed = 100 * (1 + 64 / size) * (1 + 0.02 * seed)
            for step in range(10, 2000, 10):
                accuracy = 1 - 0.9 / (1 + 8 * step / needed)
                if lucky and step == 20:
                    accuracy = 0.99
                row = {"batch_size": size, "seed": seed, "step": step, "seconds": step * 1e-3,
                       "accuracy": accuracy}  # fmt: skip
                lines.append(json.dumps(row))
    path.write_text("\n".join(lines))
    return path


def document(here: Shell, *args: str) -> dict[str, Any]:
    code, out, err = here.bsx("import", "curves.jsonl", *args, "--format", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_ladder_is_analysed_rung_by_rung_and_its_first_is_recommended_by(here: Shell) -> None:
    curves(here.folder / "curves.jsonl")
    many = document(here, "--target", "accuracy=0.93,0.90..0.94:0.02")
    alone = document(here, "--target", "accuracy=0.93")
    assert [t["threshold"] for t in many["targets"]] == [0.93, 0.9, 0.92, 0.94]
    assert many["targets"][0] == alone["targets"][0]
    assert many["recommendation"] == alone["recommendation"]
    assert all(len(row["to_target"]) == 4 for row in many["batch_sizes"])
    steps = [entry["steps"]["value"] for entry in many["batch_sizes"][0]["to_target"]]
    assert steps[1] < steps[2] < steps[0] < steps[3]  # as strict as the thresholds are


def test_every_rung_tells_its_trade_off_regimes_included(here: Shell) -> None:
    curves(here.folder / "curves.jsonl")
    for target in document(here, "--target", "accuracy=0.90..0.94:0.02")["targets"]:
        critical = target["critical_batch_size"]
        assert target["verdict"] == "fitted" and target["departure"] is None
        assert critical["value"] == pytest.approx(64, rel=0.1)
        assert critical["low"] < critical["value"] < critical["high"]
        perfect = target["regimes"]["perfect_scaling_up_to"]
        assert perfect["value"] == pytest.approx(0.2 * critical["value"])
        assert target["next_run"] == {}
        assert 0 < target["fit_p_value"] <= 1


@pytest.mark.parametrize("width", ["80", "120"])
def test_the_curve_of_critical_batch_sizes_is_a_table(
    here: Shell, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    curves(here.folder / "curves.jsonl")
    ladder = ("--target", "accuracy=0.94,0.90..0.93:0.01")
    code, out, err = here.bsx("import", "curves.jsonl", *ladder)
    assert code == 0, err
    table = out.partition("Targets:")[2].partition("Quality")[0]
    rows = [line.split() for line in table.splitlines() if "accuracy ≥" in line]
    assert [row[row.index("≥") + 1] for row in rows] == ["0.94", "0.9", "0.91", "0.92", "0.93"]
    assert [row[0] for row in rows] == ["→", *["accuracy"] * 4]
    assert out.count("Convergence:") == 1
    assert max(map(len, out.splitlines())) <= int(width)


def test_a_lucky_evaluation_is_no_crossing_where_it_must_be_confirmed(here: Shell) -> None:
    curves(here.folder / "curves.jsonl", lucky=True)
    ask = ("--target", "accuracy=0.93")
    first, confirmed = document(here, *ask), document(here, *ask, "--confirm", "2")
    for row, other in zip(first["batch_sizes"], confirmed["batch_sizes"], strict=True):
        (entry,), (held,) = row["to_target"], other["to_target"]
        assert entry["steps"]["value"] == pytest.approx(20)
        assert held["steps"]["value"] > 80
    critical = [found["targets"][0]["critical_batch_size"] for found in (first, confirmed)]
    assert critical[1]["value"] == pytest.approx(64, rel=0.1)
    assert critical[0]["value"] is None


def test_the_mean_curve_is_in_the_document_and_with_confirm_in_the_table(here: Shell) -> None:
    curves(here.folder / "curves.jsonl")
    ask = ("--target", "accuracy=0.93")
    for row in document(here, *ask)["batch_sizes"]:
        (entry,) = row["to_target"]
        mean = entry["mean_curve_steps"]
        assert mean["n"] == 4 and mean["low"] is None
        assert mean["value"] == pytest.approx(entry["steps"]["value"], rel=0.1)
    _, plain, _ = here.bsx("import", "curves.jsonl", *ask)
    _, out, _ = here.bsx("import", "curves.jsonl", *ask, "--confirm", "3")
    assert "mean curve" not in plain and "mean curve" in out
    assert "accuracy ≥ 0.93 3 evaluations in a row" in out


def test_confirmation_is_a_way_to_read_a_stored_sweep(here: Shell) -> None:
    swept = here.swept("--target", "accuracy=0.2")
    code, out, err = here.bsx("show", "--confirm", "2", "--format", "json")
    assert code == 0, err
    read = json.loads(out)
    assert read["sweep_id"] == swept["sweep_id"]
    assert (swept["config"]["confirm"], read["config"]["confirm"]) == (1, 2)
    again = here.swept("--target", "accuracy=0.2", "--confirm", "2")
    assert again["sweep_id"] == swept["sweep_id"]
    for row, other in zip(again["batch_sizes"], read["batch_sizes"], strict=True):
        assert row["to_target"] == other["to_target"]


@pytest.mark.parametrize("given", ["0", "1.5", "often"])
def test_a_confirmation_is_a_whole_number_of_evaluations(here: Shell, given: str) -> None:
    code, _, err = here.bsx("sweep", "--confirm", given)
    assert code == 2 and f"--confirm {given}: give a whole number of at least 1" in err


def test_iterations_that_were_told_cannot_be_confirmed(here: Shell) -> None:
    Path("pairs.csv").write_text("batch_size,steps\n2,100\n4,60\n8,40\n")
    code, _, err = here.bsx("import", "pairs.csv", "--confirm", "2")
    assert code == 2 and "--confirm has no meaning" in err


def test_a_ladder_that_does_not_end_is_refused_before_anything_is_trained(here: Shell) -> None:
    code, _, err = here.bsx("sweep", "--target", "accuracy=0.90..0.97")
    assert code == 2 and "such as 0.90..0.97:0.01" in err
    assert not (here.folder / "bsx-runs").exists()


def test_targets_of_several_metrics_may_stand_in_one_option() -> None:
    found = parse.targets("accuracy=0.9,0.95,loss=0.25", "--target")
    assert [(t.metric, t.threshold) for t in found] == [
        ("accuracy", 0.9),
        ("accuracy", 0.95),
        ("loss", 0.25),
    ]
