"""docs/rules-of-thumb.md: each rule has a command, a table and a verdict, and they belong together.

What the tables hold is measured by docs/measure.py. Two of the experiments run in a shorter form.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bsx.cli.app import load_command
from bsx.config import read_arms
from bsx.schema import Estimate
from tests.here import Shell, here
from tests.test_docs import ROOT, blocks

__all__ = ["here"]  # a fixture

PAGE = ROOT / "docs" / "rules-of-thumb.md"


def _measure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure", ROOT / "docs" / "measure.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


measure = _measure()
TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = {int(match["number"]): match[0] for match in measure.SECTION.finditer(TEXT)}
VERDICT = re.compile(r"\*\*(?:Verdict: )?(holds with conditions|holds|does not hold here)\b")


def _commands() -> Iterator[str]:
    """Yield every bsx command of the page that trains or probes, on one line."""
    for block in blocks(PAGE):
        if block.language == "bash":
            for line in block.body.replace("\\\n", " ").splitlines():
                if line.startswith(("bsx sweep", "bsx probe")):
                    yield " ".join(line.split())


COMMANDS = sorted(set(_commands()))
MEASURED = [n for n, text in SECTIONS.items() if "**Not measured yet.**" not in text]


def test_the_page_has_the_fourteen_rules_in_their_order() -> None:
    assert list(SECTIONS) == list(range(1, 15))


@pytest.mark.parametrize("number", SECTIONS)
def test_every_rule_has_a_command_and_where_it_is_measured_one_verdict(number: int) -> None:
    section = SECTIONS[number]
    assert re.search(r"^(\$ )?bsx (calc|sweep|probe) ", section, re.MULTILINE)
    assert len(re.findall(r"\*\*Verdict: ", section)) == (number in MEASURED)


def test_the_summary_gives_the_verdicts_of_the_sections() -> None:
    summary = dict(
        re.findall(r"^\| \[(\d+)\. .*?\]\(.*?\) \| \*\*(.+?)\*\* \|", TEXT, re.MULTILINE)
    )
    verdicts = {str(n): found[1] for n, text in SECTIONS.items() if (found := VERDICT.search(text))}
    assert summary == verdicts


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_read_without_complaint(command: str) -> None:
    _, name, *words = shlex.split(command)
    params = load_command(name).make_context(name, words).params
    arms, _ = read_arms(params, {}, None)
    assert arms


def test_every_table_has_the_columns_that_its_comment_names() -> None:
    for match in measure.TABLE.finditer(TEXT):
        titles = [column["title"] for column in measure.columns_of(match["columns"])[1]]
        if not match["table"].strip():  # still to be measured
            continue
        header, rule, *rows = match["table"].strip().splitlines()
        assert header == f"| {' | '.join(titles)} |"
        assert rule.count("---") == len(titles)
        assert rows and all(row.count(" | ") == len(titles) - 1 for row in rows)


def test_every_comment_of_a_table_stands_between_its_commands_and_its_table() -> None:
    assert TEXT.count("<!-- measured") == len(list(measure.TABLE.finditer(TEXT)))


def test_tables_of_arithmetic_are_up_to_date(tmp_path: Path) -> None:
    for match in measure.TABLE.finditer(SECTIONS[1]):
        found = measure.table(match["columns"], measure.Measured.by(match["commands"], tmp_path))
        assert match["table"].strip() == found.strip(), "run: python docs/measure.py"


def test_values_are_written_with_their_intervals() -> None:
    share = asdict(Estimate(0.9712, 0.9651, 0.9783))
    assert measure.cell(share, "percent") == "97.1 (96.5–97.8)"
    assert (
        measure.cell(asdict(Estimate(-0.012, -0.02, 0.001)), "points") == "−1.20 (−2.00 to +0.10)"
    )
    assert measure.cell(asdict(Estimate(1.4, 1.18, 1.67)), "ratio") == "× 1.40 (1.18–1.67)"
    assert measure.cell(asdict(Estimate(None, censored_at=300.0)), "whole") == "> 300"
    assert measure.cell(None, None) == "–"
    assert measure.cell("out_of_memory", None) == "out of memory"
    assert measure.cell([32, 10], None) == "(32, 10)"


# --- experiments in a shorter form -------------------------------------------------------------


def _compared(here: Shell, key: str, *shorter: str) -> list[dict[int, dict[str, Any]]]:
    """Run the page's command for ``key``, shortened; return batch size → row, arm by arm."""
    [command] = [block.body for block in blocks(PAGE) if key in block.body]
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


@pytest.mark.slow
def test_batchnorm_fails_at_a_batch_of_two_and_ghosts_are_whole_batches_there(here: Shell) -> None:
    shorter = ("--batch-sizes", "2,64", "--seeds", "4", "--learning-rate", "0.0005,0.008,0.12")
    none, ghost = _compared(here, "norm=batch,none,ghost", *shorter)
    assert none[2]["test_difference"]["low"] > 0.03
    assert none[64]["test_difference"]["value"] < 0.02
    assert ghost[2]["test_difference"]["value"] == 0
    assert ghost[64]["test_difference"]["low"] < ghost[64]["test_difference"]["high"]


@pytest.mark.slow
def test_rprop_is_good_on_the_full_batch_and_bad_on_small_ones(here: Shell) -> None:
    shorter = ("--batch-sizes", "8", "--seeds", "4", "--learning-rate", "0.003,0.03")
    [rprop] = _compared(here, "optimizer=rmsprop,rprop", *shorter)
    full = max(rprop)
    assert rprop[8]["test_difference"]["high"] < -0.03
    assert rprop[full]["test_difference"]["value"] > 0
    assert rprop[full]["steps_ratio"]["high"] < 1
