"""Imported curves are kept in the store, where every other command finds them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bsx.store import Store
from tests.here import Shell, here

__all__ = ["here"]

SIZES = (8, 32, 128)


def written(file: str, slower: float = 1.0, sizes: tuple[int, ...] = SIZES) -> str:
    """Write curves of a few sizes and seeds; return the file's name."""
    lines = []
    for size in sizes:
        for seed in range(3):
            needed = 40 * slower * (1 + 64 / size) * (1 + 0.04 * math.sin(size * (seed + 1)))
            for step in range(5, 600, 15):
                accuracy = 1 - 0.9 / (1 + 8 * step / needed)
                values = {"batch_size": size, "seed": seed, "step": step}
                seconds = step * (0.002 + 0.00002 * size)
                lines.append({**values, "val_accuracy": accuracy, "seconds": seconds})
    Path(file).write_text("\n".join(map(json.dumps, lines)))
    return file


def document(here: Shell, *args: str) -> dict[str, Any]:
    code, out, err = here.bsx(*args, "--format", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def sweeps() -> list[tuple[str | None, int]]:
    """Return the name of each stored sweep, and how many runs it has."""
    with Store("bsx-runs") as store:
        return [(s.config.name, store.count_runs(s.sweep_id)) for s in store.sweeps()]


@pytest.mark.parametrize("samples", [(), ("--train-samples", "1000")])
def test_what_is_shown_later_is_what_was_said_at_once(
    here: Shell, samples: tuple[str, ...]
) -> None:
    at_once = document(here, "import", written("adam.jsonl"), "--target", "accuracy=0.9", *samples)
    assert at_once["recommendation"] is not None
    assert document(here, "show", "adam") == at_once == document(here, "show")
    other = document(here, "show", "adam", "--target", "accuracy=0.8", "--objective", "samples")
    assert other["recommendation"]["objective"] == "samples"
    for part in ("--rates", "--views", "--explain"):
        code, out, err = here.bsx("show", "adam", part)
        assert code == 0 and out, err


def test_the_same_file_is_kept_once_by_whatever_name(here: Shell) -> None:
    document(here, "import", written("first.jsonl"))
    document(here, "import", "first.jsonl", "--target", "accuracy=0.8")
    Path("first.jsonl").rename("second.jsonl")
    found = document(here, "import", "second.jsonl")
    assert sweeps() == [("first", 9)]
    assert found == document(here, "show", "first")
    code, _, err = here.bsx("import", "second.jsonl", "--name", "mine")
    assert code == 0 and "Stored in bsx-runs as mine and no longer as first, for bsx show" in err
    assert "no longer" not in here.bsx("import", "second.jsonl")[2]
    assert sweeps() == [("mine", 9)]
    # told otherwise it means something else
    document(here, "import", "second.jsonl", "--train-samples", "1000")
    assert sweeps() == [("mine", 9), ("second", 9)]


def test_a_name_that_another_sweep_has_is_left_to_it(here: Shell) -> None:
    document(here, "import", written("runs.jsonl"))
    code, _, err = here.bsx("import", written("runs.jsonl", slower=1.5))
    assert code == 0 and "as the name runs is another sweep's; --name gives it one" in err
    assert sweeps() == [("runs", 9), (None, 9)]
    document(here, "import", written("it's so \t.jsonl", slower=2.0))
    assert sweeps()[-1] == (None, 9)


def test_imports_are_compared_with_one_another(here: Shell) -> None:
    code, _, err = here.bsx("import", written("adam.jsonl"))
    assert code == 0 and "Stored in bsx-runs as adam" in err
    here.bsx("import", written("sgd.jsonl", slower=1.5))
    found = document(here, "compare", "adam", "sgd", "--target", "accuracy=0.9")
    ratios = [row["steps_ratio"]["value"] for row in found["batch_sizes"]]
    assert ratios == pytest.approx([1.5] * 3, rel=0.15)
    assert found["cautions"] == []
    for form in ("table", "markdown", "csv"):
        code, out, err = here.bsx("compare", "adam", "sgd", "--format", form)
        assert code == 0 and out, err
    document(here, "import", "sgd.jsonl", "--train-samples", "1000", "--name", "counted")
    assert document(here, "compare", "adam", "counted")["cautions"] == []


def test_imports_are_compared_with_sweeps(here: Shell) -> None:
    here.swept("--name", "own", "--dataset", "blobs", "--dataset-arg", "samples=100")
    document(here, "import", written("other.jsonl", sizes=(5, 8, 32)))
    code, out, err = here.bsx("compare", "own", "other", "--target", "accuracy=0.9")
    assert code == 0 and out and "Traceback" not in err


def test_commands_that_train_say_that_curves_are_none_of_theirs(here: Shell) -> None:
    here.bsx("import", written("adam.jsonl"))
    code, _, err = here.bsx("sweep", "--more-seeds", "2")
    assert code == 2 and "the newest sweep was imported" in err
    code, _, err = here.bsx("show", "adam", "--target", "recall=0.9")
    assert code == 2 and "adam.jsonl has no such metric; it has accuracy" in err
    code, out, _ = here.bsx("list", "sweeps")
    assert code == 0 and "adam.jsonl" in out


def test_pairs_are_not_kept_and_take_no_name(here: Shell) -> None:
    Path("pairs.csv").write_text("batch_size,steps\n8,100\n16,60\n32,40\n")
    code, _, err = here.bsx("import", "pairs.csv", "--name", "mine")
    assert code == 2 and "--name has no meaning" in err
    assert here.bsx("import", "pairs.csv")[0] == 0
    assert not Path("bsx-runs").exists()


def test_a_store_that_cannot_be_is_an_error_with_its_remedy(here: Shell) -> None:
    Path("taken").write_text("")
    code, _, err = here.bsx("import", written("adam.jsonl"), "--store", "taken")
    assert code != 0 and "--store" in err and "Traceback" not in err
