"""The task of a name."""

from __future__ import annotations

from bsx import registry
from bsx.tasks.base import Task


def build_task(name: str) -> Task:
    """Return the task called ``name``."""
    task: Task = registry.load("task", name)()
    return task
