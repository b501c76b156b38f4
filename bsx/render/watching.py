"""Which progress a caller from Python sees: on a terminal, in a notebook, or none."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from bsx.render import phrases
from bsx.render.progress import QuietProgress, SweepProgress
from bsx.schema import Metric, Watcher

_REFRESH_SECONDS = 0.5


class NotebookProgress(SweepProgress):
    """A line below a notebook's cell, written anew as the sweep goes on."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO()))
        self._said: list[str] = []
        self._area: Any = None
        self._written = 0.0

    def announce(self, line: str) -> None:
        """Add a line that stays."""
        self._said.append(phrases.clean(line))
        self._write()

    def __exit__(self, *error: Any) -> None:
        """Leave the lines that were announced alone."""
        super().__exit__(*error)
        self._write(last=True)

    def _update(self) -> None:
        super()._update()
        if time.monotonic() - self._written > _REFRESH_SECONDS:
            self._write()

    def _write(self, last: bool = False) -> None:
        import IPython.display

        display: Any = IPython.display.display

        self._written = time.monotonic()
        words = [] if last or not self._left.units else [self.words()]
        text = {"text/plain": "\n".join([*self._said, *words])}
        if self._area is None:
            self._area = display(text, raw=True, display_id=True)
        else:
            self._area.update(text, raw=True)


def watcher_for(progress: bool | Watcher | None) -> Watcher:
    """Return what is told how a sweep goes.

    ``progress``: whether it is shown; None does so on a terminal and in a notebook.
    """
    if progress is None:
        progress = sys.stderr.isatty() or in_notebook()
    if isinstance(progress, bool):
        if not progress:
            return QuietProgress()
        return NotebookProgress() if in_notebook() else SweepProgress()
    return progress


@contextmanager
def shown(watcher: Watcher, metric: Metric) -> Iterator[None]:
    """Draw meanwhile what the watcher draws, if it is one of ours."""
    if not isinstance(watcher, SweepProgress):
        yield
        return
    watcher.judges_by(metric)
    with watcher:
        yield


def in_notebook() -> bool:
    """Say whether this process is the kernel of a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
