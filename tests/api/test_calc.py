"""bsx.calc, bsx.load and bsx.compare: what they take, and what they say of what they do not."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import bsx
from tests.here import QUICK, Shell, here

__all__ = ["here"]

SIZES = [4, 8, 16]


@pytest.mark.parametrize(
    "sizes",
    [SIZES, tuple(SIZES), np.array(SIZES), torch.tensor(SIZES), iter(SIZES), "4,8,16"],
    ids=lambda sizes: type(sizes).__name__,
)
def test_batch_sizes_of_whatever_kind_give_an_answer_each(sizes: Any) -> None:
    found = bsx.calc(samples=1024, batch_size=sizes)
    assert [one.batch_size for one in found] == SIZES


@pytest.mark.parametrize("size", [8, np.int32(8), np.array(8), torch.tensor(8)], ids=repr)
def test_one_number_of_whatever_kind_gives_one_answer(size: Any) -> None:
    assert bsx.calc(samples=1024, batch_size=size).steps_per_epoch == 128


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda: bsx.calc(),
            "samples and batch_size are missing; try: bsx.calc(samples=1024, batch_size=8)",
        ),
        (lambda: bsx.calc(samples=1024), "batch_size is missing"),
        (lambda: bsx.calc(sample=5, batch_size=8), "did you mean samples"),
        (lambda: bsx.calc(samples=5, batch_sizes=[8]), "did you mean batch_size"),
        (lambda: bsx.calc(samples=True, batch_size=8), "samples True: not a number"),
        (lambda: bsx.calc(samples=8, batch_size=True), "batch_size True: not a number"),
        (lambda: bsx.calc(samples=8, batch_size=[]), "batch_size=[]: the list is empty"),
        (lambda: bsx.calc(samples=8, batch_size=8, drop_last="no"), "drop_last='no': give True"),
        (lambda: bsx.load(5), "sweep=5: give the name of a stored sweep"),  # type: ignore[arg-type]
        (
            lambda: bsx.load("first", targets=0.95),  # type: ignore[call-arg]
            "targets is no argument of bsx.load; did you mean target?",
        ),
        (
            lambda: bsx.compare("first", 6),  # type: ignore[arg-type]
            "second=6: give the name of a stored sweep",
        ),
        (
            lambda: bsx.compare("a", "b", targets=1),  # type: ignore[call-arg]
            "targets is no argument of bsx.compare; did you mean target?",
        ),
        (lambda: bsx.sweep(dry_run=True), "`bsx sweep --dry-run` is of the command line"),  # type: ignore[call-arg]
    ],
)
def test_what_cannot_be_meant_is_told_in_words_of_python(
    ask: Callable[[], object], said: str
) -> None:
    with pytest.raises(bsx.ConfigError) as caught:
        ask()
    assert said in str(caught.value)


def test_a_result_that_was_looked_at_is_copied_and_pickled_whole(here: Shell) -> None:
    here.swept("--dataset", "wine", "--model", "logistic", *QUICK)
    found = bsx.load()
    assert list(found.batch_sizes) == [5, 8]
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), copy.copy(found)):
        assert again == found
        assert again.runs == found.runs
        assert again.batch_sizes == found.batch_sizes
