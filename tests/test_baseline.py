"""The baseline from a file to what is printed, and sweeps that were stored before there was one."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path

import pytest

from tests.here import bsx, document

YEARS = [(1700 + i, round(60 + 50 * math.sin(i / 1.75) + 7 * math.sin(2.3 * i), 1))
         for i in range(220)]  # fmt: skip
WINDOW, HORIZON = 10, 2
SMALL = ["--model", "mlp", "--optimizer", "adam", "--batch-sizes", "16,64", "--seeds", "3",
         "--learning-rate", "0.01", "--threads", "1", "--executor", "inline"]  # fmt: skip
SERIES = ["--dataset", "series:sunspots.csv", "--dataset-arg", f"window={WINDOW}",
          "--dataset-arg", f"horizon={HORIZON}"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a series in it and a finished sweep of that."""
    made = tmp_path_factory.mktemp("series")
    lines = ["YEAR,SPOTS", *(f"{year},{spots}" for year, spots in YEARS)]
    (made / "sunspots.csv").write_text("\n".join(lines), encoding="utf-8")
    result = bsx("sweep", *SERIES, *SMALL, "--epochs", "30", cwd=made)
    assert result.returncode == 0, result.stderr
    return made


def persistence() -> tuple[float, float]:
    """Return mse and mae of the last value on the test part, in units of the training rows' spread.

    The test part is the end of the file, and the windows are all that lie in it.
    """
    length = WINDOW + HORIZON
    possible = len(YEARS) - length + 1
    share = round(0.1 * (possible - 2 * (length - 1)))
    train = [v for _, v in YEARS[: possible - 2 * share - length + 1]]
    mean = sum(train) / len(train)
    spread = math.sqrt(sum((v - mean) ** 2 for v in train) / len(train))
    test = [v for _, v in YEARS[len(YEARS) - share - length + 1 :]]
    errors = [
        (test[i + WINDOW + ahead] - test[i + WINDOW - 1]) / spread
        for i in range(share)
        for ahead in range(HORIZON)
    ]
    return sum(e * e for e in errors) / len(errors), sum(map(abs, errors)) / len(errors)


def test_the_document_holds_what_repeating_the_last_value_reaches(folder: Path) -> None:
    found = document(bsx("show", "--format", "json", cwd=folder))
    baseline = found["baseline"]
    mse, mae = persistence()
    assert baseline["name"] == "last value"
    assert baseline["test"]["mse"] == pytest.approx(mse, rel=1e-4)
    assert baseline["test"]["mae"] == pytest.approx(mae, rel=1e-4)
    assert set(baseline["validation"]) == {"loss", "mse", "mae", "r2"}
    [scale] = found["data"]["target_scale"]
    assert 30 < scale < 45  # of the sine 50/√2, of the ripple 7/√2
    test = found["batch_sizes"][0]["final"]["test"]["mse"]["value"]
    assert test < baseline["test"]["mse"]  # a cycle that a model learns and a last value does not
    printed = bsx("show", "--get", "baseline.test.mse", cwd=folder).stdout
    assert float(printed) == baseline["test"]["mse"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_ends_with_the_baseline(folder: Path, width: int) -> None:
    shown = bsx("show", cwd=folder, COLUMNS=str(width))
    quality = shown.stdout.partition("Quality")[2].partition("\n\n")[0]
    row = next(
        line.split() for line in quality.splitlines() if line.strip().startswith("baseline ")
    )
    mse, _ = persistence()
    assert any(cell.startswith(f"{mse:.2f}"[:-1]) for cell in row)
    assert "baseline: last value; errors are of standardized targets, of which 1 is" in " ".join(
        quality.split()
    )
    markdown = bsx("show", "--format", "markdown", cwd=folder).stdout
    assert "| baseline | – |" in markdown
    assert len(bsx("show", "--format", "csv", cwd=folder).stdout.splitlines()) == 3


def test_a_sweep_that_does_not_beat_it_says_so(folder: Path) -> None:
    args = [*SERIES, *SMALL, "--learning-rate", "0.00001", "--epochs", "1", "--min-steps", "1"]
    result = bsx("sweep", *args, "--store", "short", cwd=folder)
    assert "is not shown to be better than the" in " ".join(result.stderr.split())
    assert "(last value), which needs no model" in " ".join(result.stderr.split())
    codes = {c["code"] for c in document(bsx("show", "--format", "json", cwd=folder))["cautions"]}
    assert "not_better_than_baseline" not in codes  # of the longer one


def test_a_sweep_stored_before_there_was_a_baseline_is_shown_without(folder: Path) -> None:
    with_it = document(bsx("show", "--format", "json", cwd=folder))
    old = folder / "old"
    old.mkdir()
    (old / "bsx.sqlite3").write_bytes((folder / "bsx-runs" / "bsx.sqlite3").read_bytes())
    with sqlite3.connect(old / "bsx.sqlite3") as db:
        [(text,)] = db.execute("SELECT facts FROM sweeps").fetchall()
        facts = json.loads(text)
        del facts["baseline"], facts["target_scale"]
        db.execute("UPDATE sweeps SET facts = ?", (json.dumps(facts),))
    db.close()
    found = document(bsx("show", "--format", "json", "--store", "old", cwd=folder))
    assert found["baseline"] is None
    assert found["data"]["target_scale"] == []
    assert found["batch_sizes"] == with_it["batch_sizes"]
    assert "baseline" not in bsx("show", "--store", "old", cwd=folder).stdout


def test_of_the_users_own_program_no_baseline_is_known(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import json\nfor step in (10, 20):\n"
        '    print(json.dumps({"step": step, "val_accuracy": 0.5 + step / 100}))\n',
        encoding="utf-8",
    )
    result = bsx(
        "sweep", "--command", "python train.py {batch_size} {lr} {seed}", "--train-samples", "100",
        "--batch-sizes", "10,20", "--learning-rate", "0.1", "--seeds", "1", "--metric", "accuracy",
        "--format", "json", cwd=tmp_path,
    )  # fmt: skip
    assert document(result)["baseline"] is None
