"""What is public in Python is documented, and the page cannot drift."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path
from typing import Any

import pytest

import bsx

ROOT = Path(__file__).parent.parent.parent
MAKER: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "make_python_reference.py"))


def test_the_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "python-reference.md").read_text(encoding="utf-8")
    assert written == MAKER["reference"](), "run: python docs/make_reference.py"


@pytest.mark.parametrize("name", [n for n in bsx.__all__ if not n.startswith("__")])
def test_every_public_name_and_all_that_it_has_says_what_it_is(name: str) -> None:
    thing = getattr(bsx, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing) and thing.__module__.startswith("bsx.api"):
        own = {k: v for k, v in vars(thing).items() if not k.startswith("_")}
        of_code = {k: v for k, v in own.items() if callable(v) or hasattr(v, "fget")}
        assert not [k for k, v in of_code.items() if not inspect.getdoc(v)]


@pytest.mark.parametrize("name", [n for n in bsx.__all__ if inspect.isfunction(getattr(bsx, n))])
def test_every_argument_of_a_public_function_is_explained(name: str) -> None:
    function = getattr(bsx, name)
    doc = inspect.getdoc(function) or ""
    explained = doc.partition("Args:")[2]
    assert not [p for p in inspect.signature(function).parameters if f"{p}: " not in explained]
