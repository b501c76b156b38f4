"""``bsx sweep --dry-run``: what it says, and which flags mean nothing beside it."""

from __future__ import annotations

import json
import os

import pytest

from bsx.errors import EXIT_DONE, EXIT_USAGE
from tests.here import QUICK, Shell, here

__all__ = ["here"]  # a fixture

IRIS = ["--dataset", "iris", "--model", "logistic", *QUICK]


def test_a_dry_run_begins_with_what_is_to_be_trained_on_what(here: Shell) -> None:
    code, out, err = here.bsx("sweep", *IRIS, "--dry-run")
    assert (code, err) == (EXIT_DONE, "")
    head = out[: out.index("Would train")]
    assert "iris: 120 training, 15 validation and 15 test samples of 4, 3 classes" in " ".join(
        head.split()
    )
    assert "logistic, 15 parameters" in head
    assert "status" not in head


def test_a_dry_run_tells_machines_of_data_and_model(here: Shell) -> None:
    found = json.loads(here.bsx("sweep", *IRIS, "--dry-run", "--format", "json")[1])
    assert (found["data"]["train_samples"], found["data"]["classes"]) == (120, 3)
    assert found["model"] == {"name": "logistic", "parameters": 15}


def test_a_dry_run_of_arms_is_one_document_with_a_row_an_arm_and_size(here: Shell) -> None:
    asked = ["sweep", *IRIS, "--dry-run", "--vary", "momentum=0,0.9"]
    found = json.loads(here.bsx(*asked, "--format", "json")[1])
    assert [one["arm"] for one in found["arms"]] == ["momentum=0", "momentum=0.9"]
    csv = here.bsx(*asked, "--format", "csv")[1].splitlines()
    assert len(csv) == 1 + 4 and csv[0].startswith("arm,batch_size")
    out = here.bsx(*asked)[1]
    assert out.count("Would train") == 2
    runs = sum(one["runs"] for one in found["arms"])
    assert f"All 2 arms: {runs} runs to train, about " in out.splitlines()[-1]


def test_more_threads_than_processors_are_remarked_on(here: Shell) -> None:
    cores = os.cpu_count()
    assert cores is not None
    said = f"--threads {cores} is the most that helps"
    for threads, is_told in ((cores, False), (cores + 1, True)):
        out = here.bsx("sweep", *IRIS, "--dry-run", "--threads", str(threads))[1]
        assert (said in " ".join(out.split())) is is_told


def test_a_dry_run_of_what_is_stored_shows_no_empty_table(here: Shell) -> None:
    here.swept(*IRIS)
    out = here.bsx("sweep", *IRIS, "--dry-run")[1]
    assert "Everything asked for is stored already" in out
    assert "Would train" not in out


@pytest.mark.parametrize(
    ("flag", "value"), [("--report", ["r.html"]), ("--log", ["tensorboard:runs"]), ("--plot", [])]
)
def test_flags_about_results_are_refused_in_a_dry_run(
    flag: str, value: list[str], here: Shell
) -> None:
    code, out, err = here.bsx("sweep", *IRIS, "--dry-run", flag, *value)
    assert (code, out) == (EXIT_USAGE, "")
    assert f"{flag} with --dry-run: a dry run trains nothing" in err
    assert list(here.folder.iterdir()) == []


def test_a_file_that_logs_can_be_run_dry_and_written(here: Shell) -> None:
    asked = ["--log", "tensorboard:runs", "--save", "my.toml", "--dry-run"]
    assert here.bsx("sweep", *IRIS, *asked)[0] == EXIT_DONE
    assert here.bsx("sweep", "my.toml", "--dry-run")[0] == EXIT_DONE
    assert not (here.folder / "runs").exists()
