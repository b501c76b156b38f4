"""Imported once by the server that worker processes are forked from.

The module of every worker function that every sweep needs is imported, and torch with them, and
those that its model and task may come from, as far as they are ours: what an import of another's
does is not known. What few processes need, they import themselves: readers of data, of which the
others are given what is kept, and diagnostics. No thread may run and no device may be touched
before the fork.
"""

import contextlib
import importlib
import signal

from bsx import registry

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides what Ctrl-C means

# torch imports this when the first optimizer is made: most of a second, here once for all.
with contextlib.suppress(ImportError):
    importlib.import_module("torch._dynamo")

for _kind in ("trainer", "measure", "model", "task"):
    for _name, _target in registry.targets(_kind).items():
        with contextlib.suppress(ImportError):
            if _target.startswith("bsx.") and _name != "diagnostics":
                importlib.import_module(_target.partition(":")[0])
