"""``bsx sweep --more-seeds``: a stored sweep goes on with more seeds than it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bsx.schema import BatchSizes, Group, LearningRates, Report, RunRecord
from bsx.store import Store
from bsx.tuning import first_rates
from tests import fakes
from tests.fakes import Truth, config, facts, run_sweep
from tests.faults.processes import bsx
from tests.here import QUICK, Shell, document, here

__all__ = ["here"]  # a fixture

SMALL = ["--batch-sizes", "16,64", "--learning-rate", "0.03,0.1", "--seeds", "2", "--steps", "30",
         "--threads", "1"]  # fmt: skip


def seeds_of(found: dict[str, Any]) -> list[int]:
    return [row["seeds"] for row in found["batch_sizes"]]


@pytest.mark.slow
def test_more_seeds_train_the_new_ones_alone_and_the_rest_stays_as_it_was(tmp_path: Path) -> None:
    """Real processes, as a shell would drive them."""
    first = document(bsx("sweep", *SMALL, "--format", "json", cwd=tmp_path))
    with Store(tmp_path / "bsx-runs") as store:
        before = {run.run_id: run.curve for run in store.runs(first["sweep_id"])}
    result = bsx("sweep", "--more-seeds", "2", "--format", "json", cwd=tmp_path)
    assert "8 runs to train" in result.stderr
    found = document(result)
    assert seeds_of(first) == [2, 2] and seeds_of(found) == [4, 4]
    assert found["config"]["seeds"] == 4
    with Store(tmp_path / "bsx-runs") as store:
        after = {run.run_id: run.curve for run in store.runs(found["sweep_id"])}
        units = store.attempts()
    assert len(after) == 16 and before.items() <= after.items()
    assert len({unit for unit, _ in units}) == len(units)  # nothing was begun a second time
    shown = document(bsx("show", "--format", "json", cwd=tmp_path))
    assert shown["sweep_id"] == found["sweep_id"]


@pytest.fixture
def twice(here: Shell) -> Shell:
    """A folder with a sweep, and then another of other batch sizes."""
    here.swept("--name", "first")
    here.swept("--name", "second", "--batch-sizes", "6")
    return here


def went_on(shell: Shell, *args: str) -> dict[str, Any]:
    code, out, err = shell.bsx("sweep", "--more-seeds", "1", *args, "--format", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_without_anything_else_the_newest_sweep_goes_on(twice: Shell) -> None:
    found = went_on(twice)
    assert (found["name"], seeds_of(found)) == ("second", [3])


def test_a_stored_sweep_may_be_named_or_told_by_its_flags(twice: Shell) -> None:
    named = went_on(twice, "first")
    assert (named["name"], seeds_of(named)) == ("first", [3, 3])
    told = went_on(twice, *[arg for arg in QUICK if arg not in ("--seeds", "2")])
    assert seeds_of(told) == [4, 4]  # as many as are stored now, and one


def test_a_file_tells_which_sweep_goes_on(here: Shell) -> None:
    Path("mine.toml").write_text(
        'batch_sizes = [6]\nsteps = 4\nseeds = 2\nlearning_rate = 0.01\nexecutor = "inline"\n'
    )
    assert here.bsx("sweep", "mine.toml", "--threads", "1")[0] == 0
    here.swept()
    assert seeds_of(went_on(here, "mine.toml")) == [3]


def test_how_it_is_read_may_change_on_the_way(twice: Shell) -> None:
    found = went_on(twice, "--target", "accuracy=0.05", "--tolerance", "0.1", "--threads", "1")
    assert (found["name"], seeds_of(found)) == ("second", [3])
    assert [t["threshold"] for t in found["targets"]] == [0.05]
    assert found["config"]["tolerance"] == 0.1


def test_a_dry_run_says_what_would_be_trained(twice: Shell) -> None:
    code, out, _ = twice.bsx("sweep", "--more-seeds", "3", "--dry-run", "--format", "json")
    assert code == 0
    assert json.loads(out)["runs"] == 3


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--more-seeds", "0"], "--more-seeds"),
        (["--more-seeds", "some"], "--more-seeds"),
        (["--more-seeds", "1", "--seeds", "9"], "give one of the two"),
        (["--more-seeds", "1", "--fresh"], "give one of the two"),
        (["--more-seeds", "1", "--batch-sizes", "7"], "no sweep with these options is stored"),
        (["--more-seeds", "1", "third"], "there is no such sweep"),
        (["--more-seeds", "1", "none.toml"], "cannot read none.toml"),
    ],
)
def test_what_cannot_go_on_is_refused_in_one_line(twice: Shell, args: list[str], says: str) -> None:
    code, out, err = twice.bsx("sweep", *args)
    assert (code in (2, 3), out) == (True, "")
    assert says in err
    assert err.count("\n") == 1


def test_without_a_store_there_is_nothing_to_go_on_from(here: Shell) -> None:
    code, _, err = here.bsx("sweep", "--more-seeds", "2")
    assert code == 3
    assert "there is no store" in err


MODEL = """
from torch import nn

def net(input_shape, output_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, {width}), nn.ReLU(), nn.Linear({width}, 10))
"""


def test_seeds_are_not_added_to_those_of_another_model(here: Shell) -> None:
    Path("net.py").write_text(MODEL.format(width=4))
    here.swept("--model", "net.py:net")
    Path("net.py").write_text(MODEL.format(width=5))
    code, _, err = here.bsx("sweep", "--more-seeds", "2")
    assert code == 2
    assert "net.py:net has changed since sweep" in err


def test_seeds_are_not_added_to_those_of_other_data(here: Shell) -> None:
    rows = [f"{n % 7},{n % 3},{'ab'[n % 2]}" for n in range(60)]
    Path("d.csv").write_text("\n".join(["x,y,label", *rows]))
    here.swept("--dataset", "csv:d.csv")
    Path("d.csv").write_text("\n".join(["x,y,label", *rows[::-1], "9,9,a"]))
    code, _, err = here.bsx("sweep", "--more-seeds", "2")
    assert code == 2
    assert "the data are not what they were" in err


def test_each_arm_goes_on(here: Shell) -> None:
    vary = ["--vary", "model.norm=none,batch"]
    code, _, err = here.bsx("sweep", *QUICK, *vary)
    assert code == 0, err
    given = [arg for arg in QUICK if arg not in ("--seeds", "2")]
    code, out, err = here.bsx("sweep", *given, *vary, "--more-seeds", "1", "--format", "json")
    assert code == 0, err
    assert [seeds_of(arm) for arm in json.loads(out)["arms"]] == [[3, 3], [3, 3]]


TRAINED: list[tuple[int, float, int]] = []


def train(group: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Train as the fake does, and note which runs, those of the calibration aside."""
    runs = [(group.recipe.batch_size, rate, seed) for rate, seed in group.members]
    TRAINED.extend(runs if len(runs) > 1 else [])
    yield from fakes.train(group, report)


def test_rates_of_later_rounds_that_are_stored_are_not_trained_again(tmp_path: Path) -> None:
    """The grid was widened for the first seeds, and is again: only the new one trains there."""
    truth = Truth(rate=2.0**6, noise=0.01)
    asked = config(truth, seeds=3, batch_sizes=BatchSizes((16, 64)), learning_rates=LearningRates())
    known = facts(trainer="tests.test_more_seeds:train")
    TRAINED.clear()
    run_sweep(tmp_path, asked, known)
    first = set(TRAINED)
    assert {rate for _, rate, _ in first} > set(first_rates(asked, (16,))[16])
    TRAINED.clear()
    run_sweep(tmp_path, replace(asked, seeds=4), known)
    assert {seed for _, _, seed in TRAINED} == {3}
    assert {(size, rate) for size, rate, _ in TRAINED} == {(size, rate) for size, rate, _ in first}
    assert len(TRAINED) == len(set(TRAINED)) == len(first) // 3


@pytest.fixture
def varied(here: Shell) -> Shell:
    """A folder with two arms under one name, and a later sweep of another."""
    code, _, err = here.bsx("sweep", *QUICK, "--vary", "model.norm=none,batch", "--name", "va")
    assert code == 0, err
    return here


def test_a_name_that_arms_share_means_all_of_them(varied: Shell) -> None:
    varied.swept("--name", "later", "--batch-sizes", "6")
    found = went_on(varied, "va")
    assert [arm["arm"] for arm in found["arms"]] == ["model.norm=none", "model.norm=batch"]
    assert [seeds_of(arm) for arm in found["arms"]] == [[3, 3], [3, 3]]
    again = went_on(varied)  # the newest is one of them
    assert [seeds_of(arm) for arm in again["arms"]] == [[4, 4], [4, 4]]


def test_the_id_of_an_arm_means_that_one_and_the_name_still_both(varied: Shell) -> None:
    _, out, _ = varied.bsx("list", "sweeps", "--format", "json")
    first = json.loads(out)[0]["sweep_id"]
    alone = went_on(varied, first)
    assert seeds_of(alone) == [3, 3] and alone["config"]["model"]["args"] == {"norm": "none"}
    found = went_on(varied, "va")
    assert [arm["arm"] for arm in found["arms"]] == ["model.norm=none", "model.norm=batch"]
    assert [seeds_of(arm) for arm in found["arms"]] == [[4, 4], [3, 3]]


def test_where_a_name_stands_for_several_arms_it_is_said_which_is_shown(varied: Shell) -> None:
    for args in (["va"], []):
        code, _, err = varied.bsx("show", *args, "--get", "status")
        assert code == 0
        assert "of 2 arms of --vary; this is model.norm=batch, and an id names another" in err
        assert "model.norm=none (" in err
    identity = err.rpartition("(")[2].rstrip(")\n")
    assert varied.bsx("show", identity, "--get", "status")[2] == ""
    assert "this is model.norm=batch" in varied.bsx("compare", identity, "va")[2]
    assert "arms" not in varied.bsx("show", "va", "--quiet")[2]
    assert "this is model.norm=batch" in varied.bsx("export", "va", "--to", "csv")[2]
    code, out, err = varied.bsx("compare", "va")
    assert (code, err) == (0, "") and "model.norm=batch (second) against model.norm=none" in out
    _, out, err = varied.bsx("show", "va", "--format", "json")
    assert json.loads(out)["arm"] == "model.norm=batch"
