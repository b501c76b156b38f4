"""From a model's name to a module, and which modules can train as lanes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bsx.errors import ConfigError
from bsx.models import Stacked, build_model, can_stack, has_batchnorm


def built(name: str, seed: int = 0, shape: tuple[int, ...] = (1, 8, 8), **args: Any) -> nn.Module:
    """Build a model for 3 classes."""
    return build_model(name, args, input_shape=shape, output_size=3, seed=seed)


def weights(model: nn.Module) -> list[Tensor]:
    """Return all parameters."""
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("logistic", {}),
        ("mlp", {}),
        ("mlp", {"hidden": (16, 8), "activation": "gelu", "norm": "batch", "dropout": 0.1}),
        ("mlp", {"hidden": ()}),
        ("mlp", {"hidden": 5, "norm": "layer"}),
        ("cnn", {"width": 4}),
        ("tests.user_code:Branching", {"width": 4}),
        (f"{Path(__file__).with_name('user_code.py')}:Branching", {}),
    ],
)
def test_a_model_maps_a_batch_to_a_number_a_class(name: str, args: dict[str, Any]) -> None:
    model = built(name, **args)
    assert model(torch.randn(5, 1, 8, 8)).shape == (5, 3)


def test_the_default_mlp_has_one_layer_of_128() -> None:
    assert [tuple(w.shape) for w in weights(built("mlp"))] == [(128, 64), (128,), (3, 128), (3,)]


@pytest.mark.parametrize("name", ["logistic", "mlp", "cnn", "tests.user_code:Branching"])
def test_a_seed_gives_the_same_weights_whatever_was_drawn_before(name: str) -> None:
    torch.manual_seed(1)
    one = weights(built(name, seed=4))
    torch.rand(17)
    same, other = weights(built(name, seed=4)), weights(built(name, seed=5))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_building_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    built("mlp", seed=9)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("mpl", {}, "did you mean mlp"),
        ("mlp", {"hiden": 3}, "mlp takes hidden, activation, norm, dropout"),
        ("mlp", {"hidden": 0}, "give widths such as 128"),
        ("mlp", {"hidden": "wide"}, "give widths such as 128"),
        ("mlp", {"hidden": 1.5}, "give widths such as 128"),
        ("mlp", {"hidden": True}, "give widths such as 128"),
        ("mlp", {"activation": "rlu"}, "give one of relu"),
        ("mlp", {"norm": "group"}, "give one of none, batch, layer"),
        ("mlp", {"dropout": 1}, "below 1"),
        ("mlp", {"dropout": "half"}, "below 1"),
        ("logistic", {"width": 3}, "logistic takes no arguments"),
        ("cnn", {"width": 0}, "at least 1"),
        ("tests.user_code:BUILT", {}, "already built"),
        ("tests.user_code:NUMBER", {}, "no function or class"),
        ("tests.user_code:tensors", {}, "no torch.nn.Module"),
        ("tests.user_code:Branchin", {}, "did you mean Branching"),
        ("tests.test_models:needy", {}, "give --model-arg depth=VALUE"),
        ("tests.test_models:failing", {}, "ValueError: no such thing"),
        ("nowhere.at.all:Net", {}, "cannot import nowhere.at.all"),
        ("missing.py:Net", {}, "there is no file missing.py"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, args: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        built(name, **args)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def needy(depth: int) -> nn.Module:
    """A model that cannot be built without being told."""
    return nn.Linear(depth, 3)


def failing(output_size: int) -> nn.Module:
    """A model that cannot be built."""
    raise ValueError("no such thing")


def test_cnn_refuses_what_is_no_image() -> None:
    with pytest.raises(ConfigError, match="take --model mlp"):
        built("cnn", shape=(30,))


def test_batchnorm_is_seen() -> None:
    assert has_batchnorm(built("cnn"))
    assert has_batchnorm(built("mlp", norm="batch"))
    assert not has_batchnorm(built("mlp", norm="layer"))


@pytest.mark.parametrize(
    ("layers", "shape", "stacks"),
    [
        ([nn.Linear(4, 3)], (4,), True),
        ([nn.Flatten(), nn.Linear(4, 3)], (2, 2), True),
        ([nn.Dropout(0.1), nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)], (4,), True),
        ([nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5)), nn.Linear(5, 3)], (4,), True),
        ([nn.Linear(4, 5, bias=False), nn.LayerNorm(5, bias=False), nn.Linear(5, 3)], (4,), True),
        ([nn.Linear(4, 3)], (2, 4), False),  # a linear layer over the last of two axes
        ([nn.BatchNorm1d(4), nn.Linear(4, 3)], (4,), True),
        ([nn.Dropout(), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 3)], (4,), True),
        ([nn.Linear(4, 5), nn.Softmax(dim=1), nn.Linear(5, 3)], (4,), False),  # means another axis
        ([nn.Linear(4, 5), nn.BatchNorm1d(5, momentum=None), nn.Linear(5, 3)], (4,), False),
        ([nn.ReLU()], (4,), False),
    ],
)
def test_only_chains_of_known_layers_train_as_lanes(
    layers: list[nn.Module], shape: tuple[int, ...], stacks: bool
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*layers)
    assert can_stack(model, shape) is stacks
    if stacks:
        other = copy.deepcopy(model)
        inputs = torch.randn(6, *shape)
        outputs = Stacked([model, other], shape)(inputs)
        for lane in range(2):
            torch.testing.assert_close(outputs[lane], model.eval()(inputs))


def test_models_with_tied_frozen_or_hooked_layers_do_not_train_as_lanes() -> None:
    tied = nn.Linear(4, 4)
    assert not can_stack(nn.Sequential(tied, nn.ReLU(), tied), (4,))
    frozen = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    frozen[0].weight.requires_grad_(False)
    assert not can_stack(frozen, (4,))
    hooked = nn.Sequential(nn.Linear(4, 3))
    hooked[0].register_forward_hook(lambda _m, _i, out: out * 2)
    assert not can_stack(hooked, (4,))
    assert not can_stack(built("tests.user_code:Branching"), (1, 8, 8))
    assert not can_stack(built("cnn"), (1, 8, 8))


def test_a_subclass_of_a_known_layer_is_not_taken_for_it() -> None:
    class Doubling(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return 2 * super().forward(input)

    class OwnOrder(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(-input)

    assert not can_stack(nn.Sequential(Doubling(4, 3)), (4,))
    assert not can_stack(OwnOrder(nn.Linear(4, 3)), (4,))


@pytest.mark.parametrize(
    "behind", [nn.BatchNorm1d, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Identity]
)
@pytest.mark.parametrize("bias", [True, False])
def test_the_lanes_of_a_grid_are_each_their_own_model_and_stay_so_when_others_are_dropped(
    behind: type[nn.Module], bias: bool
) -> None:
    def made(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        first = nn.BatchNorm1d(5) if behind is nn.BatchNorm1d else behind()
        middle = [first, nn.Tanh(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)]
        return nn.Sequential(nn.Flatten(), nn.Linear(6, 5, bias=bias), *middle).double()

    models = [made(lane) for lane in range(6)]  # 2 streams of 3
    stacked = Stacked(models, (2, 3), width=3)
    inputs = torch.randn(2, 7, 2, 3, dtype=torch.float64)
    kept = list(range(6))
    for streams, columns in (([0, 1], [0, 1, 2]), ([0, 1], [0, 2]), ([1], [1])):
        stacked.keep(torch.tensor(streams), torch.tensor(columns))
        width = len({lane % 3 for lane in kept})
        kept = [kept[s * width + c] for s in streams for c in columns]
        outputs = stacked.forward(inputs[[lane // 3 for lane in kept[:: len(columns)]]], True)
        stacked.backward(2 * outputs)
        for position, lane in enumerate(kept):
            alone = models[lane](inputs[lane // 3])
            torch.testing.assert_close(outputs[position], alone)
            expected = torch.autograd.grad(alone.square().sum(), list(models[lane].parameters()))
            found = stacked.of_lane(stacked.gradients, position)
            torch.testing.assert_close(found, list(expected))


@pytest.mark.parametrize("name", ["Shifting", "leaky_first"])
def test_a_model_that_writes_to_its_inputs_leaves_the_data_alone(name: str) -> None:
    model = built(f"tests.user_code:{name}")
    data = torch.randn(5, 1, 8, 8)
    before = data.clone()
    assert torch.equal(model(data), model(data))
    assert torch.equal(data, before)


def test_layers_that_take_their_sizes_from_what_they_see_are_shown_a_batch() -> None:
    one, same = built("tests.user_code:lazy"), built("tests.user_code:lazy")
    assert [w.shape for w in weights(one)] == [(8, 64), (8,), (3, 8), (3,)]
    assert all(map(torch.equal, weights(one), weights(same)))
    assert one.training
    with pytest.raises(ConfigError, match=r"sizes are not known.*calls it once"):
        built("tests.user_code:Undone")
