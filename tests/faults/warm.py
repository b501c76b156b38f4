"""bsx as a process that has its imports behind it: it can be started and killed by the hundred."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOADED = ["bsx.execute.preload", "bsx.conductor", "bsx.analyze", "bsx.facts", "bsx.cli.sweep",
             "bsx.cli.output", "bsx.config", "bsx.render.tables", "sklearn.datasets",
             "tests.faults.warm"]  # fmt: skip


def started(args: Sequence[str], folder: Path) -> BaseProcess:
    """Start ``bsx`` in ``folder``; what it prints is in the files ``out`` and ``err`` there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=_bsx, args=(list(args), folder))
    process.start()
    return process


def _bsx(args: list[str], folder: Path) -> None:
    from bsx.cli.app import run
    from bsx.measure import speed

    speed.DRAW_SECONDS = speed.WARM_UP_SECONDS = 0.001  # moments that are of use are elsewhere
    os.chdir(folder)
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
    sys.exit(run(args))
