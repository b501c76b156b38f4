"""Models of other libraries: the data's numbers under other names, outputs that are objects."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from bsx.errors import ConfigError
from bsx.models import build_model, can_stack
from bsx.schema import Ingredient, Initialization, RunStatus
from tests.models.foreign import Classifier
from tests.train_setup import group, recipe, trained

HERE = "tests.models.foreign"


def built(name: str, shape: tuple[int, ...], **args: Any) -> nn.Module:
    """Build a model for 3 classes."""
    return build_model(f"{HERE}:{name}", args, input_shape=shape, output_size=3, seed=0)


def test_an_argument_takes_the_datas_numbers_by_name() -> None:
    model = built("Classifier", (2, 8, 8), num_classes="{output_size}", in_chans="{channels}")
    assert isinstance(model, Classifier)
    assert model.classifier.out_features == 3
    assert model.convolution.in_channels == 2


def test_a_name_within_a_text_stays_a_text() -> None:
    model = built("Classifier", (2, 8, 8), title="net-{channels}x{output_size}-{Other}")
    assert model.title == "net-2x3-{Other}"


def test_names_stand_in_lists_too() -> None:
    model = built("perceptron", (6, 2), sizes=("{input_size}", 5, "{output_size}"))
    assert model(torch.randn(4, 6, 2)).shape == (4, 3)


@pytest.mark.parametrize(("shape", "channels"), [((6,), 1), ((6, 2), 2), ((5, 8, 8), 5)])
def test_channels_follow_the_kind_of_sample(shape: tuple[int, ...], channels: int) -> None:
    assert built("Classifier", shape, title="{channels}").title == channels


def test_a_factory_that_takes_anything_is_given_what_the_user_gave_alone() -> None:
    model = built(
        "Pretrained.from_config", (1, 8, 8), num_labels="{output_size}", channels="{channels}"
    )
    assert model(torch.randn(4, 1, 8, 8)).shape == (4, 3)


@pytest.mark.parametrize("place", ["{context}", "{classes}"])
def test_a_number_that_the_data_have_not_is_refused_with_those_they_have(place: str) -> None:
    with pytest.raises(ConfigError) as refused:
        built("Classifier", (1, 8, 8), num_classes=place)
    said = str(refused.value)
    assert f"--model-arg num_classes={place}" in said
    assert "there are {output_size}, {input_size}, {channels}" in said


def test_the_sizes_that_a_model_wants_are_asked_for_with_their_names() -> None:
    with pytest.raises(ConfigError, match=r"--model-arg sizes=VALUE .*\{output_size\}"):
        built("perceptron", (6,))


def test_outputs_that_are_objects_give_their_logits() -> None:
    model = built("Classifier", (3, 8, 8), num_classes=3)
    inputs = torch.randn(4, 3, 8, 8)
    assert model(inputs).shape == (4, 3)
    assert next(iter(model.state_dict())) == "convolution.weight"  # names stay as they are
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(copied(inputs), model(inputs))


def test_a_chain_of_layers_stays_free_for_lanes() -> None:
    assert can_stack(built("perceptron", (6,), sizes=(6, 5, 3)), (6,))


def test_a_foreign_model_trains_and_freezes_under_its_own_names() -> None:
    args = {"num_classes": "{output_size}", "in_chans": "{channels}"}
    of = recipe(
        dataset=Ingredient("tests.models.tiny:images", {"side": 8}),
        model=Ingredient(f"{HERE}:Classifier", args),
        optimizer=Ingredient("adam"),
    )
    [record] = trained(group(of, [(0.03, 0)]))
    assert record.status is RunStatus.COMPLETED
    assert record.curve[-1].train_loss < record.curve[0].train_loss
    frozen = build_model(
        f"{HERE}:Classifier",
        args,
        input_shape=(3, 8, 8),
        output_size=3,
        seed=0,
        initialization=Initialization(freeze=("convolution.*",), scheme="zeros-last"),
    )
    assert [p.requires_grad for p in frozen.parameters()] == [False, False, True, True]
    assert not frozen(torch.randn(4, 3, 8, 8)).any()
