"""From a dataset's name to samples: read, checked, divided, standardized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bsx.data import Dataset, Splits, open_dataset
from bsx.errors import BsxError, ConfigError, DataError

BUILT_IN = {
    "digits": (1797, (1, 8, 8), 10),
    "breast-cancer": (569, (30,), 2),
    "wine": (178, (13,), 3),
    "iris": (150, (4,), 3),
    "blobs": (2000, (16,), 10),
}


def opened(name: str, **changes: Any) -> Splits:
    """Open a dataset with the usual split."""
    given: dict[str, Any] = {"validation": 0.1, "test": 0.1, "seed": 0, **changes}
    return open_dataset(name, given.pop("args", {}), **given)


def sizes(splits: Splits) -> tuple[int, int, int]:
    """Return how many samples the parts hold."""
    return len(splits.train), len(splits.validation), len(splits.test)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_datasets_have_the_shape_they_are_known_for(name: str) -> None:
    samples, shape, classes = BUILT_IN[name]
    splits = opened(name)
    assert sum(sizes(splits)) == samples
    assert splits.input_shape == shape
    assert splits.classes == splits.output_size == classes
    for part in (splits.train, splits.validation, splits.test):
        assert part.inputs.dtype == torch.float32
        assert torch.isfinite(part.inputs).all()
        assert part.targets.dtype == torch.int64
        assert set(part.targets.tolist()) <= set(range(classes))


def test_digits_are_divided_as_documented() -> None:
    assert sizes(opened("digits")) == (1437, 180, 180)


def test_parts_are_stratified_and_share_no_sample() -> None:
    splits = opened("digits", validation=0.2, test=0.1)
    total = torch.cat([splits.train.targets, splits.validation.targets, splits.test.targets])
    shares = torch.bincount(total) / len(total)
    for part in (splits.validation, splits.test):
        there = torch.bincount(part.targets, minlength=10)
        assert torch.all((there - shares * len(part)).abs() <= 1.0)
    everything = torch.cat([splits.train.inputs, splits.validation.inputs, splits.test.inputs])
    assert len(torch.unique(everything, dim=0)) == 1797


def test_the_split_follows_its_seed_alone() -> None:
    one, same, other = opened("wine"), opened("wine"), opened("wine", seed=1)
    assert torch.equal(one.train.inputs, same.train.inputs)
    assert not torch.equal(one.train.targets, other.train.targets)


def test_inputs_are_standardized_by_the_training_part_alone() -> None:
    splits = opened("wine")
    torch.testing.assert_close(splits.train.inputs.mean(dim=0), torch.zeros(13), atol=1e-4, rtol=0)
    spread = splits.train.inputs.std(dim=0, correction=0)
    torch.testing.assert_close(spread, torch.ones(13), atol=1e-3, rtol=0)
    assert splits.test.inputs.mean(dim=0).abs().max() > 0.05


def test_images_are_standardized_by_channel_so_that_pixels_keep_their_order() -> None:
    train = opened("digits").train.inputs
    assert abs(float(train.mean())) < 1e-4
    assert abs(float(train.std(correction=0)) - 1) < 1e-3
    assert float(train[:, 0, 0, 0].std()) < 0.1  # a corner that is nearly always empty


def test_a_feature_that_never_varies_is_left_without_a_division_by_zero() -> None:
    splits = opened("tests.test_data:constant_feature")
    assert torch.all(splits.train.inputs[:, 1] == 0)


def constant_feature() -> tuple[torch.Tensor, torch.Tensor]:
    """Data of which one feature is always 3."""
    values = torch.arange(60, dtype=torch.float32)
    return torch.stack([values, torch.full((60,), 3.0)], dim=1), torch.arange(60) % 2


def with_official_parts() -> Dataset:
    """A dataset that brings a test part of its own, and wants no scaling."""
    inputs = torch.arange(60, dtype=torch.float32).unsqueeze(1)
    parts = {"train": torch.arange(50), "test": torch.arange(50, 60)}
    return Dataset(inputs, torch.arange(60) % 2, parts=parts, standardize=False)


def test_official_parts_stay_as_they_are() -> None:
    splits = opened("tests.test_data:with_official_parts")
    assert splits.test.inputs[:, 0].tolist() == list(range(50, 60))
    assert sizes(splits) == (44, 6, 10)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("arrays", (4,)), ("tensors", (1, 4, 4)), ("Pairs", (2,)), ("READY", (1, 4, 4))],
)
def test_what_a_user_names_may_give_arrays_tensors_or_a_torch_dataset(
    name: str, shape: tuple[int, ...]
) -> None:
    here = Path(__file__).with_name("user_code.py")
    for place in ("tests.user_code", str(here)):
        splits = opened(f"{place}:{name}")
        assert splits.input_shape == shape
        assert splits.classes == 3
        assert sizes(splits) == (48, 6, 6)


def test_arguments_reach_the_users_function() -> None:
    assert sum(sizes(opened("tests.user_code:arrays", args={"samples": 90}))) == 90
    assert opened("blobs", args={"classes": 4}).classes == 4


def test_arguments_may_hold_lists_and_tables() -> None:
    args = {"sizes": [[1, 2], [3]], "more": {"a": [1]}}
    assert opened("tests.test_data:takes_anything", args=args).classes == 2


def takes_anything(**_given: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Data that does not mind its arguments."""
    return constant_feature()


def test_the_fingerprint_follows_the_data_and_its_division() -> None:
    found = [
        opened("blobs"),
        opened("blobs", args={"seed": 1}),
        opened("blobs", args={"spread": 1.001}),
        opened("blobs", seed=1),
        opened("blobs", validation=0.2),
    ]
    assert len({splits.fingerprint for splits in found}) == len(found)
    assert opened("blobs").fingerprint == found[0].fingerprint


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nan", "inputs of sample 7 are not finite"),
        ("one class", "all samples are of one class"),
        ("lengths", "60 inputs but 50 targets"),
        ("rare", "the rarest class, number 1, has 1 sample, which cannot be in"),
        ("few", "has 2 samples"),
        ("flat", "inputs have shape"),
        ("regression", 'return {"x": inputs, "y": targets, "task": "regression"}'),
        ("several", "targets have shape (60, 2)"),
        ("text", "the inputs are no numbers"),
        ("nothing", "gave NoneType"),
        ("raises", "fails when it is made: RuntimeError: no connection"),
    ],
)
def test_data_that_cannot_be_used_is_refused_with_the_reason(kind: str, said: str) -> None:
    with pytest.raises(DataError) as refused:
        opened("tests.user_code:broken", args={"kind": kind})
    assert said in str(refused.value)
    assert "--dataset tests.user_code:broken" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_hot_targets_are_classes() -> None:
    splits = opened("tests.user_code:broken", args={"kind": "one-hot"})
    assert (splits.task, splits.classes) == ("classification", 3)


def test_data_in_which_a_part_stays_empty_is_refused() -> None:
    with pytest.raises(DataError, match="part"):
        opened("tests.user_code:arrays", args={"samples": 6})


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("digit", {}, "did you mean digits"),
        ("blobs", {"classses": 3}, "it takes samples, classes"),
        ("blobs", {"classes": 1}, "at least 2"),
        ("blobs", {"spread": -1}, "above 0"),
        ("blobs", {"spread": "wide"}, "spread"),
        ("digits", {"x": 1}, "digits"),
        ("tests.user_code:READY", {"x": 1}, "takes no arguments"),
        ("tests.user_code:broken", {}, "kind"),
        ("tests.user_code:arays", {}, "did you mean arrays"),
    ],
)
def test_arguments_and_names_that_cannot_be_meant_are_refused(
    name: str, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(BsxError) as refused:
        opened(name, args=args)
    assert isinstance(refused.value, ConfigError)
    assert said in str(refused.value)
