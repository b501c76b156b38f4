"""One thread a process: tests run side by side, and threads sharing a core wait on each other.

Nothing depends on how fast the machine is. Nothing of the user's cache is read or written.
"""

import compileall
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is; which are tried is the same every time.
settings.register_profile("here", deadline=None, derandomize=True)
settings.load_profile("here")

os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a sweep learns is synced to the disk unit by unit. In memory this takes no time; elsewhere
# tests of sweeps wait longer for the disk than they train.
MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 1024**3:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_configure(config: pytest.Config) -> None:
    """Compile bsx: where the environment keeps Python from it, each program started here would."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(__file__).parents[1] / "bsx", quiet=2)


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """Let no setting of bsx that happens to be in the environment decide what a test sees.

    How much some tests do (``BSX_KILLS`` …) was read when they were imported.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BSX_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the tests a cache that is empty at first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def numbers_close_to_zero_stay() -> Iterator[None]:
    """Take back what a trainer asks of its process, where a test ran one in this."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
