"""Images varied while they are trained on."""

from __future__ import annotations

import pytest
import torch

from bsx.errors import ConfigError
from bsx.train.augment import NOISE, WAYS, Augmentation

SHAPE = (3, 16, 12)


def images(count: int = 200, *leading: int) -> torch.Tensor:
    """Return images in which every pixel is another number, none of them 0."""
    total = count * 3 * 16 * 12
    return (
        (torch.arange(total, dtype=torch.float32) + 1)
        .view(count, *SHAPE)
        .expand(*leading, count, *SHAPE)
    )


def test_a_flip_turns_about_half_of_the_images_and_leaves_the_rest() -> None:
    before = images()
    after = Augmentation(["flip"], SHAPE, [0]).one(before, 0)
    same = (after == before).flatten(1).all(dim=1)
    turned = (after == before.flip(-1)).flatten(1).all(dim=1)
    assert bool((same ^ turned).all())
    assert 70 <= int(turned.sum()) <= 130


def test_a_crop_shifts_every_channel_alike_and_fills_with_zeros() -> None:
    before = images(50)
    after = Augmentation(["crop"], SHAPE, [0]).one(before, 0)
    shifts = set()
    for old, new in zip(before, after, strict=True):
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(new, _shifted(old, down, right))
        ]
        assert len(found) == 1
        shifts.update(found)
    assert len(shifts) > 10


def _shifted(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    out = torch.zeros_like(image)
    _, height, width = image.shape
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                out[:, y, x] = image[:, y - down, x - right]
    return out


def test_noise_has_the_spread_it_says_and_may_fall_on_any_shape() -> None:
    before = torch.zeros(5000, 7)
    after = Augmentation(["noise"], (7,), [0]).one(before, 0)
    assert float(after.std()) == pytest.approx(NOISE, rel=0.03)
    assert abs(float(after.mean())) < 0.01


def test_each_step_and_each_seed_has_draws_of_its_own() -> None:
    varied = Augmentation(WAYS, SHAPE, [0, 1])
    first, later = varied(images(8, 2), 0), varied(images(8, 2), 1)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], later[0])


def test_a_run_is_varied_alike_alone_beside_others_and_taken_up_again() -> None:
    together = Augmentation(WAYS, SHAPE, [4, 9])
    for step in (0, 3, 1):
        both = together(images(8, 2), step)
        for lane, seed in enumerate((4, 9)):
            alone = Augmentation(WAYS, SHAPE, [seed]).one(images(8), step)
            assert torch.equal(both[lane], alone)


def test_the_images_and_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    before = images(4).clone()
    Augmentation(WAYS, SHAPE, [1]).one(before, 0)
    assert torch.equal(before, images(4))
    assert torch.equal(torch.rand(1), expected)


def test_the_order_in_which_ways_are_named_does_not_matter() -> None:
    one = Augmentation(["noise", "flip"], SHAPE, [0]).one(images(8), 5)
    other = Augmentation(["flip", "noise"], SHAPE, [0]).one(images(8), 5)
    assert torch.equal(one, other)


def test_without_ways_nothing_happens() -> None:
    before = images(4)
    assert Augmentation([], SHAPE, [0]).one(before, 0).equal(before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_precision_stays_as_it_is(dtype: torch.dtype) -> None:
    assert Augmentation(WAYS, SHAPE, [0]).one(images(4).to(dtype), 0).dtype == dtype


@pytest.mark.parametrize(
    ("ways", "shape", "said"),
    [
        (["spin"], SHAPE, "--augment spin: give some of flip, crop, noise"),
        (["flip"], (30,), "it is for images"),
        (["crop"], (24, 7), "it is for images"),
    ],
)
def test_ways_that_these_samples_cannot_be_varied_in_are_refused(
    ways: list[str], shape: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Augmentation(ways, shape, [0])
    assert said in str(refused.value)
