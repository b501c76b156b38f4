"""``bsx show --rates`` and ``--explain``, driven in this process."""

from __future__ import annotations

import json

import pytest

import bsx
from tests.here import Shell, here

__all__ = ["here"]  # a fixture

TWO_RATES = ["--learning-rate", "0.01,0.1", "--target", "accuracy=0.05"]


@pytest.fixture
def swept(here: Shell) -> Shell:
    here.swept(*TWO_RATES)
    return here


def shown(shell: Shell, *args: str) -> str:
    code, out, err = shell.bsx("show", *args)
    assert code == 0, err
    return out


def test_rates_are_shown_in_every_format(swept: Shell) -> None:
    table = shown(swept, "--rates")
    assert "Learning rates: what was tried and chosen" in table
    assert "The linear rule from batch size 5" in table
    assert "Recommendation" not in table
    assert shown(swept, "--rates", "--format", "markdown").startswith("# Sweep ")
    rows = [json.loads(line) for line in shown(swept, "--rates", "--format", "jsonl").splitlines()]
    assert [(row["batch_size"], row["learning_rate"]) for row in rows] == [
        (5, 0.01), (5, 0.1), (8, 0.01), (8, 0.1),
    ]  # fmt: skip
    assert all(row["seeds"] == 2 for row in rows)
    found = json.loads(shown(swept, "--rates", "--format", "json"))
    assert [len(size["learning_rates"]) for size in found["batch_sizes"]] == [2, 2]
    assert shown(swept, "--get", "batch_sizes.5.rules.linear.verdict") == "base\n"


def test_quality_can_be_judged_by_another_metric_that_was_measured(here: Shell) -> None:
    loop = ("--engine", "loop")  # of two trainers, one may be measured the faster in either sweep
    asked = (*TWO_RATES, *loop, "--metric", "accuracy,f1")
    before = here.swept(*asked)
    again = json.loads(shown(here, "--format", "json", "--metric", "f1"))
    assert (before["metric"], again["metric"]) == ("accuracy", "f1")
    # as a sweep that was asked to judge by it from the start
    asked_for = here.swept(*TWO_RATES, *loop, "--metric", "f1,accuracy", "--store", "other")
    for row, same in zip(again["batch_sizes"], asked_for["batch_sizes"], strict=True):
        assert row["final"] == same["final"]
    assert "validation f1" in shown(here, "--metric", "f1")
    code, _, err = here.bsx("show", "--metric", "auroc")
    assert code == 2
    assert "--metric auroc: it was not measured; what was is accuracy, f1" in err
    assert "`bsx sweep --metric auroc` measures it" in err
    code, _, err = here.bsx("show", "--metric", "loss")
    assert code == 2 and "not by the loss; that can be a target, --target loss=VALUE" in err
    code, _, err = here.bsx("show", "--metric", "acuracy")
    assert code == 2 and "(did you mean accuracy?)" in err and "bsx sweep" not in err
    assert bsx.load(store="bsx-runs", metric="f1").metric == "f1"
    assert json.loads(shown(here, "--format", "json")) == before


def test_what_is_to_be_measured_of_runs_to_come_does_not_change_how_others_are_read(
    swept: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = json.loads(shown(swept, "--format", "json"))
    for metrics in ("accuracy,auroc", "mse", "acc:max"):
        monkeypatch.setenv("BSX_METRIC", metrics)
        assert json.loads(shown(swept, "--format", "json")) == before


def test_the_base_of_the_rules_can_be_named(swept: Shell) -> None:
    assert "from batch size 8" in shown(swept, "--rates", "--base-batch-size", "8")
    code, _, err = swept.bsx("show", "--rates", "--base-batch-size", "7")
    assert code == 2
    assert "--base-batch-size 7" in err


def test_an_explanation_is_text_markdown_or_json(swept: Shell) -> None:
    text = shown(swept, "--explain")
    assert "Batch, iteration, epoch" in text
    assert "1,437 training samples" in text
    assert "## Why there are intervals" in shown(swept, "--explain", "--format", "markdown")
    found = json.loads(shown(swept, "--explain", "--format", "json"))
    assert "With 2 seeds" in found["explanation"]["intervals"][0]
    assert json.loads(shown(swept, "--format", "json"))["explanation"] is None
    assert "epoch" in shown(swept, "--explain", "--get", "explanation.batch-iteration-epoch")


@pytest.mark.parametrize(
    "args", [("--rates", "--explain"), ("--explain", "--format", "csv"),
             ("--explain", "--format", "jsonl")]
)  # fmt: skip
def test_what_cannot_be_shown_together_is_refused(swept: Shell, args: tuple[str, ...]) -> None:
    code, out, err = swept.bsx("show", *args)
    assert (code, out) == (2, "")
    assert "--explain" in err


def test_memory_is_told_against_what_there_is(swept: Shell) -> None:
    limit = int(shown(swept, "--get", "memory_limit.limit_bytes"))
    share = float(shown(swept, "--get", "recommendation.memory_share.value"))
    size = shown(swept, "--get", "recommendation.batch_size").strip()
    peak = float(shown(swept, "--get", f"batch_sizes.{size}.speed.peak_memory_bytes.value"))
    assert share == pytest.approx(peak / limit)
    box = shown(swept).partition("Recommendation")[2]
    assert "At its peak it takes" in box
    assert "bsx probe" in box


def test_a_program_that_is_told_no_rate_has_none_to_show(here: Shell) -> None:
    program = here.folder / "p.py"
    program.write_text(
        "import json\nfor step in range(1, 9):\n"
        "    print(json.dumps({'step': step, 'val_loss': 1 / step}))\n"
    )
    here.bsx("sweep", "--command", "python p.py {batch_size}", "--train-samples", "64",
             "--batch-sizes", "4,8")  # fmt: skip
    assert "the program was told none" in shown(here, "--rates")
    assert "rate" not in json.loads(shown(here, "--explain", "--format", "json"))["explanation"]
