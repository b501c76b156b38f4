"""What the shell offers at Tab."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsx.cli.app import run
from tests.here import Shell, here
from tests.test_light_imports import imported

__all__ = ["here"]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Return a function that says what bash is offered after these words."""

    def complete(words: str) -> list[str]:
        monkeypatch.setenv("_BSX_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        capfd.readouterr()
        with pytest.MonkeyPatch.context() as context:
            context.setattr("sys.argv", ["bsx"])
            with pytest.raises(SystemExit):
                run([])
        return capfd.readouterr().out.split()

    return complete


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("bsx sweep --dataset w", ["wine"]),
        ("bsx probe --model lo", ["logistic"]),
        ("bsx sweep --optimizer adam", ["adam", "adamax", "adamw"]),
        ("bsx sweep --schedule co", ["constant", "cosine"]),
        ("bsx show --format j", ["json", "jsonl"]),
        ("bsx list models --format c", ["csv"]),
        ("bsx config sh", ["show"]),
        ("bsx sweep --epochs ", []),
        ("bsx sweep --dataset nothing-of-the-kind", []),
    ],
)
def test_names_and_words_are_offered(offered, words: str, expected: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert offered(words) == expected


def test_stored_sweeps_are_offered_the_newest_first(here: Shell, offered, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    assert offered("bsx show ") == []
    monkeypatch.delenv("_BSX_COMPLETE")
    first = here.swept("--dataset", "wine", "--model", "logistic", "--name", "mine")["sweep_id"]
    second = here.swept("--dataset", "wine", "--model", "logistic", "--seeds", "1")["sweep_id"]
    assert offered("bsx show ") == [second, "mine", first]
    assert offered("bsx compare m") == ["mine"]
    assert offered(f"bsx compare mine {second[:3]}") == [second]
    assert offered("bsx show --store nowhere ") == []
    for file in Path("bsx-runs").glob("*.sqlite3"):
        file.write_bytes(b"no store")
    assert offered("bsx show ") == []


@pytest.mark.parametrize("words", ["bsx sweep --dataset ", "bsx show ", "bsx sweep --schedule "])
def test_completing_values_imports_no_library_of_training(words: str) -> None:
    environment = {
        "_BSX_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    assert imported([], **environment) == []
