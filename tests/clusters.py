"""Clusters of this machine alone, for the tests of what runs on them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def two_cpus() -> Iterator[None]:
    """A Ray cluster that says it has two CPUs."""
    from bsx.execute.ray import connected

    ray = connected(None, num_cpus=2)
    try:
        yield
    finally:
        ray.shutdown()
