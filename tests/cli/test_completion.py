"""What the shell offers at Tab."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bsx.cli.app import run
from bsx.schema import BatchSizes
from tests import fakes
from tests.here import Shell, here
from tests.test_light_imports import imported

__all__ = ["here"]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Return a function that says what bash is offered after these words."""

    def complete(words: str) -> list[str]:
        monkeypatch.setenv("_BSX_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(re.split(r"(?<!\\) ", words)) - 1))
        capfd.readouterr()
        with pytest.MonkeyPatch.context() as context:
            context.setattr("sys.argv", ["bsx"])
            with pytest.raises(SystemExit):
                run([])
        return [line for line in capfd.readouterr().out.splitlines() if line]

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
        ("bsx export --to j", ["json", "jsonl"]),
        ("bsx export --to t", ["tensorboard"]),
        ("bsx sweep --log ", ["tensorboard:", "mlflow:"]),
        ("bsx calc --sampler ", ["pad", "drop"]),
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


def test_a_name_with_a_space_is_offered_as_bash_reads_it(here: Shell, offered) -> None:  # type: ignore[no-untyped-def]
    asked = fakes.config(batch_sizes=BatchSizes((8,)), seeds=1, name="my 'own' 批")
    fakes.run_sweep(here.folder / "bsx-runs", asked)
    name = offered("bsx export m")
    assert name == ["my\\ \\'own\\'\\ 批"]
    assert shlex.split(name[0]) == ["my 'own' 批"]
    assert offered("bsx show my\\ ")[:1] == name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_the_shell_that_was_named_is_shown(
    shell: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_BSX_COMPLETE", "")  # is put back
    with pytest.raises(SystemExit) as leaving:
        run(["--show-completion", shell])
    assert leaving.value.code == 0
    assert f"complete_{shell}" in capfd.readouterr().out


def test_a_shell_that_is_not_known_is_refused_with_those_that_are(here: Shell) -> None:
    code, out, err = here.bsx("--show-completion", "tcsh")
    assert (code, out) == (2, "") and "give one of bash, zsh, fish" in err
    code, _, err = here.bsx("--install-completion", "zsh")
    assert code == 2 and "bsx --show-completion zsh" in err


@pytest.mark.parametrize("words", ["bsx sweep --dataset ", "bsx show ", "bsx sweep --schedule "])
def test_completing_values_imports_no_library_of_training(words: str) -> None:
    environment = {
        "_BSX_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    assert imported([], **environment) == []
