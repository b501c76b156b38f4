"""A program that ignores what it is told gives itself away."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from bsx.schema import RunRecord, RunStatus
from bsx.stats.unheeded import unheeded
from tests.stats.oracles import recipe, run_record

RATES, SIZES, SEEDS = (0.1, 0.2), (8, 32, 128), (0, 1, 2)


def records(heeded: str, steps: int = 400) -> list[RunRecord]:
    """Runs whose curves depend on those of batch size (b), rate (r) and seed (s) alone."""
    found = []
    for size in SIZES:
        for rate in RATES:
            for seed in SEEDS:
                reaches = 100.0
                reaches *= 1 + 64 / size if "b" in heeded else 1
                reaches *= rate if "r" in heeded else 1
                reaches *= 1 + 0.01 * seed if "s" in heeded else 1
                what = recipe(size, steps + size)  # no two sizes are as long
                found.append(run_record(what, rate, seed, reaches))
    return found


@pytest.mark.parametrize(
    ("heeded", "said"),
    [
        ("brs", ()),
        ("br", ("seed",)),
        ("bs", ("learning_rate",)),
        ("rs", ("batch_size",)),
        ("b", ("learning_rate", "seed")),
        ("", ("batch_size", "learning_rate", "seed")),
    ],
)
def test_what_changes_no_digit_of_any_curve_is_named(heeded: str, said: tuple[str, ...]) -> None:
    assert unheeded(records(heeded), None) == said


def test_one_curve_that_differs_shows_that_it_is_heeded() -> None:
    runs = records("br")
    other = run_record(runs[-1].run.recipe, RATES[-1], SEEDS[-1], 70.0)
    assert unheeded([*runs[:-1], other], None) == ()


def test_reports_by_the_epoch_are_compared_epoch_by_epoch() -> None:
    runs = [
        replace(record, curve=[replace(p, step=p.step * 1024 // size) for p in record.curve])
        for record in records("rs")
        for size in [record.run.recipe.batch_size]
    ]
    assert unheeded(runs, None) == ("batch_size",)


def flat(record: RunRecord) -> RunRecord:
    points = [replace(p, validation_loss=math.nan, metrics={"accuracy": 0.1}) for p in record.curve]
    return replace(record, curve=points)


def short(record: RunRecord) -> RunRecord:
    return replace(record, curve=record.curve[:2])


def diverged(record: RunRecord) -> RunRecord:
    return replace(record, status=RunStatus.DIVERGED)


@pytest.mark.parametrize("changed", [flat, short, diverged])
def test_runs_that_tell_too_little_are_no_evidence_for_or_against(
    changed: Callable[[RunRecord], RunRecord],
) -> None:
    assert unheeded([changed(record) for record in records("")], None) == ()
    some = [
        changed(record) if record.run.learning_rate == RATES[0] else record
        for record in records("br")
    ]
    assert unheeded(some, None) == ("seed",)


def test_a_single_run_is_asked_nothing() -> None:
    assert unheeded(records("")[:1], None) == ()
