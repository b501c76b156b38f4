"""The worked examples run as their first lines say, and agree with bsx's own training."""

from __future__ import annotations

import importlib.util
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bsx.data import open_dataset
from tests.here import bsx, document

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


def _module(file: str) -> Any:
    """Import an example without running it."""
    spec = importlib.util.spec_from_file_location(file, EXAMPLES / f"{file}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_plain_pytorch_has_the_samples_of_bsx_in_the_same_parts() -> None:
    theirs = _module("pytorch_digits").load()
    ours = open_dataset("digits", {}, validation=0.1, test=0.1, seed=0)
    for name, part in (("train", ours.train), ("val", ours.validation), ("test", ours.test)):
        inputs, targets = theirs[name]
        assert torch.equal(targets, part.targets)
        assert torch.allclose(inputs, part.inputs.flatten(1), atol=1e-6)


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether two intervals have a point in common; an open side reaches as far as it likes."""
    sides = [(e["low"] or 0.0, e["high"] or math.inf) for e in (one, other)]
    return max(low for low, _ in sides) <= min(high for _, high in sides)


@pytest.mark.slow
def test_plain_pytorch_is_answered_like_the_same_model_in_bsx_itself(folder: Path) -> None:
    question = ["--batch-sizes", "8,64,1024", "--lr", "0.05", "--seeds", "3", "--steps", "120",
                "--target", "accuracy=0.9", "--tolerance", "0.05"]  # fmt: skip
    theirs = swept(folder, "pytorch_digits.py", 1437, *question)
    ours = _swept_by_itself(folder, *question)
    for their, our in zip(theirs["batch_sizes"], ours["batch_sizes"], strict=True):
        a, b = their["to_target"][0]["steps"], our["to_target"][0]["steps"]
        assert _overlap(a, b), (their["batch_size"], a, b)
        assert a["value"] == pytest.approx(b["value"], rel=0.5)
        assert their["to_target"][0]["reached_fraction"] == 1.0
        assert their["steps_per_epoch"] == our["steps_per_epoch"]
        assert set(their["final"]["test"]) == {"loss", "accuracy"}
        ends = [row["final"]["test"]["accuracy"]["value"] for row in (their, our)]
        assert ends[0] == pytest.approx(ends[1], abs=0.05)
    for quantity in ("critical_batch_size", "min_steps", "min_samples"):
        one, other = theirs["targets"][0][quantity], ours["targets"][0][quantity]
        assert _overlap(one, other), (quantity, one, other)
    for _ in range(2):  # the speed of a busy machine is not that of a quiet one: once more then
        if not _same_advice(theirs, ours):
            ours = _swept_by_itself(folder, *question, "--fresh")
    assert _same_advice(theirs, ours), (theirs["recommendation"], ours["recommendation"])


def _swept_by_itself(folder: Path, *question: str) -> dict[str, Any]:
    args = [*question, "--threads", "1", "--format", "json", "--quiet"]
    return document(bsx("sweep", *args, cwd=folder))


def _same_advice(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether each recommends a size that the other cannot tell from its own."""
    advice = [found["recommendation"] for found in (one, other)]
    choices = [{a["batch_size"], *a["indifferent"]} for a in advice]
    return advice[0]["batch_size"] in choices[1] and advice[1]["batch_size"] in choices[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "library", "options"),
    [
        # A file may come to be read in one go: then no time of a step is known.
        (
            "lightning_digits.py",
            "lightning",
            ["--metrics-from", "csv:logs/digits/metrics.csv", "--objective", "steps"],
        ),
        ("transformers_digits.py", "transformers", []),
        ("flax_digits.py", "flax", []),
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
    assert found["recommendation"]["batch_size"] in (32, 256)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_every_example_says_at_its_top_how_it_is_swept(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    compile(source, file.name, "exec")
    assert "bsx sweep --train-samples" in source
    assert f"python {file.name} --batch-size {{batch_size}}" in source
