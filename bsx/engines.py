"""Which trainer is quickest at what, and how long it takes: measured once a shape and machine.

What was measured is kept in the user's cache, ``$XDG_CACHE_HOME/bsx`` or ``~/.cache/bsx``, so that
a sweep that goes on, and one that is asked for again, take the same trainers as before. What was
not used for three months is removed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bsx import files, plan
from bsx.execute.base import Executor, UnitError
from bsx.schema import CalibrationUnit, CostModel, Facts, Recipe, SweepConfig, digest

_UNKNOWN = CostModel(1e-3, 1e-6)
_KEPT_SECONDS = 90 * 86_400  # after it was last used


def measured(
    config: SweepConfig,
    facts: Facts,
    recipes: tuple[Recipe, ...],
    machine: Mapping[str, Any],
    executor: Executor,
    fresh: bool = False,
) -> CostModel:
    """Return what work costs with the trainer that suits the model, and with its rivals.

    A program of the user's is not asked: nothing is known of it before it has run. ``fresh``
    measures again what is kept.
    """
    if config.command is not None:
        return _UNKNOWN
    costs = {}
    for trainer in (facts.trainer, *facts.rivals):
        unit = plan.calibration(config, facts, recipes, trainer)
        file = _cache() / f"cost-{digest([unit.unit_id, machine])}.json"
        cost = None if fresh else _kept(file)
        if cost is None:
            cost = _timed(unit, executor)
            if cost is not None:
                _keep(file, cost)
        if cost is not None:
            costs[trainer] = cost
    own = costs.pop(facts.trainer, None)
    return _UNKNOWN if own is None else replace(own, rivals=costs)


def _timed(unit: CalibrationUnit, executor: Executor) -> CostModel | None:
    try:
        for records in executor.run(unit, lambda _fraction, _best: None):
            for record in records:
                if isinstance(record, CostModel):
                    return record
    except UnitError:
        pass  # what is wrong will be said of the unit that meets it; only the forecast is lost
    return None


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "bsx"


def _kept(file: Path) -> CostModel | None:
    """Read what was kept; whatever is wrong with it, it can be measured again."""
    try:
        numbers = json.loads(files.content(file))
        os.utime(file)  # it is in use
        step, sample, unit, run = (float(numbers[name]) for name in _NAMES)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    known = all(0 <= seconds < math.inf for seconds in (step, sample, unit, run))
    return CostModel(step, sample, unit, run) if known else None


def _keep(file: Path, cost: CostModel) -> None:
    """Write it whole or not at all; without a cache it is measured anew each time."""
    numbers = asdict(cost)
    draft = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_text(json.dumps({name: numbers[name] for name in _NAMES}), encoding="utf-8")
        draft.replace(file)
        for other in file.parent.glob("cost-*"):
            if time.time() - other.stat().st_mtime > _KEPT_SECONDS:
                other.unlink()


_NAMES = ("step_seconds", "sample_seconds", "unit_seconds", "run_seconds")
