"""The arithmetic by itself: worked examples, exactness, coverage against exact oracles."""

from __future__ import annotations

from fractions import Fraction
from math import comb, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsx.arithmetic import (
    Layout,
    last_batch,
    parse_batch_sizes,
    parse_count,
    powers_of_two,
    steps_per_epoch,
    walk_epoch,
)
from bsx.arithmetic.coverage import (
    balanced_classes,
    batch_size_for_coverage,
    class_sizes,
    coverage,
)
from bsx.arithmetic.question import Question
from bsx.arithmetic.solve import Span, first_where, solve
from bsx.arithmetic.windows import window_samples
from bsx.errors import ConfigError

counts = st.integers(1, 10**18)


# --- steps ------------------------------------------------------------------------------------


def test_last_partial_batch_counts_as_a_step() -> None:
    assert steps_per_epoch(10, 3) == 4
    assert last_batch(10, 3) == 1


def test_dropped_tail_is_no_step() -> None:
    assert steps_per_epoch(10, 3, "drop") == 3
    assert last_batch(10, 3, "drop") == 3


def test_merged_tail_makes_the_batch_before_it_larger() -> None:
    assert steps_per_epoch(10, 3, "merge") == 3
    assert last_batch(10, 3, "merge") == 4
    assert steps_per_epoch(10, 10, "merge") == 1


def test_unknown_tail_is_refused() -> None:
    with pytest.raises(ValueError, match="tail must be one of"):
        steps_per_epoch(10, 3, "cut")


@given(counts, counts, st.sampled_from(["keep", "drop", "merge"]))
def test_steps_and_last_batch_add_up_to_the_samples(samples: int, size: int, tail: str) -> None:
    size = min(size, samples)
    used = (steps_per_epoch(samples, size, tail) - 1) * size + last_batch(samples, size, tail)
    assert used == (samples // size * size if tail == "drop" else samples)


@given(counts, st.integers(1, 64), st.integers(1, 64), st.integers(1, 10**6), st.data())
def test_every_sample_of_an_epoch_is_seen_padded_or_dropped(
    samples: int, world: int, accumulation: int, micro: int, data: st.DataObject
) -> None:
    size = world * accumulation * micro
    samples = max(samples, size)
    layout = Layout(
        world,
        accumulation,
        tail=data.draw(st.sampled_from(["keep", "drop"])),
        sampler=data.draw(st.sampled_from(["pad", "drop"])),
        last_window=data.draw(st.sampled_from(["keep", "drop"])),
    )
    epoch = walk_epoch(samples, size, layout)
    assert epoch.samples_seen == samples + epoch.padded - epoch.dropped
    assert epoch.samples_seen == (epoch.steps - 1) * size + epoch.last_batch
    assert 1 <= epoch.last_batch <= size
    assert epoch.padded < world


def test_uneven_split_and_merged_split_are_refused() -> None:
    with pytest.raises(ValueError, match="does not split evenly"):
        walk_epoch(100, 10, Layout(world_size=3))
    with pytest.raises(ValueError, match="merged tail"):
        walk_epoch(100, 10, Layout(world_size=2, tail="merge"))


# --- what was typed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("32", (32,)),
        ("8,32,128", (8, 32, 128)),
        ("128, 8,8", (8, 128)),
        ("2..1024", (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)),
        ("3..20", (4, 8, 16)),
        ("8..64:8", (8, 16, 24, 32, 40, 48, 56, 64)),
        ("1..20:8", (8, 16)),
        ("2..16,48", (2, 4, 8, 16, 48)),
        ("1e3", (1000,)),
    ],
)
def test_batch_sizes_are_read_as_numbers_lists_and_ranges(text: str, sizes: tuple[int]) -> None:
    assert parse_batch_sizes(text) == sizes


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0", "at least 1"),
        ("8,,16", "a number is missing"),
        ("8..", "a number is missing"),
        ("16..8", "runs backwards"),
        ("8...128", r"8\.\.\.128: a range has two dots; did you mean 8\.\.128\?"),
        ("4,8…64:8", r"did you mean 8\.\.64:8\?"),
        ("5..7", "no power of two"),
        ("9..15:8", "no multiple of 8"),
        ("1..1e18:1", "more than 10000 batch sizes"),
        ("8..64:0", "at least 1"),
        ("small", "not a number"),
        ("1.5", "not a fraction"),
    ],
)
def test_bad_batch_sizes_are_refused_by_name(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        parse_batch_sizes(text)
    assert str(raised.value).startswith("--batch-size")


@pytest.mark.parametrize("text", ["1200", "1_200", "1,200", "1.2e3", "1200e0", " 1200 ", "01200"])
def test_counts_may_be_written_with_separators(text: str) -> None:
    assert parse_count(text, "--samples") == 1200


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0", "at least 1"),
        ("-5", "not negative"),
        ("2.5", "not a fraction"),
        ("1.25e1", "not a fraction"),
        ("1e-3", "not a fraction"),
        ("ten", "not a number"),
        ("nan", "not a number"),
        ("inf", "not a number"),
        ("٣", "not a number"),
        ("", "a number is missing"),
        ("1,20", "one whole number"),
        ("10,20", "one whole number"),
        ("1000000000000000001", r"at most 10\^18"),
        ("1e999999999", r"at most 10\^18"),
        ("9" * 5000, r"at most 10\^18"),
    ],
)
def test_bad_counts_are_refused_by_name(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        parse_count(text, "--samples")
    assert str(raised.value).startswith("--samples")
    assert len(str(raised.value)) < 200


def test_powers_of_two_include_both_ends() -> None:
    assert powers_of_two(1, 8) == (1, 2, 4, 8)
    assert powers_of_two(9, 15) == ()


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_powers_of_two_are_those_in_the_range(low: int, high: int) -> None:
    assert powers_of_two(low, high) == tuple(2**k for k in range(21) if low <= 2**k <= high)


# --- windows ----------------------------------------------------------------------------------


def test_a_series_of_1000_with_a_window_of_10_gives_990_samples() -> None:
    assert window_samples(1000, 10) == 990


@given(st.integers(1, 80), st.integers(1, 20), st.integers(1, 20), st.integers(1, 9))
def test_windows_are_those_that_slicing_finds(n: int, window: int, horizon: int, step: int) -> None:
    found = [s for s in range(0, n, step) if s + window + horizon <= n]
    if found:
        assert window_samples(n, window, horizon, step) == len(found)
    else:
        with pytest.raises(ConfigError, match="--window"):
            window_samples(n, window, horizon, step)


# --- solving ----------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 3), st.data())
def test_the_solved_range_holds_exactly_the_batch_sizes_that_fit(
    samples: int, per_epoch: int, unit: int, data: st.DataObject
) -> None:
    layout = Layout(
        world_size=unit,
        tail=data.draw(st.sampled_from(["keep", "drop"])),
        sampler=data.draw(st.sampled_from(["pad", "drop"])),
        last_window=data.draw(st.sampled_from(["keep", "drop"])),
    )
    accumulation = data.draw(st.integers(1, 3))
    full = Layout(unit, accumulation, layout.tail, layout.sampler, layout.last_window)
    sizes = range(unit * accumulation, samples + 1, unit * accumulation)
    fitting = [size for size in sizes if walk_epoch(samples, size, full).steps == per_epoch]
    question = Question(
        samples, steps_per_epoch=per_epoch, accumulation=accumulation, layout=layout
    )
    if not fitting:
        with pytest.raises(ConfigError):
            solve(question)
        return
    found = solve(question).batch_size
    low, high = (found.low, found.high) if isinstance(found, Span) else (found, found)
    assert list(range(low, high + 1, unit * accumulation)) == fitting


@given(st.integers(1, 40), st.integers(1, 30), st.sampled_from(["keep", "drop", "merge"]))
def test_the_solved_samples_are_exactly_those_that_fit(size: int, steps: int, tail: str) -> None:
    fitting = [n for n in range(size, size * 40) if steps_per_epoch(n, size, tail) == steps]
    question = Question(batch_size=size, steps_per_epoch=steps, layout=Layout(tail=tail))
    found = solve(question).samples
    low, high = (found.low, found.high) if isinstance(found, Span) else (found, found)
    assert [low, high] == [fitting[0], fitting[-1]]


@given(counts, counts, st.integers(1, 10**9))
def test_what_was_computed_solves_back_to_what_was_asked(n: int, size: int, epochs: int) -> None:
    size = min(size, n)
    forward = solve(Question(n, size, epochs))
    total = forward.total_steps
    assert solve(Question(n, size, total_steps=total)).epochs == epochs
    for unknown in (
        Question(n, None, epochs, None, total),
        Question(None, size, epochs, None, total),
    ):
        answer = solve(unknown)
        for found, true in ((answer.batch_size, size), (answer.samples, n)):
            low, high = (found.low, found.high) if isinstance(found, Span) else (found, found)
            assert low <= true <= high


def test_first_where_finds_the_turning_point_or_one_past_the_end() -> None:
    assert first_where(lambda n: n >= 7, 1, 10) == 7
    assert first_where(lambda n: False, 1, 10) == 11


# --- coverage ---------------------------------------------------------------------------------


def exact_coverage(sizes: dict[int, int], batch_size: int) -> Fraction:
    """Sum inclusion–exclusion in integers: slow, obvious, exact."""
    samples = sum(size * number for size, number in sizes.items())
    terms = [(samples, 1)]  # samples left, signed ways to leave classes out
    for size, number in sizes.items():
        terms = [
            (left - size * j, ways * (-1) ** j * comb(number, j))
            for left, ways in terms
            for j in range(number + 1)
        ]
    hits = sum(ways * comb(left, batch_size) for left, ways in terms)
    return Fraction(hits, comb(samples, batch_size))


def chain_coverage(samples: int, classes: int, batch_size: int) -> float:
    """Follow the number of classes seen draw by draw: positive terms only, equal classes only."""
    size = samples // classes
    chances = [1.0] + [0.0] * classes
    for drawn in range(batch_size):
        for seen in range(min(drawn + 1, classes), 0, -1):
            stay = 1 - (classes - seen) * size / (samples - drawn)
            new = (classes - seen + 1) * size / (samples - drawn)
            chances[seen] = chances[seen] * stay + chances[seen - 1] * new
        chances[0] = 0.0
    return chances[classes]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.data())
def test_coverage_is_exact_for_any_class_sizes(sizes: list[int], data: st.DataObject) -> None:
    batch_size = data.draw(st.integers(1, sum(sizes)))
    exact = float(exact_coverage(class_sizes(sizes), batch_size))
    assert coverage(class_sizes(sizes), batch_size) == pytest.approx(exact, rel=1e-10, abs=1e-300)


def test_coverage_of_a_batch_of_one_sample_a_class_is_the_product_of_picks() -> None:
    expected = prod([5, 5, 5]) / comb(15, 3)
    assert coverage(balanced_classes(15, 3), 3) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("batch_size", [1200, 7000, 9000])
def test_coverage_does_not_cancel_at_1000_classes(batch_size: int) -> None:
    expected = chain_coverage(100_000, 1000, batch_size)
    assert coverage(balanced_classes(100_000, 1000), batch_size) == pytest.approx(
        expected, rel=1e-9
    )


def test_smallest_batch_size_for_coverage_is_the_smallest() -> None:
    for samples, classes in ((1000, 10), (60_000, 10), (1_000_000, 1000), (1437, 10)):
        sizes = balanced_classes(samples, classes)
        smallest = batch_size_for_coverage(sizes)
        assert smallest is not None
        assert coverage(sizes, smallest) >= 0.95 > coverage(sizes, smallest - 1)


def test_a_batch_smaller_than_the_classes_never_holds_them_all() -> None:
    assert coverage(balanced_classes(1000, 10), 9) == 0.0


def test_a_batch_that_leaves_less_than_a_class_out_holds_them_all() -> None:
    assert coverage(balanced_classes(1000, 10), 901) == 1.0
    assert coverage(balanced_classes(20, 2), 11) == 1.0
    assert coverage(balanced_classes(20, 2), 10) < 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("16-64", "write 16..64 for the powers of two from one to the other, or 16,64"),
        ("8,16 64", "part a list with commas: 16,64"),
    ],
)
def test_lists_that_are_written_otherwise_are_told_how(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_batch_sizes(text)
    assert told in str(raised.value)
