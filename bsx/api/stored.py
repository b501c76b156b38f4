"""Sweeps that are stored: ``bsx.load`` reads one again, ``bsx.compare`` sets two side by side."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsx import arms
from bsx.api.keywords import by_name, in_python, known_names_only, plain
from bsx.api.results import Compared, Result, result_of
from bsx.errors import ConfigError

if TYPE_CHECKING:
    from bsx.schema import Sweep


@by_name
@known_names_only
def load(
    sweep: str | None = None,
    *,
    store: str | Path | None = None,
    target: Any = None,
    confirm: int | None = None,
    tolerance: float | None = None,
    objective: str | None = None,
    price_per_hour: float | None = None,
    base_batch_size: int | None = None,
    reference_batch_size: int | None = None,
    metric: str | None = None,
) -> Result:
    """Read a stored sweep again, also with another target or objective. Nothing is trained.

    Args:
        sweep: its name or the beginning of its id; None takes the newest.
        store: the folder it is in; None: ``BSX_STORE`` or ``bsx-runs``.
        target: as of ``bsx.sweep``, such as ``{"accuracy": 0.95}`` or
            ``"accuracy=0.90..0.97:0.01"``.
        confirm: for how many evaluations in a row a target must hold.
        tolerance: how much worse on validation a batch size may be and still be recommended.
        objective: time, steps, samples, cost, memory or quality.
        price_per_hour: what an hour of training costs, for the objective cost.
        base_batch_size: the batch size from which the rules of thumb are audited.
        reference_batch_size: the one from which the critical batch size of 20 % overhead counts.
        metric: the one that quality is judged by, of those that were measured.

    Raises:
        StoreError: where there is no such store or sweep, with the remedy.
        ConfigError: for what cannot be meant.

    Example:
        >>> bsx.load(target={"accuracy": 0.9}).targets[0].critical_batch_size
    """
    view = {
        "target": target,
        "confirm": confirm,
        "tolerance": tolerance,
        "objective": objective,
        "price_per_hour": price_per_hour,
        "base_batch_size": base_batch_size,
        "reference_batch_size": reference_batch_size,
        "metric": metric,
        "store": store,
    }
    _check_sweep("sweep", sweep)
    with in_python():
        return _loaded(sweep, {k: plain(v) for k, v in view.items() if v is not None})


def _check_sweep(name: str, given: object) -> None:
    if given is not None and not isinstance(given, str):
        raise ConfigError(
            f"{name}={given!r}: give the name of a stored sweep or the beginning of its id, as a "
            "text"
        )


def _loaded(wanted: str | None, flags: Mapping[str, Any]) -> Result:
    from bsx import plan
    from bsx.config import as_read, read_view
    from bsx.store import Store

    view, door = read_view(flags, os.environ)
    with Store(door.store) as store:
        stored = store.sweep(wanted)
        if wanted == stored.config.name:
            _tell_of_arms(stored, store.sweeps())
        read = as_read(stored, view)
        return result_of(store, read, plan.recipes(read.config, read.facts))


def _tell_of_arms(taken: Sweep, sweeps: Sequence[Sweep]) -> None:
    """Warn where a name means several arms: one of them is what was loaded."""
    others = [arm for arm in arms.arms_with(taken, sweeps) if arm.sweep_id != taken.sweep_id]
    if others:
        said = ", ".join(f"{arm.sweep_id[:6]} ({arms.label(arm.config)})" for arm in others)
        warnings.warn(
            f"{taken.config.name} has {len(others) + 1} arms, of which this is the newest, "
            f"{arms.label(taken.config)}; the others by their ids: {said}",
            stacklevel=6,  # the caller of load, which is decorated twice
        )


@by_name
@known_names_only
def compare(
    first: Result | str,
    second: Result | str,
    *,
    target: Any = None,
    store: str | Path | None = None,
) -> Compared:
    """Set two sweeps side by side, with intervals paired over the seeds they share.

    Args:
        first: what the second is compared with: a Result, or a stored sweep's name or id.
        second: what is compared with it.
        target: as of ``bsx.sweep``, but one; None takes that of the sweeps.
        store: where the stored ones are.

    Raises:
        ConfigError: for several targets, and for sweeps that cannot be compared.

    Example:
        >>> plain, normed = (bsx.sweep(model_args={"norm": norm}) for norm in ("none", "batch"))
        >>> bsx.compare(plain, normed)
    """
    from bsx.cli.compare import compared, one_target
    from bsx.config import read_view

    for name, one in (("first", first), ("second", second)):
        if not isinstance(one, Result):
            _check_sweep(name, one)
    with in_python():
        given = {"target": plain(target), "store": plain(store)}
        view, _ = read_view({k: v for k, v in given.items() if v is not None}, os.environ)
        results = [
            one if isinstance(one, Result) else load(one, store=store) for one in (first, second)
        ]
        labels = [one if isinstance(one, str) else _label(one) for one in (first, second)]
        if labels[0] == labels[1]:  # of one name, or arms of one --vary
            labels = [
                f"{label} ({r.sweep_id[:8]})" for label, r in zip(labels, results, strict=True)
            ]
        found = [_arm(result, label) for result, label in zip(results, labels, strict=True)]
        (comparison,) = compared(found, one_target(view.targets))
    return Compared(comparison, results[0].sweep.facts.metric)


def _label(result: Result) -> str:
    config = result.sweep.config
    return arms.label(config) or config.name or result.sweep_id[:8]


def _arm(result: Result, label: str) -> Any:
    from bsx import plan
    from bsx.comparing import Arm

    sweep = result.sweep
    if sweep.config.branching is not None:
        raise ConfigError(f"{label} is a branched sweep, and those are not compared")
    recipes = plan.recipes(sweep.config, sweep.facts)
    return Arm(label, sweep.config, sweep.facts, recipes, result.runs, result.speeds)
