"""Imported once by the server that worker processes are forked from.

Every worker function's module is imported, and torch with them; no thread may run and no device
may be touched before the fork.
"""

import contextlib
import ctypes
import importlib
import signal

from bsx import registry

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator decides what Ctrl-C means

# torch imports this when the first optimizer is made: most of a second, here once for all.
with contextlib.suppress(ImportError):
    importlib.import_module("torch._dynamo")

# Large tensors come and go at every step. glibc would hand each back to the system and fetch it
# anew, page by page; told to keep them (mallopt(3)), large batches train a sixth faster.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
with contextlib.suppress(AttributeError, OSError, TypeError):
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 2**30)
    ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, 2**31 - 1)

for _kind in ("trainer", "measure"):
    for _target in registry.targets(_kind).values():
        with contextlib.suppress(ImportError):
            importlib.import_module(_target.partition(":")[0])
