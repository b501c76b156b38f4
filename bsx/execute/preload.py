"""Imported once by the server that worker processes are forked from.

Every worker function's module is imported, and torch with them, and those that its data, model
and task may come from, as far as they are ours: what an import of another's does is not known. No
thread may run and no device may be touched before the fork.
"""

import contextlib
import importlib
import signal

from bsx import registry

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides what Ctrl-C means

# torch imports this when the first optimizer is made: most of a second, here once for all.
with contextlib.suppress(ImportError):
    importlib.import_module("torch._dynamo")

for _kind in ("trainer", "measure", "dataset", "model", "task"):
    for _target in registry.targets(_kind).values():
        with contextlib.suppress(ImportError):
            if _target.startswith("bsx."):
                importlib.import_module(_target.partition(":")[0])
