"""``--vary`` and ``bsx compare``: arms side by side."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from bsx import load
from bsx.arms import label
from bsx.config import read_arms
from bsx.errors import ConfigError
from tests.here import bsx, document

SMALL = ["--batch-sizes", "16,64", "--learning-rate", "0.03,0.1", "--seeds", "3", "--epochs", "3",
         "--threads", "1", "--executor", "inline"]  # fmt: skip


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a sweep of two arms, and its document."""
    folder = tmp_path_factory.mktemp("varied")
    arms = ["--name", "norms", "--vary", "model.norm=none,batch"]
    result = bsx("sweep", *SMALL, *arms, "--format", "json", cwd=folder)
    return folder, document(result)


def test_each_arm_is_a_sweep_of_its_own(varied: tuple[Path, dict[str, Any]]) -> None:
    _, found = varied
    assert [arm["arm"] for arm in found["arms"]] == ["model.norm=none", "model.norm=batch"]
    assert [arm["config"]["model"]["args"] for arm in found["arms"]] == [
        {"norm": "none"},
        {"norm": "batch"},
    ]
    assert len({arm["sweep_id"] for arm in found["arms"]}) == 2


def test_each_arm_but_the_last_says_how_long_it_takes_with_those_after_it(
    tmp_path: Path,
) -> None:
    arms = ("--vary", "model.hidden=[16],[32],[64]")
    told = bsx("sweep", *SMALL, "--epochs", "1", *arms, cwd=tmp_path).stderr
    first, second, last = told.split("Arm ")[1:]
    assert "With the 2 arms after it, each of them as long: about " in first
    assert "With the arm after it as long: about " in second
    assert "after it" not in last


def test_compare_gives_paired_intervals_and_its_mirror_image_the_other_way_round(
    varied: tuple[Path, dict[str, Any]],
) -> None:
    folder, found = varied
    ids = [arm["sweep_id"] for arm in found["arms"]]
    there = document(bsx("compare", *ids, "--format", "json", cwd=folder))
    back = document(bsx("compare", *reversed(ids), "--format", "json", cwd=folder))
    for one, other in zip(there["batch_sizes"], back["batch_sizes"], strict=True):
        assert one["test_difference"]["method"] == "paired t interval"
        assert one["test_difference"]["n"] == 3
        assert one["test_difference"]["value"] == pytest.approx(-other["test_difference"]["value"])
        assert one["steps_ratio"]["value"] == pytest.approx(1 / other["steps_ratio"]["value"])


def test_a_sweep_compared_with_itself_shows_no_difference(
    varied: tuple[Path, dict[str, Any]],
) -> None:
    folder, found = varied
    same = found["arms"][0]["sweep_id"]
    rows = document(bsx("compare", same, same, "--format", "json", cwd=folder))["batch_sizes"]
    assert [row["steps_ratio"]["value"] for row in rows] == [1.0, 1.0]
    assert [row["validation_difference"]["value"] for row in rows] == [0.0, 0.0]


def test_the_comparison_stands_below_the_tables(varied: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = varied
    result = bsx("sweep", *SMALL, "--vary", "model.norm=none,batch", cwd=folder, COLUMNS="80")
    assert "model.norm=batch (second) against model.norm=none (first)" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_python_loads_the_newest_arm_of_a_name_and_says_which_that_is(
    varied: tuple[Path, dict[str, Any]],
) -> None:
    folder, found = varied
    first, newest = (arm["sweep_id"] for arm in found["arms"])
    says = rf"norms has 2 arms, .* newest, model.norm=batch; .* {first[:6]} \(model.norm=none\)"
    with pytest.warns(UserWarning, match=says) as told:
        assert load("norms", store=folder / "bsx-runs").document()["sweep_id"] == newest
    assert [warning.filename for warning in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(first[:6], store=folder / "bsx-runs").document()["sweep_id"] == first


def test_rows_of_machine_formats_name_their_arm(varied: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = varied
    args = [*SMALL, "--vary", "model.norm=none,batch", "--format", "jsonl"]
    rows = [json.loads(line) for line in bsx("sweep", *args, cwd=folder).stdout.splitlines()]
    assert [(row["arm"], row["batch_size"]) for row in rows] == [
        ("model.norm=none", 16), ("model.norm=none", 64),
        ("model.norm=batch", 16), ("model.norm=batch", 64),
    ]  # fmt: skip


def test_rows_of_every_format_leave_cautions_to_stderr_unless_that_is_to_be_quiet(
    varied: tuple[Path, dict[str, Any]],
) -> None:
    folder, _ = varied
    sweep = ["sweep", "--name", "norms", *SMALL, "--vary", "model.norm=none,batch"]
    for form in ("csv", "jsonl", "markdown"):
        told = bsx(*sweep, "--format", form, cwd=folder)
        assert "caution: model.norm=none: " in told.stderr
        assert "caution" not in bsx(*sweep, "--format", form, "--quiet", cwd=folder).stderr


def test_every_combination_is_an_arm() -> None:
    arms, _ = read_arms({"vary": ("optimizer=sgd,adam", "schedule=constant,cosine")}, {}, None)
    assert [(c.optimizer.name, c.training.schedule) for _, c in arms] == [
        ("sgd", "constant"), ("sgd", "cosine"), ("adam", "constant"), ("adam", "cosine"),
    ]  # fmt: skip


def test_two_arguments_of_one_model_are_both_in_what_an_arm_is_called() -> None:
    """Though they are of one setting, and stored settings come back in another order."""
    given = ("optimizer=sgd,adam", "model.norm=none,batch", "model.depth=1,2")
    arms, _ = read_arms({"vary": given}, {}, None)
    for told, config in arms:
        stored = dataclasses.replace(config, origins=dict(sorted(config.origins.items())))
        assert label(stored) == told
    assert len({told for told, _ in arms}) == 8
    with pytest.raises(ConfigError, match="norm is given twice; give all its values in one"):
        read_arms({"vary": ("model.norm=none,batch", "model.norm=layer,ghost")}, {}, None)


@pytest.mark.parametrize(
    "given",
    [("model.hidden=[64],[256,128]",), {"model.hidden": [[64], [256, 128]]},
     {"model.hidden": ["64", "[256,128]"]}],
)  # fmt: skip
def test_a_list_in_brackets_is_one_value(given: Any) -> None:
    arms, _ = read_arms({"vary": given}, {}, None)
    assert [config.model.args["hidden"] for _, config in arms] == [64, (256, 128)]
    assert [label(config) for _, config in arms] == [told for told, _ in arms]
    assert arms[1][0].replace(" ", "") == "model.hidden=[256,128]"


@pytest.mark.parametrize(
    ("vary", "says"),
    [
        ("optimzer=sgd,adam", "did you mean optimizer"),
        ("optimizer=sgd", "two or more"),
        ("optimizer=sgd,sgd", "different"),
        ("seeds=3,5", "cannot be varied; it is the same in all arms"),
        ("lr=0.1,0.2", "did you mean learning_rate"),
        ("momentum=0,0.0", "momentum=0 and momentum=0.0 are the same"),
        ("optimizer=sgd,nope", "no such optimizer"),
    ],
)
def test_what_cannot_be_varied_is_refused(vary: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_arms({"vary": (vary,)}, {}, None)
