"""The reference is what the program says of itself, and every command shows how it is used."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bsx.cli.app import COMMANDS, load_command
from bsx.settings import SETTINGS

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "bsx").rglob("*.py"))


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_reference", ROOT / "docs" / "make_reference.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = _maker()


def _leaves() -> Iterator[tuple[str, Any]]:
    for name in COMMANDS:
        command = load_command(name)
        inner = getattr(command, "commands", {})
        yield from ((f"{name} {child}", inner[child]) for child in inner)
        if not inner:
            yield name, command


LEAVES = dict(_leaves())


def test_the_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == MAKER.reference(), "run: python docs/make_reference.py"


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_a_worked_example_in_its_help(name: str) -> None:
    examples = re.findall(rf"bsx {name}\b.*", LEAVES[name].help)
    assert examples


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_has_a_help_text(name: str) -> None:
    silent = [p.name for p in LEAVES[name].params if not getattr(p, "help", None)]
    assert not silent


@pytest.mark.parametrize("name", LEAVES)
def test_examples_in_help_name_options_that_exist(name: str) -> None:
    known = {flag for p in LEAVES[name].params for flag in p.opts}
    for example in re.findall(rf"bsx {name}\b[^\n]*", LEAVES[name].help):
        used = set(re.findall(r"(?<=\s)--[a-z-]+", example))
        assert used <= known, f"{example}: {used - known}"


def test_every_setting_stands_in_the_reference_by_flag_key_and_variable() -> None:
    text = MAKER.reference()
    for setting in SETTINGS:
        row = f"`{setting.key}` | `{setting.variable}`"
        assert row in text
        assert all(f"`{flag}`" in text for flag in setting.flags or (setting.flag,))


def test_every_environment_variable_that_is_read_stands_in_the_reference() -> None:
    sources = [file.read_text(encoding="utf-8") for file in SOURCES]
    read = {name for source in sources for name in re.findall(r'"(BSX_[A-Z_]*[A-Z])"', source)}
    text = MAKER.reference()
    assert not {name for name in read if f"`{name}`" not in text}
