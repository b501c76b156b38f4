"""Whole tiny sweeps of every task: from a user's file to a recommendation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bsx.errors import ConfigError
from bsx.facts import look
from bsx.schema import Ingredient, Objective, SweepConfig
from tests import fakes
from tests.here import bsx, document
from tests.train_setup import group, recipe, trained

DATA = "tests.tasks.user_tasks"
SMALL = ["--batch-sizes", "8,32", "--seeds", "3", "--epochs", "6", "--threads", "1",
         "--learning-rate", "0.01,0.03", "--executor", "inline"]  # fmt: skip


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished sweep of a regression in it."""
    folder = tmp_path_factory.mktemp("regression")
    result = bsx("sweep", "--dataset", f"{DATA}:line", "--model", "logistic", *SMALL, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def shown(folder: Path, *args: str) -> dict[str, Any]:
    """Return the document of the newest sweep."""
    return document(bsx("show", "--format", "json", *args, cwd=folder))


def test_a_regression_is_swept_towards_a_smaller_error(regression: Path) -> None:
    found = shown(regression)
    [target] = found["targets"]
    assert (found["metric"], target["metric"], target["source"]) == ("mse", "mse", "auto")
    assert 0.05 < target["threshold"] < 2  # the noise has a variance of 0.09
    finals = {row["batch_size"]: row["final"] for row in found["batch_sizes"]}
    for final in finals.values():
        assert set(final["validation"]) == {"loss", "mse", "mae", "r2"}
        # On validation the one that the rate was chosen by is told without that optimism.
        assert final["test"]["mse"]["value"] == pytest.approx(
            final["test"]["loss"]["value"], rel=1e-6
        )
        gap = final["test"]["mse"]["value"] - final["train"]["mse"]["value"]
        assert final["generalization_gap"]["value"] == pytest.approx(gap)
    assert found["recommendation"]["batch_size"] in (8, 32)
    assert found["data"]["classes"] is None


def test_the_recommended_size_is_not_the_one_that_ends_worse(regression: Path) -> None:
    found = shown(regression)
    ends = {r["batch_size"]: r["final"]["validation"]["mse"]["value"] for r in found["batch_sizes"]}
    chosen = found["recommendation"]["batch_size"]
    best = min(ends.values())
    assert ends[chosen] <= best * 1.01


def test_a_target_of_an_error_is_reached_from_above(regression: Path) -> None:
    steps = {}
    for threshold in ("1.0", "0.3"):
        found = shown(regression, "--target", f"mse={threshold}")
        steps[threshold] = found["batch_sizes"][0]["to_target"][0]["steps"]["value"]
    assert steps["1.0"] < steps["0.3"]
    risen = shown(regression, "--target", "r2=0.5")
    assert risen["batch_sizes"][0]["to_target"][0]["steps"]["value"] is not None
    never = shown(regression, "--target", "mse=0.0001")
    assert never["batch_sizes"][0]["to_target"][0]["steps"]["value"] is None


def test_a_target_of_an_error_is_said_to_be_reached_from_above(regression: Path) -> None:
    said = bsx("show", "--target", "mse=0.3", "--target", "r2=0.5", cwd=regression).stdout
    assert "Convergence: to validation mse ≤ 0.3" in said
    assert "Trade-off: iterations against samples, to validation mse ≤ 0.3" in said
    assert "Convergence: to validation r2 ≥ 0.5" in said
    markdown = bsx("show", "--target", "mse=0.3", "--format", "markdown", cwd=regression).stdout
    assert "validation mse ≤ 0.3" in markdown


def test_an_error_is_shown_as_a_number_and_never_as_percent(regression: Path) -> None:
    table = bsx("show", cwd=regression).stdout
    assert "Quality: mse, at the end" in table
    assert "%" not in table.partition("Quality")[2].partition("Speed")[0]


SWEEPS = {
    "numbers": (["--dataset-arg", "columns=3"], "line", "logistic", "mse", 0.3),
    "labels": ([], "tags", "mlp", "f1", 0.6),
    "tokens": ([], "counting", f"{DATA}:Bigram", "perplexity", 5.5),
    "single": ([], "line", f"{DATA}:Single", "mse", 0.3),
}


@pytest.mark.parametrize("kind", SWEEPS)
def test_every_task_is_swept_to_a_recommendation(kind: str, tmp_path: Path) -> None:
    more, data, model, metric, bound = SWEEPS[kind]
    args = ["--dataset", f"{DATA}:{data}", "--model", model, *more, *SMALL]
    args[args.index("--learning-rate") + 1] = "0.03,0.1"
    found = document(bsx("sweep", *args, "--format", "json", "--quiet", cwd=tmp_path))
    assert found["metric"] == metric
    for row in found["batch_sizes"]:
        assert row["status"] in ("ok", "censored")
        value = row["final"]["validation"][metric]["value"]
        assert value > bound if metric == "f1" else value < bound
    assert found["recommendation"] is not None
    json.dumps(found, allow_nan=False)


def asked(data: str, model: str, **objective: Any) -> SweepConfig:
    """Return a configuration of these data, model and objective."""
    return fakes.config(
        dataset=Ingredient(f"{DATA}:{data}"),
        model=Ingredient(model if model in ("logistic", "mlp") else f"{DATA}:{model}"),
        objective=Objective(**objective),
    )


@pytest.mark.parametrize("objective", [Objective(), Objective(loss="huber", metric="r2")])
@pytest.mark.parametrize("columns", [1, 3])
def test_lanes_train_a_regression_as_the_loop_does(columns: int, objective: Objective) -> None:
    of = recipe(
        dataset=Ingredient(f"{DATA}:line", {"columns": columns}),
        task="regression",
        model=Ingredient("mlp", {"hidden": (8,)}),
        objective=objective,
        precision="float64",
    )
    members = [(0.01, 0), (0.03, 0), (0.01, 1)]
    side_by_side = trained(group(of, members, "lanes"))
    for lane, alone in zip(side_by_side, trained(group(of, members, "loop")), strict=True):
        for a, b in zip(lane.curve, alone.curve, strict=True):
            assert a.train_loss == pytest.approx(b.train_loss, abs=1e-9)
            assert a.metrics == pytest.approx(b.metrics, abs=1e-9)
        for part, values in lane.final.items():
            assert values == pytest.approx(alone.final[part], abs=1e-9)


@pytest.mark.parametrize("trainer", ["lanes", "loop"])
def test_the_best_error_that_is_reported_on_the_way_is_the_smallest(trainer: str) -> None:
    of = recipe(dataset=Ingredient(f"{DATA}:line"), task="regression")
    reports: list[tuple[float, float | None]] = []
    records = trained(group(of, [(0.003, 0), (0.03, 0)], trainer), reports)
    smallest = min(point.metrics["mse"] for record in records for point in record.curve)
    assert reports[-1][1] == pytest.approx(smallest)


def test_facts_name_the_metric_asked_for_first() -> None:
    facts = look(asked("line", "logistic", metric="mae"))
    assert [m.name for m in facts.metrics] == ["mae", "mse", "r2"]
    assert not facts.metric.higher_is_better
    assert facts.classes is None


def test_facts_leave_out_a_metric_that_means_nothing_on_validation() -> None:
    assert [m.name for m in look(asked("flat", "logistic")).metrics] == ["mse", "mae"]
    with pytest.raises(ConfigError, match=r"--metric r2: it means nothing.*--metric mse, mae"):
        look(asked("flat", "logistic", metric="r2"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (asked("counting", "LastToken"), r"language-modelling.*need \(4, 8, 6\)"),
        (asked("tags", "Single"), r"4 targets of a multi-label task.*need \(4, 4\)"),
        (asked("line", "LastToken"), "does not take inputs of shape"),
        (asked("line", "logistic", loss="binary"), "--loss binary: the task is regression"),
        (asked("tags", "mlp", metric="accuracy"), "--metric accuracy: the task is multi-label"),
    ],
)
def test_what_does_not_fit_the_task_is_refused_before_any_training(
    config: SweepConfig, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        look(config)


def test_a_loss_asked_for_is_what_is_minimized(tmp_path: Path) -> None:
    args = ["--dataset", f"{DATA}:line", "--model", "logistic", "--loss", "l1", *SMALL]
    found = document(bsx("sweep", *args, "--format", "json", "--quiet", cwd=tmp_path))
    final = found["batch_sizes"][0]["final"]["validation"]
    assert final["loss"]["value"] == pytest.approx(final["mae"]["value"], rel=1e-6)
    assert math.isfinite(final["mse"]["value"])
    assert found["metric"] == "mse"
