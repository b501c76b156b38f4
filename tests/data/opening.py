"""What the tests of readers share: opening by name, and where the real data are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bsx.data import Splits, open_dataset
from bsx.errors import BsxError, DataError

REAL = Path(os.environ.get("BSX_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def opened(name: str, **changes: Any) -> Splits:
    """Open a dataset with the usual split; what is no part of it are the reader's arguments."""
    split: dict[str, Any] = {"validation": 0.1, "test": 0.1, "seed": 0, "subset": None}
    split |= {"stream": None, "fingerprint": "", "check_again": False}
    split.update({key: changes.pop(key) for key in list(changes) if key in split})
    return open_dataset(name, changes, **split)


def sizes(splits: Splits) -> tuple[int, int, int]:
    """Return how many samples the parts hold."""
    return len(splits.train), len(splits.validation), len(splits.test)


def refused(name: str, kind: type[BsxError] = DataError, **changes: Any) -> str:
    """Return the one line in which opening a dataset is refused."""
    with pytest.raises(kind) as found:
        opened(name, **changes)
    said = str(found.value)
    assert "\n" not in said
    return said


def real(*names: str) -> Path:
    """Return the path of real data, or skip the test."""
    path = REAL.joinpath(*names)
    if not path.exists():
        pytest.skip(f"there is no {path}; set BSX_TEST_DATA")
    return path
