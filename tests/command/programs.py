"""Runs of the user's program in tests: small scripts, and the groups that name them."""

from __future__ import annotations

import sys
from pathlib import Path

from bsx.command.template import placeholders
from bsx.command.trainer import train
from bsx.schema import Group, Ingredient, Metric, Program, Recipe, Report, RunRecord, Split

ACCURACY = Metric("accuracy", higher_is_better=True, bounded=True)


def recipe(text: str = "true {batch_size}", **changes: object) -> Recipe:
    """Return the recipe of a run of ``text``."""
    reports = str(changes.pop("reports", "stdout"))
    program = Program(text, placeholders(text), 1000, {}, reports)
    values = {
        "dataset": Ingredient("command"),
        "fingerprint": "",
        "split": Split(),
        "model": Ingredient("program"),
        "optimizer": Ingredient("command"),
        "task": "command",
        "batch_size": 10,
        "steps": 100,
        "tail": "keep",
        "program": program,
        **changes,
    }
    return Recipe(**values)  # type: ignore[arg-type]


def runs_of(
    folder: Path,
    script: str,
    *,
    timeout: float | None = None,
    members: tuple[tuple[float, int], ...] = ((0.1, 0),),
    judged: Metric = ACCURACY,
    reports: str = "stdout",
    report: Report = lambda _fraction, _best: None,
) -> list[RunRecord]:
    """Train with a Python script of these lines; return the records in the order they came."""
    file = folder / "script.py"
    file.write_text(script, encoding="utf-8")
    text = f"{sys.executable} {file} {{batch_size}} {{lr}} {{seed}}"
    group = Group(
        recipe(text, reports=reports), members, "command", "cpu", 1, 0,
        judged_by=judged, timeout_seconds=timeout,
    )  # fmt: skip
    return [record for records in train(group, report) for record in records]
