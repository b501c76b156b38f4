"""The effects that docs/effects.md shows, in a shorter form of its commands."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from tests.here import Shell, here
from tests.test_docs import ROOT, blocks

__all__ = ["here"]  # a fixture
pytestmark = pytest.mark.slow


def _compared(here: Shell, key: str, *shorter: str) -> list[dict[int, dict[str, Any]]]:
    """Run the page's command for ``key``, shortened; return batch size → row, arm by arm."""
    [command] = [
        block.body
        for block in blocks(ROOT / "docs" / "effects.md")
        if block.marker == "not run" and key in block.body
    ]
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["bsx", "sweep"]
    given = [*words[1:], *shorter, "--threads", "1", "--quiet", "--format", "json"]
    code, out, err = here.bsx(*given)
    assert code == 0, err
    first, *others = [arm["sweep_id"] for arm in json.loads(out)["arms"]]
    return [_rows(here, first, other) for other in others]


def _rows(here: Shell, first: str, second: str) -> dict[int, dict[str, Any]]:
    code, out, err = here.bsx("compare", first, second, "--format", "json")
    assert code == 0, err
    return {row["batch_size"]: row for row in json.loads(out)["batch_sizes"]}


def test_batchnorm_fails_at_a_batch_of_two_and_ghosts_are_whole_batches_there(here: Shell) -> None:
    shorter = ("--batch-sizes", "2,64", "--seeds", "4", "--learning-rate", "0.0005,0.008,0.12")
    none, ghost = _compared(here, "model.norm", *shorter)
    assert none[2]["test_difference"]["low"] > 0.03
    assert none[64]["test_difference"]["value"] < 0.02
    assert ghost[2]["test_difference"]["value"] == 0
    assert ghost[64]["test_difference"]["low"] < ghost[64]["test_difference"]["high"]


def test_rprop_is_good_on_the_full_batch_and_bad_on_small_ones(here: Shell) -> None:
    shorter = ("--batch-sizes", "8", "--seeds", "4", "--learning-rate", "0.003,0.03")
    [rprop] = _compared(here, "optimizer=", *shorter)
    full = max(rprop)
    assert rprop[8]["test_difference"]["high"] < -0.03
    assert rprop[full]["test_difference"]["value"] > 0
    assert rprop[full]["steps_ratio"]["high"] < 1
