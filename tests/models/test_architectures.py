"""The networks are those of the papers: parameters, causality, receptive fields."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bsx.models import build_model
from tests.models.families import built


def parameters(name: str, shape: tuple[int, ...], outputs: int = 10, **args: Any) -> int:
    """Count the parameters of a model."""
    model = build_model(name, args, input_shape=shape, output_size=outputs, seed=0)
    return sum(p.numel() for p in model.parameters())


def test_lenet5_has_61706_parameters_whether_the_image_is_padded_or_large() -> None:
    assert parameters("lenet5", (1, 32, 32)) == 61_706
    assert parameters("lenet5", (1, 28, 28)) == 61_706


@pytest.mark.parametrize(
    ("name", "published", "exact"),
    [  # millions: He et al. 2016, table 6; exact: counted by hand below for ResNet-20
        ("resnet20", 0.27, 269_722),
        ("resnet32", 0.46, 464_154),
        ("resnet56", 0.85, 853_018),
    ],
)
def test_resnets_have_the_published_parameters(name: str, published: float, exact: int) -> None:
    count = parameters(name, (3, 32, 32))
    assert round(count / 1e6, 2) == published
    assert count == exact


def test_resnet20_counted_by_hand() -> None:
    convolutions = 9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
    norms = 2 * (16 + 6 * 16 + 6 * 32 + 6 * 64)
    assert parameters("resnet20", (3, 32, 32)) == convolutions + norms + 64 * 10 + 10


@pytest.mark.parametrize(
    ("depth", "convolutions"),
    [(11, 9_220_480), (13, 9_404_992), (16, 14_714_688), (19, 20_024_384)],
)
def test_vggs_have_the_convolutions_of_the_paper(depth: int, convolutions: int) -> None:
    plain = parameters("vgg", (3, 32, 32), depth=depth, norm="none")
    assert plain == convolutions + 512 * 10 + 10


def test_vgg16_with_batchnorm_has_14728266_parameters() -> None:
    assert parameters("vgg", (3, 32, 32), depth=16) == 14_728_266


def test_the_simple_cnn_has_the_layers_of_shallue_et_al() -> None:
    # 28 → 24 → 12 → 8 → 4: 4 · 4 · 64 numbers go into the linear layer.
    by_hand = (25 * 32 + 32) + (25 * 32 * 64 + 64) + (4 * 4 * 64 * 10 + 10)
    assert parameters("simple-cnn", (1, 28, 28)) == by_hand


def test_depth_repeats_a_width() -> None:
    assert parameters("mlp", (5,), hidden=8, depth=3) == parameters("mlp", (5,), hidden=(8, 8, 8))
    assert parameters("mlp", (5,), depth=0) == parameters("logistic", (5,))


def test_the_transformer_does_not_see_the_future() -> None:
    model = built("transformer", (8,), width=16, layers=2, heads=2).eval()
    ids = torch.arange(8).remainder(7).unsqueeze(0)
    changed = ids.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 7
    one, other = model(ids), model(changed)
    torch.testing.assert_close(one[:, :5], other[:, :5])
    assert not torch.allclose(one[:, 5:], other[:, 5:])


def test_an_untrained_transformer_is_near_the_uniform_guess() -> None:
    model = built("transformer", (8,)).eval()
    outputs = model(torch.arange(8).remainder(7).unsqueeze(0))
    assert outputs.abs().max() < 1


@pytest.mark.parametrize(("levels", "kernel"), [(1, 2), (2, 3), (3, 2)])
def test_the_tcn_sees_as_far_as_it_says(levels: int, kernel: int) -> None:
    sees = 1 + 2 * (kernel - 1) * (2**levels - 1)
    window = sees + 3
    model = built("tcn", (window,), levels=levels, kernel=kernel).double()
    inputs = torch.randn(1, window, dtype=torch.float64, requires_grad=True)
    model(inputs).sum().backward()
    assert inputs.grad is not None
    reached = inputs.grad[0].nonzero().flatten()
    assert reached[0] >= window - sees
    assert reached[-1] == window - 1


@pytest.mark.parametrize("name", ["tcn", "rnn", "lstm", "gru"])
def test_a_series_of_one_channel_may_leave_its_axis_out(name: str) -> None:
    one, other = built(name, (6,), seed=3), built(name, (6, 1), seed=3)
    inputs = torch.randn(4, 6)
    torch.testing.assert_close(one(inputs), other(inputs.unsqueeze(-1)))


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "tcn"])
def test_the_order_of_a_series_matters(name: str) -> None:
    model = built(name, (6, 2)).eval()
    inputs = torch.randn(4, 6, 2)
    assert not torch.allclose(model(inputs), model(inputs.flip(1)))
