"""What a session defined is told apart by what it does, and by nothing else."""

from __future__ import annotations

import functools
import io
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bsx.api.identity import Unknowable, identity, is_installed


def defined(source: str, name: str = "make", **known: Any) -> Any:
    """Return what a cell of a notebook defines."""
    scope: dict[str, Any] = {"__name__": "__main__", "nn": nn, "torch": torch, **known}
    exec(compile(source, "<cell>", "exec"), scope)
    return scope[name]


MODEL = """
WIDTH = 8

class make(nn.Module):
    '''Words.'''
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], WIDTH)
    def forward(self, x):
        return self.layer(x)
"""


def test_the_same_code_in_another_session_is_the_same() -> None:
    assert identity(defined(MODEL)) == identity(defined("\n\n# said\n" + MODEL))


@pytest.mark.parametrize(
    ("old", "new"),
    [("WIDTH = 8", "WIDTH = 9"), ("self.layer(x)", "-self.layer(x)"), ("nn.Linear", "nn.Bilinear")],
)
def test_another_number_line_or_layer_is_another(old: str, new: str) -> None:
    assert identity(defined(MODEL)) != identity(defined(MODEL.replace(old, new)))


def test_what_a_function_calls_counts() -> None:
    calls = "def make(): return helper()"
    first, second = (defined(f"def helper(): return {n}", "helper") for n in (1, 2))
    assert identity(defined(calls, helper=first)) != identity(defined(calls, helper=second))


def test_what_is_closed_over_given_or_filled_in_counts() -> None:
    def closed(value: Any) -> Callable[[], Any]:
        return lambda: value

    assert identity(closed(1)) == identity(closed(1)) != identity(closed(2))
    assert identity(functools.partial(closed, 1)) != identity(functools.partial(closed, 2))
    assert identity(lambda a=1: a) != identity(lambda a=2: a)


def test_arrays_and_tensors_are_their_content() -> None:
    ones = np.ones(3, "float32")
    assert identity(ones) == identity(np.ones(3, "float32"))
    assert len({identity(a) for a in (ones, ones * 2, ones.astype("float64"), ones[None])}) == 4
    for kind in (torch.float32, torch.bfloat16, torch.int64):
        assert identity(torch.ones(3, dtype=kind)) == identity(torch.ones(3, dtype=kind))
        assert identity(torch.ones(3, dtype=kind)) != identity(torch.zeros(3, dtype=kind))


def test_what_goes_round_comes_to_an_end() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    assert identity(ring) == identity(ring)
    calls = "def make(n): return make(n - 1) if n else 0"
    assert identity(defined(calls)) == identity(defined(calls))


def test_the_order_in_which_a_table_was_filled_does_not_count() -> None:
    assert identity({"a": 1, "b": 2}) == identity({"b": 2, "a": 1}) != identity({"a": 2, "b": 1})
    assert identity({"one", "two", "three"}) == identity({"three", "two", "one"})


def test_a_library_is_one_wherever_its_installer_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, installed in (("venv/site-packages", True), ("debian/dist-packages", True),
                              ("project/src", False)):  # fmt: skip
        module = types.ModuleType("some_library")
        module.__file__ = str(tmp_path / folder / "some_library" / "__init__.py")
        monkeypatch.setitem(sys.modules, "some_library", module)
        assert is_installed("some_library") is installed


def test_what_cannot_be_told_is_refused() -> None:
    assert identity(io.StringIO("a")) != identity(io.StringIO("b"))
    with pytest.raises(Unknowable, match="lock"):
        identity(threading.Lock())
    with pytest.raises(Unknowable):
        identity(np.array([object()]))
