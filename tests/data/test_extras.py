"""Data by way of other libraries: converted, or refused in one line."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch

from bsx.data import open_dataset
from bsx.data.extras import hf, openml, sklearn, torchvision
from bsx.errors import EXIT_UNUSABLE, BsxError, ConfigError, DataError


def absent(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make a package look as if it were not installed."""
    for module in [m for m in sys.modules if m.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.datasets", None)


@pytest.mark.parametrize(
    ("reader", "source", "package"),
    [(hf, "mnist", "datasets"), (torchvision, "MNIST", "torchvision")],
)
def test_a_package_that_is_not_installed_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, reader: Callable[[str], Any], source: str, package: str
) -> None:
    absent(monkeypatch, package)
    with pytest.raises(DataError) as refused:
        reader(source)
    assert f"pip install {package}" in str(refused.value)
    assert refused.value.exit_code == EXIT_UNUSABLE
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "shape", "task"),
    [
        ("load_wine", (13,), "classification"),
        ("load_digits", (1, 8, 8), "classification"),
        ("load_diabetes", (10,), "regression"),
        ("make_moons", (2,), "classification"),
        ("make_friedman1", (10,), "regression"),
    ],
)
def test_functions_of_scikit_learn_give_data(
    source: str, shape: tuple[int, ...], task: str
) -> None:
    splits = open_dataset(f"sklearn:{source}", {}, validation=0.2, test=0.2, seed=0)
    assert splits.input_shape == shape
    assert splits.task == task


def test_arguments_reach_scikit_learn() -> None:
    made = sklearn("make_classification", n_samples=77, n_features=9, random_state=0)
    assert made.inputs.shape == (77, 9)


@pytest.mark.parametrize("source", ["load_whine", "clear_data_home", "os"])
def test_what_scikit_learn_does_not_have_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="no such function"):
        sklearn(source)


def test_a_wrong_argument_of_scikit_learn_is_refused_in_one_line() -> None:
    with pytest.raises(BsxError) as refused:
        sklearn("make_moons", sides=3)
    assert "\n" not in str(refused.value)
    assert "sides" in str(refused.value)


def _offline(*_args: Any, **_options: Any) -> Any:
    raise URLError("Name or service not known\nand more")


def test_openml_offline_fails_in_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sklearn.datasets.fetch_openml", _offline)
    with pytest.raises(DataError, match=r"openml:letter: URLError.*network.*csv:FILE") as refused:
        openml("letter")
    assert refused.value.exit_code == EXIT_UNUSABLE
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("targets", "task"),
    [(np.array(["a", "b"] * 10, dtype=object), "classification"), (np.arange(20.0), "regression")],
)
def test_openml_tables_become_numbers_with_a_column_for_each_category(
    monkeypatch: pytest.MonkeyPatch, targets: np.ndarray, task: str
) -> None:
    asked: dict[str, Any] = {}

    def fetched(**options: Any) -> dict[str, Any]:
        asked.update(options)
        return {
            "data": np.stack([np.arange(20.0), np.arange(20) % 3], axis=1),
            "target": targets,
            "feature_names": ["size", "colour"],
            "categories": {"colour": ["r", "g", "b"]},
        }

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetched)
    made = openml("40")
    assert asked["data_id"] == 40
    assert made.task == task
    assert made.inputs[4].tolist() == [4, 0, 1, 0]


class _FakeImages:
    def __init__(self, root: str, train: bool = True, download: bool = False) -> None:
        if root == "nowhere":
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        count = 20 if train else 8
        self.data = np.zeros((count, 6, 5, 3), dtype=np.uint8)
        self.targets = [i % 4 for i in range(count)]


@pytest.fixture
def fake_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torchvision that has one dataset."""
    package, inner = types.ModuleType("torchvision"), types.ModuleType("torchvision.datasets")
    inner.Fake = _FakeImages  # type: ignore[attr-defined]
    package.datasets = inner  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", inner)


@pytest.mark.usefixtures("fake_torchvision")
def test_torchvision_gives_channels_first_and_its_official_test_part() -> None:
    made = torchvision("Fake")
    assert made.inputs.shape == (28, 3, 6, 5)
    assert made.inputs.dtype == torch.uint8
    assert made.parts is not None
    assert made.parts["test"].tolist() == list(range(20, 28))


@pytest.mark.usefixtures("fake_torchvision")
def test_torchvision_data_that_are_not_there_are_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match=r"torchvision:Fake: RuntimeError.*download=true"):
        torchvision("Fake", root="nowhere")
    with pytest.raises(ConfigError, match="has no such dataset"):
        torchvision("Fale")


class _Table:
    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._columns = columns
        self.column_names = list(columns)

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, str):
            return self._columns[key]
        return {name: values[key] for name, values in self._columns.items()}


@pytest.fixture
def fake_hf(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A Hugging Face library whose answers the test gives; what was asked is kept."""
    state: dict[str, Any] = {"asked": None, "answer": {}}

    def load_dataset(*names: str, **options: Any) -> Any:
        state["asked"] = (names, options)
        if isinstance(state["answer"], Exception):
            raise state["answer"]
        return state["answer"]

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return state


def table(rows: int = 12) -> _Table:
    """A table with numbers, text and a label."""
    return _Table(
        {
            "a": list(range(rows)),
            "b": [0.5] * rows,
            "name": ["x"] * rows,
            "label": [i % 3 for i in range(rows)],
        }
    )


def test_hugging_face_tables_give_their_numbers_and_parts(fake_hf: dict[str, Any]) -> None:
    secret = _Table({"a": [1, 2], "b": [1.0, 2.0], "name": ["x", "y"], "label": [-1, -1]})
    fake_hf["answer"] = {"train": table(), "validation": table(6), "test": secret}
    made = hf("some/table")
    assert made.inputs.shape == (18, 2)
    assert made.task == "classification"
    assert made.parts is not None
    assert sorted(made.parts) == ["train", "validation"]  # the test labels are kept secret


def test_hugging_face_columns_may_be_chosen(fake_hf: dict[str, Any]) -> None:
    fake_hf["answer"] = {"train": table()}
    made = hf("some/table", inputs="a", target="b", task="regression")
    assert made.inputs.shape == (12, 1)
    assert made.task == "regression"
    with pytest.raises(ConfigError, match="target= one of a, b, name, label"):
        hf("some/table", target="z")
    with pytest.raises(ConfigError, match="there is no column z"):
        hf("some/table", inputs=["a", "z"])
    with pytest.raises(ConfigError, match="column name is text"):
        hf("some/table", inputs="name")


def test_local_files_are_read_by_their_kind(fake_hf: dict[str, Any], tmp_path: Path) -> None:
    fake_hf["answer"] = {"train": table()}
    file = tmp_path / "t.parquet"
    file.touch()
    hf(str(file))
    assert fake_hf["asked"] == (("parquet",), {"data_files": str(file)})
    other = tmp_path / "t.doc"
    other.touch()
    with pytest.raises(ConfigError, match=r"\.parquet"):
        hf(str(other))


def test_hugging_face_offline_fails_in_one_line(fake_hf: dict[str, Any]) -> None:
    fake_hf["answer"] = ConnectionError("Couldn't reach the Hub\n(tried 5 times)")
    with pytest.raises(DataError, match=r"hf:mnist: ConnectionError.*local copy") as refused:
        hf("mnist")
    assert refused.value.exit_code == EXIT_UNUSABLE
    assert "\n" not in str(refused.value)


def test_a_dataset_without_a_training_part_is_refused(fake_hf: dict[str, Any]) -> None:
    fake_hf["answer"] = {"everything": table()}
    with pytest.raises(DataError, match="no part called train, but everything"):
        hf("some/table")
