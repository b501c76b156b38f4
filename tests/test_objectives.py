"""The same stored sweep, recommended from by one objective after another: nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bsx.schema import AIMS, BatchSizes
from tests.fakes import SWEEP_ID, config, run_sweep
from tests.here import QUICK, Shell, here

__all__ = ["here"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished sweep of the fake world."""
    folder = tmp_path_factory.mktemp("stored")
    assert run_sweep(folder, config(batch_sizes=BatchSizes((4, 16, 64, 256)))) == "complete"
    return folder


def shown(here: Shell, stored: Path, *args: str) -> dict[str, Any]:
    """Show the stored sweep as a document."""
    code, out, err = here.bsx("show", "--store", str(stored), "--format", "json", *args)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("objective", AIMS)
def test_a_stored_sweep_is_recommended_from_by_any_objective(
    here: Shell, stored: Path, objective: str
) -> None:
    asked = ("--objective", objective, "--price-per-hour", "3600", "--tolerance", "0.1")
    document = shown(here, stored, *asked)
    found = document["recommendation"]
    assert document["sweep_id"] == SWEEP_ID
    assert found["objective"] == document["config"]["aim"] == objective
    assert found["price_per_hour"] == 3600
    rows = {row["batch_size"]: row for row in document["batch_sizes"]}
    if objective in ("steps", "samples"):
        assert found["batch_size"] == {"steps": 256, "samples": 4}[objective]
    seconds = rows[found["batch_size"]]["to_target"][0]["seconds"]["value"]
    assert found["cost"]["value"] == pytest.approx(seconds, rel=0.25)
    code, out, _ = here.bsx("show", "--store", str(stored), *asked)
    assert code == 0 and "Compared with batch size" in out


def test_without_an_objective_it_is_time_and_has_no_price(here: Shell, stored: Path) -> None:
    found = shown(here, stored)["recommendation"]
    assert (found["objective"], found["price_per_hour"], found["cost"]) == ("time", None, None)


def test_a_price_is_told_beside_another_objective(here: Shell, stored: Path) -> None:
    store = ("show", "--store", str(stored), "--price-per-hour", "2.5")
    _, by_samples, _ = here.bsx(*store, "--objective", "samples")
    assert "with the fewest samples, about" in " ".join(by_samples.replace("│", " ").split())
    assert "At 2.5 an hour the time to the target costs" in by_samples
    _, by_cost, _ = here.bsx(*store, "--objective", "cost")
    assert "an hour the time to the target" not in by_cost


@pytest.mark.parametrize("command", ["show", "sweep"])
def test_cost_needs_a_price(here: Shell, stored: Path, command: str) -> None:
    code, out, err = here.bsx(command, "--store", str(stored), "--objective", "cost")
    assert (code, out) == (2, "")
    assert "--objective cost needs --price-per-hour" in err


def test_a_sweep_asked_again_by_another_objective_trains_nothing(here: Shell) -> None:
    by_time = here.swept()
    by_samples = here.swept("--objective", "samples")
    assert by_samples["sweep_id"] == by_time["sweep_id"]
    assert by_samples["config"]["aim"] == "samples"
    _, _, err = here.bsx("sweep", *QUICK, "--objective", "quality")
    assert "stored already" in err
    again = json.loads(here.bsx("show", "--format", "json")[1])
    assert again["config"]["aim"] == "quality"  # as it was last asked for


@pytest.mark.parametrize("objective", ["memory", "cost"])
def test_what_a_file_does_not_tell_is_refused(here: Shell, objective: str) -> None:
    Path("runs.csv").write_text("B,step,accuracy\n8,1,0.5\n8,2,0.9\n")
    price = ("--price-per-hour", "1")
    code, out, err = here.bsx("import", "runs.csv", "--objective", objective, *price)
    assert (code, out) == (2, "") and err.startswith(f"bsx: error: --objective {objective}: ")
    Path("pairs.csv").write_text("B,steps\n8,10\n")
    code, _, err = here.bsx("import", "pairs.csv", *price)
    assert code == 2 and "--price-per-hour has no meaning with pairs.csv" in err
