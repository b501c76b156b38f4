"""The user's own data: what a function may give, and how it is divided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset

from bsx.data import Dataset
from bsx.data.coerce import coerced
from bsx.errors import ConfigError, DataError
from tests.data.opening import opened, refused, sizes

HERE = "tests.data.test_own"
X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = np.arange(60) % 3


class Stream(IterableDataset[tuple[np.ndarray, int]]):
    """A torch Dataset without a length."""

    def __init__(self, samples: int = 60) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[tuple[np.ndarray, int]]:
        return ((X[i % 60], i % 3) for i in range(self.samples))


def generator() -> Iterator[tuple[np.ndarray, int]]:
    """Samples one after the other."""
    yield from Stream()


def four() -> tuple[Any, ...]:
    """Arrays with those for the test."""
    return X, Y, X[:12], torch.from_numpy(Y[:12])


def table(**more: Any) -> dict[str, Any]:
    """Arrays by name."""
    return {"x_train": X, "y_train": Y, "x_test": X[:12], "y_test": Y[:12], **more}


def regression(**more: Any) -> dict[str, Any]:
    """A regression."""
    return {"x": X, "y": X.sum(axis=1), "task": "regression", **more}


def made(**fields: Any) -> Dataset:
    """A bsx Dataset."""
    given: dict[str, Any] = {"inputs": torch.from_numpy(X), "targets": torch.from_numpy(Y)}
    return Dataset(**{**given, **fields})


def tokens(samples: int = 60, size: int | None = 7) -> Dataset:
    """Token ids, to be predicted."""
    ids = torch.arange(samples * 5).reshape(samples, 5) % 7
    return Dataset(ids[:, :-1], ids[:, 1:], task="language-modelling", output_size=size)


def dividing(validation: float, test: float, seed: int = 99) -> Dataset:
    """A reader that divides by itself."""
    rows = torch.arange(60)
    ends = (60 - round(60 * (validation + test)), 60 - round(60 * test))
    parts = {"train": rows[: ends[0]], "validation": rows[ends[0] : ends[1]],
             "test": rows[ends[1] :]}  # fmt: skip
    return made(parts=parts, inputs=torch.full((60, 1), float(seed)), standardize=False)


def reading(source: str, scale: float = 1.0) -> Dataset:
    """A user's function that has a source of its own."""
    return made(inputs=torch.from_numpy(X) * scale * len(source))


@pytest.mark.parametrize("name", ["Stream", "generator"])
def test_what_has_no_length_is_collected(name: str) -> None:
    splits = opened(f"{HERE}:{name}")
    assert sizes(splits) == (48, 6, 6)
    assert splits.classes == 3


@pytest.mark.parametrize("name", ["four", "table"])
def test_arrays_for_the_test_stay_the_test(name: str) -> None:
    splits = opened(f"{HERE}:{name}")
    assert sizes(splits) == (53, 7, 12)
    assert splits.test.targets.tolist() == Y[:12].tolist()


def test_a_regression_is_said() -> None:
    splits = opened(f"{HERE}:regression")
    assert (splits.task, splits.classes, splits.output_size) == ("regression", None, 1)
    assert splits.train.targets.dtype == torch.float32


def test_token_ids_stay_whole_numbers() -> None:
    splits = opened(f"{HERE}:tokens")
    assert splits.train.inputs.dtype == splits.train.targets.dtype == torch.int64
    assert (splits.classes, splits.output_size) == (None, 7)
    assert set(splits.train.inputs.unique().tolist()) == set(range(7))
    assert "must say its output_size" in refused(f"{HERE}:tokens", size=None)


def test_a_reader_that_divides_by_itself_is_told_how() -> None:
    splits = opened(f"{HERE}:dividing", validation=0.2, test=0.3)
    assert sizes(splits) == (30, 12, 18)
    assert opened(f"{HERE}:dividing", validation=0.2, test=0.3, seed=5).train.inputs[0, 0] == 5
    with pytest.raises(ConfigError, match="--validation-fraction"):
        opened(f"{HERE}:own_fractions")


def own_fractions() -> Any:
    """Ask as ``--dataset-arg validation=0.5`` would."""
    from bsx.data import open_dataset

    return open_dataset(f"{HERE}:dividing", {"validation": 0.5}, validation=0.1, test=0.1, seed=0)


def test_a_users_function_with_a_source_says_how_to_give_it() -> None:
    said = refused(f"{HERE}:reading", ConfigError)
    assert said == f"--dataset {HERE}:reading needs a file or a name: --dataset-arg source=SOURCE"
    assert opened(f"{HERE}:reading", source="abc").input_shape == (4,)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"classes": 2}, "label 2 of sample 2 is out of range"),
        ({"targets": torch.from_numpy(Y) - 1, "classes": 3}, "label -1 of sample 0"),
        ({"targets": torch.from_numpy(Y)[:, None]}, "targets of a classification have shape"),
        ({"targets": torch.full((60,), torch.nan), "task": "regression"}, "not finite"),
        ({"targets": torch.ones(60), "task": "regression"}, "all targets are equal"),
        ({"inputs": torch.ones(())}, "single number"),
        ({"parts": {"test": torch.arange(9)}}, "parts are test"),
        ({"parts": {"train": torch.arange(50), "tst": torch.arange(9)}}, "parts are train, tst"),
        ({"parts": {"train": torch.arange(61)}}, "samples that do not exist"),
        ({"parts": {"train": torch.arange(50), "test": torch.arange(49, 60)}}, "there twice"),
        ({"parts": {"train": torch.arange(60), "test": torch.arange(0)}}, "test part is empty"),
    ],
)
def test_a_dataset_that_contradicts_itself_is_refused(fields: dict[str, Any], said: str) -> None:
    assert said in refused(f"{HERE}:made", **fields)


def test_a_subset_keeps_the_shares_of_classes_and_parts() -> None:
    digits = opened("digits", subset=300)
    assert sizes(digits) == (240, 30, 30)
    assert set(torch.bincount(digits.train.targets).tolist()) <= {23, 24, 25}
    assert sizes(opened(f"{HERE}:table", subset=36)) == (26, 4, 6)
    assert sizes(opened(f"{HERE}:regression", subset=30)) == (24, 3, 3)
    assert opened("digits").fingerprint != digits.fingerprint
    assert opened("digits", subset=300).fingerprint == digits.fingerprint
    assert opened("digits", subset=300, seed=1).fingerprint != digits.fingerprint


@pytest.mark.parametrize("subset", [0, 2, 1798])
def test_a_subset_that_cannot_be_is_refused(subset: int) -> None:
    assert "give a number from 3" in refused("digits", ConfigError, subset=subset)


def test_a_few_of_many_samples_are_spread_over_all() -> None:
    train = opened(f"{HERE}:made", parts={"train": torch.arange(60)}).train
    assert len(train.at_most(5)) == 5
    assert torch.equal(train.at_most(5).inputs, train.inputs[torch.arange(5) * len(train) // 5])
    assert train.at_most(1000) is train


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    for columns in (2, 3):
        file.write_text("\n".join(f"{i}," * columns + "xy"[i % 2] for i in range(60)))
        assert opened(f"csv:{file}").input_shape == (columns,)


def test_a_name_goes_on_with_what_it_reads() -> None:
    assert "reads nothing" in refused("digits:x", ConfigError)
    assert "did you mean idx?" in refused("idz:/data", ConfigError)
    assert "no such file" in refused("csv:file.py:attribute", ConfigError)


def test_a_data_frame_says_how_to_give_it() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "target": [0, 1]})
    with pytest.raises(DataError, match=r"data frame; give a pair \(inputs, targets\)"):
        coerced(frame, "mine")
    pair = coerced((frame[["a"]], frame["target"]), "mine")
    assert pair.inputs.shape == (2, 1)
