"""``bsx report`` at the door: where it writes, what it prints, what it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bsx import files
from bsx.schema import BatchSizes
from tests import fakes
from tests.here import QUICK, Shell, here
from tests.report.made import assert_sound

__all__ = ["here"]


@pytest.fixture
def stored(here: Shell) -> Shell:
    """A shell with a small sweep of the fake world in its store."""
    asked = fakes.config(batch_sizes=BatchSizes((8, 64)), seeds=2, name="my sweep/..")
    fakes.run_sweep(here.folder / "bsx-runs", asked)
    return here


def test_a_report_is_written_beside_the_store_and_its_name_printed(stored: Shell) -> None:
    code, out, err = stored.bsx("report")
    assert (code, err) == (0, "")
    assert out == "bsx-report-my-sweep.html\n"
    found = assert_sound((stored.folder / out.strip()).read_text(encoding="utf-8"))
    assert "my sweep/.." in found.text
    names = {file.name for file in stored.folder.iterdir()}
    assert names == {"bsx-runs", out.strip()}


@pytest.mark.parametrize("args", [("report", "-o"), ("sweep", *QUICK, "--report"),
                                  ("sweep", *QUICK, "--save")])  # fmt: skip
def test_a_file_of_another_kind_is_not_written_over(stored: Shell, args: tuple[str, ...]) -> None:
    other = stored.folder / "data.csv"
    other.write_text("mine")
    code, out, err = stored.bsx(*args, "data.csv")
    assert (code, out) == (2, "") and "is there already" in err
    assert other.read_text() == "mine"


def test_a_report_takes_the_place_of_a_report_and_of_no_other_page(stored: Shell) -> None:
    for _ in range(2):
        assert stored.bsx("report", "-o", "found.html")[0] == 0
    page = stored.folder / "page.html"
    page.write_text("<!doctype html><title>bsx</title>mine")
    for args in (("report", "-o"), ("sweep", *QUICK, "--report")):
        code, out, err = stored.bsx(*args, "page.html")
        assert (code, out) == (2, "") and "no report of bsx; give another name" in err
    assert page.read_text().endswith("mine")
    page.write_text("")
    assert stored.bsx("report", "-o", "page.html")[0] == 0


def test_the_report_of_a_sweep_is_written_though_what_is_asked_for_is_not_there(
    here: Shell,
) -> None:
    code, _, err = here.bsx("sweep", *QUICK, "--report", "r.html", "--get", "nothing.there")
    assert code == 1 and "there is no nothing" in err
    assert_sound((here.folder / "r.html").read_text(encoding="utf-8"))


def test_a_hyphen_writes_to_stdout_and_no_file(stored: Shell) -> None:
    code, out, _ = stored.bsx("report", "-o", "-")
    assert code == 0
    assert out.startswith("<!doctype html>")
    assert_sound(out)
    assert [file.name for file in stored.folder.iterdir()] == ["bsx-runs"]


def test_another_target_is_taken_as_show_takes_it(stored: Shell) -> None:
    code, out, _ = stored.bsx("report", "-o", "-", "--target", "accuracy=0.8")
    assert code == 0
    assert "Iterations to accuracy ≥ 0.8" in out


@pytest.mark.parametrize("place", ["none/report.html", ".", "", "x" * 300])
def test_a_place_that_cannot_be_is_refused_in_one_line(place: str, stored: Shell) -> None:
    code, out, err = stored.bsx("report", "--output", place)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--output" in err
    assert [file.name for file in stored.folder.iterdir()] == ["bsx-runs"]


def test_what_is_on_stdout_cannot_be_opened(stored: Shell) -> None:
    code, _, err = stored.bsx("report", "--open", "--output", "-")
    assert (code, err.count("\n")) == (2, 1)


def test_an_unknown_sweep_and_an_empty_folder_are_one_line(here: Shell, stored: Shell) -> None:
    assert stored.bsx("report", "nobody")[0] == 3
    assert stored.bsx("report", "--store", "empty")[0] == 3


def test_a_file_is_replaced_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    place, link = tmp_path / "file", tmp_path / "link"
    place.write_text("before")
    place.chmod(0o640)
    link.symlink_to(place)
    files.write_whole(link, b"after")
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("after", 0o640)
    assert link.is_symlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "link"]


def test_a_device_is_written_to_and_stays_a_device() -> None:
    files.write_whole(os.devnull, b"nothing")
    assert not Path(os.devnull).is_file()


QUICK_SWEEP = ("sweep", *QUICK, "--format", "json", "--report")


def test_a_sweep_writes_its_report_at_its_end(here: Shell) -> None:
    code, _, err = here.bsx(*QUICK_SWEEP, "found.html")
    assert code == 0, err
    assert err.endswith("Report: found.html\n")
    assert_sound((here.folder / "found.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("place", ["none/found.html", "-"])
def test_a_report_that_cannot_be_written_is_refused_before_training(
    place: str, here: Shell
) -> None:
    code, out, err = here.bsx(*QUICK_SWEEP, place)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert list(here.folder.iterdir()) == []


def test_arms_have_one_report_with_a_comparison(here: Shell) -> None:
    code, _, err = here.bsx(*QUICK_SWEEP, "arms.html", "--vary", "optimizer=sgd,adam", "--quiet")
    assert (code, err) == (0, "")
    found = assert_sound((here.folder / "arms.html").read_text(encoding="utf-8"))
    assert "optimizer=adam against optimizer=sgd" in found.text
    code, out, _ = here.bsx("report", "-o", "-")  # the newest is one of them
    assert code == 0
    assert "optimizer=adam against optimizer=sgd" in assert_sound(out).text
    [_, second] = json.loads(here.bsx("list", "sweeps", "--format", "json")[1])
    assert second["arm"] == "optimizer=adam"
    alone = assert_sound(here.bsx("report", second["sweep_id"], "-o", "-")[1])
    assert "Comparison" not in alone.text and "optimizer=adam, of --vary" in alone.text
