"""Ghost BatchNorm against BatchNorm applied to each chunk by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from bsx.models import GhostBatchNorm, has_batchnorm
from tests.models.families import built

IMAGES = (6, 3, 2)  # channels, height, width


def layers(size: int, *, images: bool = False) -> tuple[GhostBatchNorm, nn.Module]:
    """Return a Ghost BatchNorm and a BatchNorm of equal weights, in float64."""
    ghost = GhostBatchNorm(6, size).double()
    plain = (nn.BatchNorm2d(6) if images else nn.BatchNorm1d(6)).double()
    with torch.no_grad():
        ghost.weight.copy_(torch.rand(6) + 0.5)
        ghost.bias.copy_(torch.randn(6))
    plain.load_state_dict(ghost.state_dict())
    return ghost, plain


def batch(count: int, *, images: bool = False) -> Tensor:
    """Return a batch whose samples drift, so that chunks differ."""
    generator = torch.Generator().manual_seed(count)
    shape = IMAGES if images else (6,)
    noise = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    drift = torch.arange(count, dtype=torch.float64).view(count, *[1] * len(shape))
    return (noise + drift).requires_grad_()


def by_hand(plain: nn.Module, inputs: Tensor, sizes: list[int]) -> Tensor:
    """Apply BatchNorm to chunks of these sizes, one after another."""
    return torch.cat([plain(part) for part in inputs.split(sizes)])


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize(
    ("count", "size", "chunks"),
    [
        (12, 4, [4, 4, 4]),
        (14, 4, [4, 4, 4, 2]),
        (13, 4, [4, 4, 5]),  # a tail of one joins the chunk before it
        (5, 4, [5]),
        (9, 8, [9]),
        (7, 2, [2, 2, 3]),
        (4, 4, [4]),
        (3, 4, [3]),
    ],
)
def test_each_chunk_is_normalized_by_itself(
    count: int, size: int, chunks: list[int], images: bool
) -> None:
    ghost, plain = layers(size, images=images)
    for _ in range(3):  # running statistics build up
        inputs = batch(count, images=images)
        outputs, expected = ghost(inputs), by_hand(plain, inputs, chunks)
        torch.testing.assert_close(outputs, expected)
        for a, b in zip(
            torch.autograd.grad(outputs.pow(3).sum(), [inputs, *ghost.parameters()]),
            torch.autograd.grad(expected.pow(3).sum(), [inputs, *plain.parameters()]),
            strict=True,
        ):
            torch.testing.assert_close(a, b)
    torch.testing.assert_close(ghost.running_mean, plain.running_mean)
    torch.testing.assert_close(ghost.running_var, plain.running_var)
    inputs = batch(count, images=images)
    torch.testing.assert_close(ghost.eval()(inputs), plain.eval()(inputs))


@pytest.mark.parametrize("size", [12, 13, 100])
def test_a_chunk_as_large_as_the_batch_is_batchnorm(size: int) -> None:
    ghost, plain = layers(size)
    inputs = batch(12)
    torch.testing.assert_close(ghost(inputs), plain(inputs))
    torch.testing.assert_close(ghost.state_dict(), plain.state_dict())


def test_float32_stays_close_to_the_definition() -> None:
    ghost = GhostBatchNorm(6, 4)
    outputs = ghost(batch(12).detach().float()).view(3, 4, 6)
    torch.testing.assert_close(outputs.mean(dim=1), torch.zeros(3, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        outputs.var(dim=1, unbiased=False), torch.ones(3, 6), atol=1e-3, rtol=0
    )


def test_bfloat16_under_autocast_keeps_its_statistics_in_float32() -> None:
    ghost = GhostBatchNorm(6, 4)
    outputs = ghost(batch(12).detach().bfloat16())
    assert outputs.dtype == torch.bfloat16
    assert ghost.running_mean is not None
    assert ghost.running_mean.dtype == torch.float32
    torch.testing.assert_close(
        ghost.running_mean, layers_moved(batch(12).detach()), atol=0.05, rtol=0.01
    )


def layers_moved(inputs: Tensor) -> Tensor:
    """Return the running mean after one batch in chunks of 4."""
    mean = torch.zeros(6)
    for part in inputs.split(4):
        mean = 0.9 * mean + 0.1 * part.mean(dim=0).float()
    return mean


def test_a_batch_of_one_has_no_statistics() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        GhostBatchNorm(6, 4)(torch.randn(1, 6))
    assert GhostBatchNorm(6, 4).eval()(torch.randn(1, 6)).shape == (1, 6)


def test_memory_formats_do_not_matter() -> None:
    ghost, _ = layers(4, images=True)
    other = copy.deepcopy(ghost)
    inputs = batch(14, images=True).detach()
    torch.testing.assert_close(
        ghost(inputs), other(inputs.to(memory_format=torch.channels_last)).contiguous()
    )


@pytest.mark.parametrize(
    ("name", "shape", "args", "normalizes"),
    [
        ("mlp", (5,), {"norm": "ghost"}, True),
        ("mlp", (5,), {"norm": "layer"}, False),
        ("resnet8", (3, 8, 8), {}, True),
        ("resnet8", (3, 8, 8), {"norm": "ghost"}, True),
        ("resnet8", (3, 8, 8), {"norm": "group"}, False),
        ("vgg", (3, 8, 8), {"norm": "none"}, False),
        ("lenet5", (3, 16, 16), {}, False),
    ],
)
def test_norms_over_the_batch_are_seen_by_planning(
    name: str, shape: tuple[int, ...], args: dict[str, object], normalizes: bool
) -> None:
    assert has_batchnorm(built(name, shape, **args)) is normalizes


def test_groups_follow_the_channels() -> None:
    model = built("resnet8", (3, 8, 8), norm="group", width=6, groups=4)
    groups = [m.num_groups for m in model.modules() if isinstance(m, nn.GroupNorm)]
    assert groups == [3, 3, 3, 4, 4, 4, 4]  # 6, 12 and 24 channels
