"""The worked examples run as their first lines say, and agree with bsx's own training."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.test_sweep import bsx, document

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PLACES = "--batch-size {batch_size} --lr {lr} --seed {seed} --steps {steps}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the examples in it."""
    for file in EXAMPLES.glob("*.py"):
        shutil.copy(file, tmp_path)
    return tmp_path


def swept(folder: Path, script: str, samples: int, *options: str) -> dict[str, Any]:
    """Sweep an example."""
    command = f"{sys.executable} {script} {PLACES}"
    return document(
        bsx("sweep", "--command", command, "--train-samples", str(samples), "--metric", "accuracy",
            *options, "--threads", "1", "--format", "json", "--quiet", cwd=folder)
    )  # fmt: skip


@pytest.mark.slow
def test_the_numpy_example_gives_a_recommendation(folder: Path) -> None:
    found = swept(folder, "numpy_softmax.py", 2000, "--batch-sizes", "8,64,512", "--lr", "0.1,0.3",
                  "--seeds", "3", "--steps", "200")  # fmt: skip
    assert found["recommendation"]["batch_size"] in (8, 64, 512)


@pytest.mark.slow
def test_plain_pytorch_needs_as_many_steps_as_bsx_itself_with_the_same_model(folder: Path) -> None:
    question = ["--batch-sizes", "16,64,256", "--lr", "0.05", "--seeds", "4", "--steps", "150",
                "--target", "accuracy=0.9", "--tolerance", "0.03"]  # fmt: skip
    theirs = swept(folder, "pytorch_digits.py", 1437, *question)
    ours = document(
        bsx("sweep", *question, "--threads", "1", "--format", "json", "--quiet", cwd=folder)
    )
    for their, our in zip(theirs["batch_sizes"], ours["batch_sizes"], strict=True):
        a, b = their["to_target"][0]["steps"], our["to_target"][0]["steps"]
        assert a["low"] <= b["high"] and b["low"] <= a["high"], (their["batch_size"], a, b)
        assert a["value"] == pytest.approx(b["value"], rel=0.5)
        assert their["steps_per_epoch"] == our["steps_per_epoch"]
        assert set(their["final"]["test"]) == {"loss", "accuracy"}
    advised, own = theirs["recommendation"], ours["recommendation"]
    assert advised["batch_size"] in {own["batch_size"], *own["indifferent"], 64}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "library", "options"),
    [
        ("lightning_digits.py", "lightning", ["--metrics-from", "csv:logs/digits/metrics.csv"]),
        ("transformers_digits.py", "transformers", []),
    ],
)
def test_examples_with_other_libraries_run_where_those_are_installed(
    folder: Path, script: str, library: str, options: list[str]
) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed here")
    found = swept(folder, script, 1437, *options, "--batch-sizes", "32,256", "--lr", "0.05",
                  "--seeds", "1", "--steps", "60")  # fmt: skip
    assert [row["status"] for row in found["batch_sizes"]] == ["ok", "ok"]


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_every_example_says_at_its_top_how_it_is_swept(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    compile(source, file.name, "exec")
    assert "bsx sweep --train-samples" in source
    assert f"python {file.name} --batch-size {{batch_size}}" in source
