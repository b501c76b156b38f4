"""What one process has read is there for the others: the same to the bit, and not read twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from bsx.data import Samples, Splits, prepare, scratch
from tests.data.opening import opened

OWN = """
import torch

def load(reads="reads"):
    with open(reads, "a") as file:
        file.write("read ")
    generator = torch.Generator().manual_seed(0)
    return torch.rand(60, 5, generator=generator), torch.arange(60) % 3
"""
TABLE = "day,name,size,price\n" + "".join(
    f"2024-01-{i % 28 + 1:02},n{i},{i if i % 7 else ''},{i * 1.5}\n" for i in range(60)
)
SERIES = "time,value\n" + "".join(f"{i},{i * i % 17}\n" for i in range(90))
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "images": ("digits", {}),
    "labels, gaps, dates": ("csv:table.csv", {"missing": "mean"}),
    "a naive rule": ("series:series.csv", {"window": 6}),
    "tokens": ("text:words.txt", {"context": 4}),
    "one's own": ("own.py:load", {}),
}


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own, with data of every kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for file, content in {"own.py": OWN, "table.csv": TABLE, "series.csv": SERIES}.items():
        Path(file).write_text(content)
    Path("words.txt").write_text("to be or not to be " * 20)


@pytest.fixture
def elsewhere(own: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open data as another process does, which has nothing open."""

    def opened_there(name: str, **args: Any) -> Splits:
        monkeypatch.setattr(prepare, "_open_now", {})
        return opened(name, stream=False, **args)

    return opened_there


def plain(value: Any) -> Any:
    """Return a value that can be compared, its tensors as their numbers."""
    if isinstance(value, Samples):
        return plain([value.inputs, value.targets])
    if isinstance(value, torch.Tensor):
        return value.dtype, value.shape, value.reshape(-1).tolist()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def reads() -> int:
    """How often the reader was called."""
    return len(Path("reads").read_text().split())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_what_was_read(
    kind: str, elsewhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, args = KINDS[kind]
    first = elsewhere(name, **args)
    monkeypatch.setattr(prepare, "_open", None)
    second = elsewhere(name, **args, fingerprint=first.fingerprint)
    for field in dataclasses.fields(Splits):
        assert plain(getattr(second, field.name)) == plain(getattr(first, field.name)), field.name


def test_one_process_alone_reads_again_to_see_that_data_come_out_alike(elsewhere: Any) -> None:
    known = {"fingerprint": elsewhere("own.py:load").fingerprint}
    elsewhere("own.py:load", **known)
    assert reads() == 1
    assert elsewhere("own.py:load", **known, check_again=True).fingerprint == known["fingerprint"]
    elsewhere("own.py:load", **known, check_again=True)
    assert reads() == 2


@pytest.mark.parametrize("cause", ["a full disk", "no small thing", "no folder", "broken"])
def test_where_nothing_is_kept_each_reads_for_itself(
    cause: str, elsewhere: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if cause == "a full disk":
        monkeypatch.setattr(scratch, "RESERVE_BYTES", 2**60)
    if cause == "no small thing":
        monkeypatch.setattr(prepare, "MOST_KEPT_BYTES", 100)
    if cause == "no folder":
        (tmp_path / "cache").write_text("a file")
    first = elsewhere("own.py:load")
    if cause == "broken":
        [kept] = (tmp_path / "cache").rglob("*.kept")
        kept.write_bytes(b"cut off")
    assert plain(elsewhere("own.py:load", fingerprint=first.fingerprint).train) == plain(
        first.train
    )
    assert reads() == 2


def test_other_data_are_not_taken_for_these(elsewhere: Any) -> None:
    first = elsewhere("digits")
    assert elsewhere("own.py:load", fingerprint=first.fingerprint[::-1]).classes == 3
