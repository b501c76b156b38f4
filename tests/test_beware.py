"""What a person should know before reading on: sweeps of other data, variables that do nothing."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from bsx.cli.compare import arm_of
from bsx.comparing import Arm, compare
from bsx.schema import Command, Comparison, Program
from bsx.store import Store
from tests.here import Shell, here

__all__ = ["here"]  # a fixture

LOGISTIC = ["--model", "logistic"]


@pytest.fixture
def stored(here: Shell) -> Shell:
    """A folder with sweeps of different data in it."""
    for name, data in {
        "iris": ["--dataset", "iris"],
        "again": ["--dataset", "iris", "--momentum", "0.5"],
        "elsewhere": ["--dataset", "iris", "--split-seed", "1"],
        "wine": ["--dataset", "wine"],
    }.items():
        here.swept(*data, *LOGISTIC, "--name", name)
    return here


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("again", ""),
        ("elsewhere", "both sweeps are of iris, but not of the same training samples"),
        ("wine", "the first sweep is of iris, the second of wine (120 and 142 training samples)"),
    ],
)
def test_a_comparison_of_different_data_is_warned_of(second: str, said: str, stored: Shell) -> None:
    code, out, err = stored.bsx("compare", "iris", second)
    assert code == 0
    assert f"{second} (second) against iris (first)" in out
    assert err.startswith("caution: ") == bool(said)
    assert said in err
    _, machine, _ = stored.bsx("compare", "iris", second, "--format", "json")
    found: dict[str, Any] = json.loads(machine)
    assert [c["code"] for c in found["cautions"]] == ["different_data"] * bool(said)


def test_a_comparison_of_different_tasks_is_warned_of(stored: Shell) -> None:
    with Store("bsx-runs") as store:
        first, second = (arm_of(store, store.sweep(name), name) for name in ("iris", "again"))
    facts = dataclasses.replace(second.facts, task="multi-label")
    other = dataclasses.replace(second, facts=facts)
    assert codes(compare(first, other)) == ["different_tasks"]
    assert codes(compare(by_program(first), other)) == []


def by_program(arm: Arm) -> Arm:
    """Return the arm as if a program of the user's had trained it, whose data bsx does not know."""
    program = Program("train {batch_size} {lr}", ("batch_size", "lr"), arm.facts.train_samples)
    config = dataclasses.replace(arm.config, command=Command(program, arm.facts.metrics))
    facts = dataclasses.replace(arm.facts, task="command", fingerprint="of the program")
    return dataclasses.replace(arm, config=config, facts=facts)


def codes(comparison: Comparison) -> list[str]:
    """Return what is warned of."""
    return [caution.code for caution in comparison.cautions]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BSX_SEED", "did you mean BSX_SEEDS?"),
        ("BSX_MODELS", "did you mean BSX_MODEL"),
        ("BSX_COLOUR", "see `bsx sweep --help`"),
    ],
)
def test_a_variable_that_is_no_setting_is_named_once_on_stderr(
    name: str, hint: str, here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ["--dataset", "iris", *LOGISTIC, "--batch-sizes", "8", "--steps", "2"]
    options = [*question, "--seeds", "1", "--lr", "0.1", "--executor", "inline"]
    here.bsx("sweep", *options, "--quiet")
    monkeypatch.setenv(name, "7")
    monkeypatch.setenv("BSX_TRACEBACK", "1")
    monkeypatch.setenv("BSX_THREADS", "1")
    warning = f"bsx: warning: {name} is no setting and is ignored; {hint}"
    for command in (["sweep", *options], ["show"], ["list", "sweeps"]):
        code, out, err = here.bsx(*command, "--format", "json")
        assert code == 0
        json.loads(out)
        [said] = [line for line in err.splitlines() if "BSX_" in line]
        assert said.startswith(warning)
    assert here.bsx("show", "--quiet", "--format", "json")[2] == ""
