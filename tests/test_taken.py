"""What is said of the rate that is recommended: where its runs end, and whether they diverge."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.here import Shell, here

__all__ = ["here"]  # a fixture

STEPS = (10, 20, 40, 80, 160, 320)
SLOW = (0.30, 0.50, 0.75, 0.91, 0.96, 0.97)  # ends best
FAST = (0.50, 0.91, 0.93, 0.90, 0.88, 0.87)  # reaches 0.9 first, and is lost later


def written(folder: Path, fast: tuple[float, ...], lost: int = 0) -> str:
    """Write curves of two sizes and two rates; where seeds are ``lost``, to NaN, of one rate."""
    rows = ["batch_size,lr,seed,step,accuracy"]
    for size in (16, 64):
        for rate, curve in ((0.1, SLOW), (0.5, fast))[bool(lost) :]:
            for seed in range(4):
                values = [value + 0.002 * ((seed * 7 + size) % 5 - 2) for value in curve]
                values[-1] += 0.004 * (seed % 2) * (rate == 0.5)
                cells = [f"{value:.4f}" for value in values]
                if rate == 0.5 and seed < lost:
                    cells[4:] = ["nan", "nan"]
                rows += [
                    f"{size},{rate},{seed},{step},{cell}"
                    for step, cell in zip(STEPS, cells, strict=True)
                ]
    (folder / "curves.csv").write_text("\n".join(rows))
    return "curves.csv"


def told(shell: Shell, *asked: str) -> tuple[dict[str, Any], str, str]:
    """Return the document, the tables and the cautions of an import."""
    code, machine, _ = shell.bsx("import", *asked, "--format", "json")
    assert code == 0
    _, tables, said = shell.bsx("import", *asked, "--format", "table")
    return json.loads(machine), " ".join(tables.replace("│", " ").split()), said


def test_a_rate_that_reaches_first_and_ends_worse_is_told_of_with_how_much(here: Shell) -> None:
    document, tables, said = told(here, written(here.folder, FAST), "--target", "accuracy=0.9")
    taken = document["recommendation"]
    assert taken["learning_rate"] == 0.5
    codes = {caution["code"] for caution in document["cautions"]}
    assert "rate_ends_worse" in codes and "taken_diverges" not in codes
    assert "0.1 is best at this size: this one ends 9.8 (9.4–10.2) points worse." in tables
    assert taken["ends_worse"]["value"] == pytest.approx(0.098)
    assert "its runs end 9.8 (9.4–10.2) points worse in validation accuracy" in said
    assert "take 0.1 where you train on beyond the target" in said


def test_where_both_rates_end_alike_nothing_is_warned_of(here: Shell) -> None:
    alike = (*FAST[:4], 0.97, 0.969)
    document, _, _ = told(here, written(here.folder, alike), "--target", "accuracy=0.9")
    assert "rate_ends_worse" not in {caution["code"] for caution in document["cautions"]}


def test_that_a_rate_ends_worse_is_said_only_where_it_is_shown(here: Shell) -> None:
    name = written(here.folder, FAST)
    rows = (here.folder / name).read_text().splitlines()
    rows = [row for row in rows if row.split(",")[2] in ("seed", "0")]  # one seed shows nothing
    (here.folder / name).write_text("\n".join(rows))
    document, tables, _ = told(here, name, "--target", "accuracy=0.9")
    assert "rate_ends_worse" not in {caution["code"] for caution in document["cautions"]}
    assert "0.1 is best at this size: this one ends 10.0 points worse." in tables


def test_whoever_asks_for_quality_gets_the_rate_that_ends_best_and_no_warning(here: Shell) -> None:
    asked = (written(here.folder, FAST), "--target", "accuracy=0.9", "--objective", "quality")
    document, _, _ = told(here, *asked)
    assert document["recommendation"]["learning_rate"] == 0.1
    assert "rate_ends_worse" not in {caution["code"] for caution in document["cautions"]}
    assert document["recommendation"]["ends_worse"] is None


@pytest.mark.parametrize(("lost", "said"), [(1, "1 of the 4 runs"), (2, "2 of the 4 runs")])
def test_runs_at_the_recommended_rate_that_diverged_are_told_of(
    lost: int, said: str, here: Shell
) -> None:
    name = written(here.folder, (0.5, 0.91, 0.93, 0.95, 0.96, 0.98), lost)
    document, _, err = told(here, name, "--target", "accuracy=0.9")
    assert document["recommendation"]["learning_rate"] == 0.5
    assert f"{said} at the recommended learning rate diverged" in err


@pytest.mark.parametrize("objective", ["time", "steps", "samples"])
def test_a_row_of_the_comparison_agrees_with_itself(objective: str, here: Shell) -> None:
    rows = ["batch_size,seed,step,seconds,accuracy"]
    for size, reached, each in ((16, 900, 1.0), (64, 300, 1.5), (256, 120, 4.0), (1024, 90, 15.0)):
        for seed in range(3):
            at = int(reached * (1 + 0.2 * ((seed * size) % 3 - 1)))
            for step in (at // 2, at, 2 * at):
                rows.append(f"{size},{seed},{step},{step * each / 1000},{0.4 + 0.5 * (step >= at)}")
    (here.folder / "curves.csv").write_text("\n".join(rows))
    asked = ("curves.csv", "--target", "accuracy=0.9", "--objective", objective)
    code, tables, _ = here.bsx("import", *asked, "--format", "table")
    assert code == 0
    chosen = int(re.search(r"Compared with batch size ([\d,]+) \(", tables)[1].replace(",", ""))
    _, rest = tables.split("Compared with", 1)
    lines = [line.strip("│ ") for line in rest.splitlines()]
    head = re.split(r"  +", next(line for line in lines if line.startswith("batch size  ")))
    compared = [line for line in lines if re.match(r"(half|double|\d)", line) and "×" in line]
    assert compared
    for line in compared:
        row = dict(zip(head, re.split(r"  +", line), strict=True))
        size = int(re.search(r"[\d,]+$", row["batch size"])[0].replace(",", ""))
        steps, samples, time = (float(row[k][2:]) for k in ("iterations", "samples", "time"))
        assert samples == pytest.approx(steps * size / chosen, rel=0.05)
        each = {16: 1.0, 64: 1.5, 256: 4.0, 1024: 15.0}
        assert time == pytest.approx(steps * each[size] / each[chosen], rel=0.05)
