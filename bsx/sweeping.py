"""A sweep from what was asked to what is stored, whoever asks: the command line or Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bsx import __version__
from bsx.schema import (
    SCHEMA_VERSION,
    BranchUnit,
    Facts,
    Group,
    Recipe,
    RunRecord,
    Sweep,
    SweepConfig,
    digest,
)

if TYPE_CHECKING:
    from bsx.conductor import Conductor
    from bsx.execute.base import Executor
    from bsx.schema import Watcher
    from bsx.store import Store

Placed = Callable[[Facts, SweepConfig], Facts]
Foretold = Callable[[Sequence[Group | BranchUnit], float], None]


@dataclass(frozen=True)
class Asked:
    """A sweep that can be run: what was asked, and what was found out about it."""

    sweep_id: str
    config: SweepConfig
    facts: Facts
    recipes: tuple[Recipe, ...]
    machine: Mapping[str, Any]

    @property
    def sweep(self) -> Sweep:
        """The sweep as it will be put down."""
        return Sweep(self.sweep_id, self.config, self.facts, self.machine, "planned", "")


def ask(config: SweepConfig, placed: Placed | None = None) -> Asked:
    """Look at data and model once, and plan a recipe for each batch size.

    ``placed``: what the executor makes of the facts, where units run on other machines.

    Raises:
        ConfigError: for what does not fit, before compute is spent.
        DataError: for data that cannot be used.
    """
    from bsx import plan

    facts, machine = _looked_at(config)
    if placed is not None:
        facts = placed(facts, config)
    recipes = plan.recipes(config, facts)
    plan.check_budget(config, facts, recipes)
    identity = [SCHEMA_VERSION, config.question(), facts.fingerprint, facts.trainer]
    return Asked(digest(identity, 12), config, facts, recipes, machine)


def _looked_at(config: SweepConfig) -> tuple[Facts, Mapping[str, Any]]:
    """Return what planning must know, and what the machine is."""
    if config.command is not None:  # without torch: the program is any
        from bsx import command

        return command.look(config), command.describe_machine(__version__)
    from bsx.facts import describe_machine, look

    facts = look(config)
    machine = describe_machine(facts.device)
    return facts, _elsewhere(machine, config) if config.elsewhere else machine


def _elsewhere(machine: Mapping[str, Any], config: SweepConfig) -> Mapping[str, Any]:
    """Say on what a cluster's units run, as far as it is known here: not on this machine."""
    cluster = config.cluster
    where = {"ray": cluster.ray_address, "slurm": cluster.slurm_partition}[config.executor]
    versions = {key: machine[key] for key in ("bsx", "python", "torch", "numpy")}
    of_jobs = [cluster.slurm_cluster, cluster.slurm_gpus, cluster.slurm_args]
    return {**versions, "executor": config.executor, "where": where, "jobs": of_jobs}


def conductor(
    asked: Asked, store: Store, executor: Executor, watcher: Watcher, *, fresh: bool
) -> Conductor:
    """Return what trains what is missing of a sweep; ``fresh``: as if nothing were stored."""
    from bsx.conductor import Conductor

    return Conductor(
        asked.sweep_id,
        asked.config,
        asked.facts,
        asked.recipes,
        asked.machine,
        store,
        executor,
        watcher,
        fresh=fresh,
    )


def settled(asked: Asked, folder: str) -> Mapping[str, RunRecord]:
    """Return what is stored already of the runs of a sweep."""
    from bsx.outcomes import stored_runs
    from bsx.store import Store

    if not Store.exists(folder):
        return {}
    with Store(folder) as store:
        return stored_runs(store, asked.config, asked.facts, asked.recipes)


def changes(asked: Asked, stored: Sequence[Sweep]) -> list[str]:
    """Say what has changed since a sweep that is stored: its results are not mixed in."""
    from bsx.changes import changed

    return [
        f"{what} changed since sweep {before} was run: none of its results are used here."
        for what, before in changed(asked.sweep, stored)
    ]
