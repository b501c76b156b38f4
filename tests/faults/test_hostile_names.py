"""Names that try to steer: markup, escapes, line ends, in everything that is printed."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.here import QUICK, Shell, here

__all__ = ["here"]

EVIL = "[red]x[/red]\x1b[31m[/]\x07]0;t\x9b|a`<b>\u202e"
NAME = "'; DROP TABLE runs; --[bold]"


@pytest.fixture
def data(here: Shell) -> str:
    """A data set whose name, columns and categories are evil."""
    numbers = np.random.default_rng(0).normal(size=(60, 2))
    path = Path(f"{EVIL}.csv")  # in folders that are named so
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([f"{EVIL}1", f"{EVIL}2\n", f"y[/]{EVIL}"])
        rows.writerows([*row, i % 2] for i, row in enumerate(numbers))
    return f"csv:{EVIL}.csv"


def check_terminal(text: str) -> None:
    """Assert that a text steers no terminal and lost nothing to markup."""
    assert all(c.isprintable() or c == "\n" for c in text), repr(text)


def test_a_sweep_of_evil_names_prints_them_as_they_are(here: Shell, data: str) -> None:
    args = ["sweep", *QUICK, "--dataset", data, "--name", NAME + EVIL]
    code, out, err = here.bsx(*args)
    assert code == 0, err
    check_terminal(out)
    check_terminal(err)
    assert "[red]x[/red]" in out and "DROP TABLE" in out
    for form in ("json", "jsonl", "csv", "markdown"):
        code, out, _ = here.bsx("show", NAME + EVIL, "--format", form)
        assert code == 0
        if form == "json":
            assert json.loads(out)["name"] == NAME + EVIL
        elif form == "jsonl":
            assert len([json.loads(line) for line in out.splitlines()]) == 2
        elif form == "csv":
            assert len(list(csv.reader(io.StringIO(out)))) == 3
        else:
            check_terminal(out)
            assert "<b>" not in re.sub(r"\\.", "", out) and "\\[red\\]" in out
    for command in (["list", "sweeps"], ["compare", NAME + EVIL, NAME + EVIL]):
        code, out, err = here.bsx(*command)
        assert code == 0, err
        check_terminal(out + err)
    assert here.bsx("list", "sweeps", "--format", "json")[0] == 0


def test_errors_that_quote_evil_names_steer_nothing(here: Shell, data: str) -> None:
    for args in (
        ["sweep", "--dataset", EVIL],
        ["sweep", "--dataset", data, "--dataset-arg", f"target={EVIL}"],
        ["sweep", "--dataset", data, "--dataset-arg", "target=2", "--model", EVIL],
        ["sweep", EVIL],
        ["show", EVIL],
        ["show", "--get", EVIL, "--store", EVIL],
        ["sweep", f"--{EVIL}"],
        [EVIL],
        ["import", f"{EVIL}.csv"],
        ["calc", "--samples", EVIL],
    ):
        code, out, err = here.bsx(*args)
        assert code in (2, 3) and out == "" and err.count("\n") == 1, (args, out, err)
        check_terminal(err)


def test_a_variable_of_an_evil_name_is_told_plainly(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BSX_{EVIL}", "1")
    _, _, err = here.bsx("list", "sweeps")
    assert "is no setting" in err
    check_terminal(err)


def test_columns_of_evil_names_are_imported_and_printed_as_they_are(here: Shell) -> None:
    with Path("runs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["batch_size", "step", EVIL, f"val_{EVIL}2", "lr"])
        for size in (8, 16):
            rows.writerows([size, step, 1 - 1 / step, step, 0.1] for step in (2, 4, 8))
    code, out, err = here.bsx("import", "runs.csv", "--metric", f"{EVIL}:max")
    assert code in (0, 2), err
    check_terminal(out + err)
    code, out, err = here.bsx("import", "runs.csv", "--metric", f"{EVIL}:max", "--format", "json")
    if code == 0:
        json.loads(out)
    Path("pairs.csv").write_text(f"B,steps,target\n8,100,{EVIL}\n16,60,{EVIL}\n32,40,{EVIL}\n")
    for form in ("table", "markdown", "json"):
        code, out, err = here.bsx("import", "pairs.csv", "--format", form)
        assert code == 0
        check_terminal(err if form == "json" else out + err)


def test_what_a_program_writes_to_stderr_steers_nothing_and_stays_json(here: Shell) -> None:
    Path("train.py").write_text(f"import sys\nsys.stderr.write({EVIL * 3!r})\nsys.exit(3)\n")
    command = f"{sys.executable} train.py {{batch_size}}"
    args = ["sweep", "--command", command, "--train-samples", "64", "--batch-sizes", "4,8",
            "--metric", f"score{EVIL}:max"]  # fmt: skip
    code, out, err = here.bsx(*args)
    assert code in (2, 5), err
    check_terminal(out + err)
    args = args[:-2]
    for form in ("table", "json", "markdown"):
        code, out, err = here.bsx(*args, "--format", form)
        assert code == 5
        check_terminal(err if form == "json" else out + err)
        if form == "json":
            json.loads(out)


@pytest.mark.slow
def test_what_models_and_data_print_is_not_among_the_results(here: Shell) -> None:
    Path("mine.py").write_text(
        "import os\nfrom torch import nn\nfrom sklearn.datasets import load_iris\n"
        "print('imported')\n\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, output_size):\n"
        "        super().__init__()\n"
        "        print('built')\n"
        "        self.layer = nn.Linear(4, output_size)\n\n"
        "    def forward(self, x):\n"
        "        os.write(1, b'forward\\n')\n"
        "        return self.layer(x)\n\n\n"
        "def load():\n    print('loaded')\n    return load_iris(return_X_y=True)\n"
    )
    args = [*QUICK[:-2], "--executor", "workers", "--engine", "loop", "--dataset", "mine.py:load",
            "--model", "mine.py:Net", "--format", "json"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "bsx", "sweep", *args, "--seeds", "1", "--batch-sizes", "8"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    # What a library writes to the descriptor itself, in the coordinator, is beyond our reach.
    assert json.loads(done.stdout.replace("forward\n", ""))["status"] == "complete"
    assert "built" in done.stderr


def test_a_script_that_ends_when_it_is_imported_is_refused(here: Shell) -> None:
    Path("train.py").write_text("import argparse\nargparse.ArgumentParser().parse_args(['--x'])\n")
    code, out, err = here.bsx("sweep", "--model", "train.py:Net")
    assert (code, out) == (2, "")
    assert "ends the program when imported" in err and "__main__" in err


@pytest.mark.parametrize("given", ["\udcff.csv", "a\udc80"])
def test_names_that_are_no_text_are_refused(here: Shell, given: str) -> None:
    for args in (["--dataset", f"csv:{given}"], ["--name", given], ["--model-arg", f"a={given}"]):
        code, out, err = here.bsx("sweep", *args)
        assert (code, out) == (2, "") and "UTF-8" in err


def test_every_value_goes_to_the_store_as_a_value() -> None:
    """No statement of SQL is put together from what a person gave."""
    ours = {"table", "int(anew)", "where", "APPLICATION_ID", "SELECT_RUNS", "version + 1"}
    for file in (Path(__file__).parents[2] / "bsx" / "store").glob("*.py"):
        statement = r'f"[^"]*(?:INSERT|SELECT|UPDATE|WHERE|PRAGMA)[^"]*"'
        for found in re.findall(statement, file.read_text()):
            assert set(re.findall(r"{([^}]*)}", found)) <= ours, found


@pytest.mark.parametrize("name", [f"{'a' * 300}.toml", f"{'a/' * 4000}b.toml", "a\0.toml"])
@pytest.mark.parametrize(
    ("command", "flag"),
    [(("sweep",), "--save"), (("probe",), "--save"), (("export", "--to", "csv"), "--output")],
)
def test_a_name_that_no_file_can_have_is_a_usage_error(
    here: Shell, name: str, command: tuple[str, ...], flag: str
) -> None:
    code, out, err = here.bsx(*command, flag, name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("bsx: error: ") and flag in err
