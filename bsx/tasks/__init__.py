"""What is learned: losses and metrics, and which way each is better."""

from bsx.tasks.base import Notes, Task
from bsx.tasks.baseline import score_baseline
from bsx.tasks.build import build_task

__all__ = ["Notes", "Task", "build_task", "score_baseline"]
