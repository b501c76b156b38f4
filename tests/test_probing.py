"""The order in which a probe tries sizes finds what trying every size would find."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx import parse, plan
from bsx.errors import ConfigError
from tests.stats.oracles import config, facts


def searched(fits_up_to: int, smallest: int, largest: int) -> dict[int, bool]:
    """Return the sizes that are tried, in order, where sizes up to ``fits_up_to`` fit."""
    tried: dict[int, bool] = {}
    while (size := plan.next_size(tried, smallest, largest)) is not None:
        assert size not in tried
        tried[size] = size <= fits_up_to
    return tried


@given(st.integers(0, 5000), st.integers(1, 2), st.integers(2, 4000))
def test_the_search_finds_what_trying_every_size_finds(
    fits_up_to: int, smallest: int, largest: int
) -> None:
    tried = searched(fits_up_to, smallest, largest)
    truth = [size for size in range(smallest, largest + 1) if size <= fits_up_to]
    assert max((s for s, fits in tried.items() if fits), default=None) == max(truth, default=None)
    assert min(tried) >= smallest
    assert max(tried) <= largest
    assert len(tried) <= 2 * largest.bit_length() + 1


def test_sizes_double_as_long_as_they_fit_and_end_at_the_largest() -> None:
    assert list(searched(10_000, 1, 100)) == [1, 2, 4, 8, 16, 32, 64, 100]
    assert plan.doubling(1, 100) == (1, 2, 4, 8, 16, 32, 64, 100)
    assert list(searched(11, 2, 100)) == [2, 4, 8, 16, 12, 10, 11]


def test_no_size_is_above_the_training_set_or_what_was_asked_for() -> None:
    of = dataclasses.replace(facts(), train_samples=400)
    assert plan.probe_range(of, None) == (1, 400)
    assert plan.probe_range(of, 64) == (1, 64)
    assert plan.probe_range(of, 4000) == (1, 400)


def test_batchnorm_never_sees_one_sample() -> None:
    of = dataclasses.replace(facts(), train_samples=400, has_batchnorm=True)
    assert plan.probe_range(of, None) == (2, 400)
    with pytest.raises(ConfigError, match="--max 1: BatchNorm"):
        plan.probe_range(of, 1)


def test_a_probe_trains_what_the_sweep_would_and_needs_no_budget_or_target() -> None:
    asked = dataclasses.replace(
        config(), training=dataclasses.replace(config().training, micro_batch_size=3)
    )
    recipe = plan.probe_recipe(asked, dataclasses.replace(facts(), train_samples=400), 16)
    assert (recipe.batch_size, recipe.training.micro_batch_size) == (16, 3)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 2**32),
        ("500MB", 500_000_000),
        ("1.5 GB", 1_500_000_000),
        ("2G", 2**31),
        ("512k", 2**19),
        ("1000", 1000),
        ("10 B", 10),
    ],
)
def test_amounts_of_memory_are_read_with_binary_and_decimal_units(text: str, size: int) -> None:
    assert parse.memory(text, "--max-memory") == size


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "4 XB", "1e3GiB", "nan", "9" * 30])
def test_what_is_no_amount_of_memory_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 4GiB"):
        parse.memory(text, "--max-memory")
