"""The task of a name."""

from __future__ import annotations

from bsx import registry
from bsx.schema import Objective
from bsx.tasks.base import Task

OWN = Objective()  # of someone who asked for nothing


def build_task(name: str, objective: Objective = OWN, output_size: int | None = None) -> Task:
    """Return the task called ``name``.

    ``output_size``, where it is known, decides which metrics make sense: no top-5 of three classes.

    Raises:
        ConfigError: for a loss or metric that the task does not have, with those that it has.
    """
    task: Task = registry.load("task", name)(objective, output_size)
    return task
