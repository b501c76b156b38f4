"""Listings of what is stored and what has a name."""

from __future__ import annotations

import io

from rich.console import Console

from bsx.cli.list import _shortened
from bsx.render.listing import listing


def test_ids_are_never_broken_in_a_narrow_terminal() -> None:
    rows = [
        {
            "sweep_id": "e0243669a942",
            "name": "churn-auroc",
            "status": "out_of_time",
            "created": "11-26 18:26",
            "dataset": "csv:letter-recognition.data",
            "model": "my_model.py:MyNet",
            "runs": 120,
        }
    ]
    file = io.StringIO()
    Console(file=file, width=80).print(listing("Stored sweeps", rows))
    said = file.getvalue()
    for whole in ("e0243669a942", "churn-auroc", "out_of_time", "11-26 18:26", "dataset", " 120"):
        assert whole in said
    assert all(len(line) <= 80 for line in said.splitlines())


def test_an_arm_is_broken_before_a_value_where_there_is_no_room_for_it() -> None:
    row = {
        "sweep_id": "e0243669a942",
        "arm": "optimizer=sgd, model.hidden=[256,128]",
        "status": "complete",
        "created": "11-26 18:26",
        "dataset": "digits",
    }
    told = {}
    for width in (60, 100):
        file = io.StringIO()
        Console(file=file, width=width).print(listing("Stored sweeps", [row]))
        told[width] = [line[14:38].rstrip() for line in file.getvalue().splitlines()[2:]]
    assert told[100][1] == "model.hidden=[256,128]"
    assert told[60][1:] == ["model.hidden=", "  [256,128]"]


def test_files_are_listed_without_their_folders() -> None:
    row = {"created": "2001-02-03 04:05:06", "dataset": "csv:/a/b c/d.csv", "model": "n/m.py:Net"}
    assert _shortened(row) == {
        "created": "2001-02-03",
        "dataset": "csv:d.csv",
        "model": "m.py:Net",
    }
    assert _shortened({**row, "model": None, "dataset": "images:x/"})["dataset"] == "images:x/"
