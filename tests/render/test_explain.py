"""What each number means, in plain words: of any sweep, at any width."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from bsx.render import explain
from bsx.render.meanings import meaning
from bsx.schema import Analysis, Caution, Estimate, MemoryLimit, Metric, Sweep
from tests.render import sample
from tests.render.test_rates import ANALYSES, WELL

ONE_SEED = dataclasses.replace(
    WELL, batch_sizes=tuple(dataclasses.replace(s, seeds=1) for s in WELL.batch_sizes)
)
CASES = {**ANALYSES, "one seed": ONE_SEED}


def drawn(analysis: Analysis, width: int = 80, sweep: Sweep | None = None) -> str:
    file = io.StringIO()
    explain.print_explanation(Console(file=file, width=width), sweep or sample.sweep(), analysis)
    return file.getvalue()


def text_of(analysis: Analysis, topic: str, sweep: Sweep | None = None) -> str:
    return " ".join(explain.explanation(sweep or sample.sweep(), analysis)[topic])


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", CASES)
def test_it_reads_at_any_width(name: str, width: int) -> None:
    for line in drawn(CASES[name], width).splitlines():
        assert cell_len(line) <= min(width, 98), line


@pytest.mark.parametrize("name", CASES)
def test_no_sentence_has_a_hole_in_it(name: str) -> None:
    for texts in explain.explanation(sample.sweep(), CASES[name]).values():
        for text in texts:
            assert "None" not in text and "  " not in text and "–%" not in text, text
            assert not re.search(r"\b(nan|inf)\b|– (iterations|samples|epochs)|_", text), text
            assert text.endswith((".", "?")), text


def test_an_epoch_is_explained_with_the_numbers_of_this_sweep() -> None:
    text = text_of(WELL, "batch_iteration_epoch")
    for words in ("1,437 training samples", "With batch size 64", "23 iterations are an epoch",
                  "the last batch of an epoch has 29 samples", "1,380 iterations long",
                  "60 epochs", "With batch size 2 an epoch has 719 iterations"):  # fmt: skip
        assert words in text


def test_a_batch_of_all_samples_is_an_epoch() -> None:
    size = dataclasses.replace(sample.size(1437), steps_per_epoch=1, last_batch=1437)
    only = dataclasses.replace(WELL, batch_sizes=(size,), recommendation=None)
    assert "it is a whole epoch" in text_of(only, "batch_iteration_epoch")


def test_samples_that_are_left_out_are_counted() -> None:
    size = dataclasses.replace(sample.size(64), steps_per_epoch=22, last_batch=64)
    only = dataclasses.replace(WELL, batch_sizes=(size,), recommendation=None)
    assert "and 29 are left out" in text_of(only, "batch_iteration_epoch")


def test_a_training_set_of_unknown_size_is_said_to_be_unknown() -> None:
    facts = dataclasses.replace(sample.facts(), train_samples=0)
    sweep = dataclasses.replace(sample.sweep(), facts=facts)
    rows = tuple(
        dataclasses.replace(s, steps_per_epoch=None, last_batch=None, epochs=None)
        for s in WELL.batch_sizes
    )
    text = text_of(dataclasses.replace(WELL, batch_sizes=rows), "batch_iteration_epoch", sweep)
    assert "how many there are is not known" in text


def test_the_recommended_size_is_weighed_against_the_smallest_and_the_largest() -> None:
    text = text_of(WELL, "recommendation")
    assert text.startswith("Batch size 64, learning rate 0.125.")
    for words in ("It reached the target in 102 iterations", "Batch size 2, the smallest",
                  "Batch size 1,024, the largest", "times the samples", "times the time",
                  "Batch sizes 32 and 128 came so close"):  # fmt: skip
        assert words in text


def test_the_critical_batch_size_says_where_the_recommended_one_lies() -> None:
    text = text_of(WELL, "critical_batch_size")
    assert "96 (61–148)" in text
    assert "is 0.67 times the critical one: it takes 2.5 times the fewest iterations" in text
    unknown = dataclasses.replace(
        sample.target(), critical_batch_size=None, critical_batch_size_20=None, verdict="no_plateau"
    )
    text = text_of(dataclasses.replace(WELL, targets=(unknown,)), "critical_batch_size")
    assert "cannot be determined" in text


def test_a_gap_whose_interval_holds_nothing_is_not_called_one() -> None:
    size = sample.size(64)
    assert size.final is not None
    for low, shown in ((-0.01, "no gap is shown"), (0.01, "")):
        final = dataclasses.replace(
            size.final, generalization_gap=Estimate(0.02, low, 0.05, n=5, method="t")
        )
        row = dataclasses.replace(size, final=final)
        text = text_of(dataclasses.replace(WELL, batch_sizes=(row,)), "quality")
        assert "The generalization gap, 2.0 points" in text
        assert ("no gap is shown" in text) == bool(shown)


def test_quality_without_bounds_is_told_in_its_own_units() -> None:
    facts = dataclasses.replace(sample.facts(), metrics=(Metric("mse", False),), baseline=None)
    size = sample.size(64)
    assert size.final is not None
    ends = {"mse": sample.estimate(0.0121, 0.1)}
    final = dataclasses.replace(size.final, train=ends, validation=ends, test=ends)
    analysis = dataclasses.replace(
        WELL, metric="mse", batch_sizes=(dataclasses.replace(size, final=final),)
    )
    sweep = dataclasses.replace(sample.sweep(), facts=facts)
    text = text_of(analysis, "quality", sweep)
    assert "has mse 0.0121 on validation" in text
    assert "%" not in text


def test_one_seed_has_no_intervals_and_says_why() -> None:
    assert "there are no intervals" in text_of(ONE_SEED, "intervals")
    assert "102 (90–117) iterations at batch size 64 means: 102 as measured" in text_of(
        WELL, "intervals"
    )


def test_memory_is_told_as_a_share_of_the_limit_where_it_is_known() -> None:
    facts = dataclasses.replace(sample.facts(), memory_limit=MemoryLimit(2**30, "container"))
    sweep = dataclasses.replace(sample.sweep(), facts=facts)
    text = text_of(WELL, "speed", sweep)
    assert "1 % of the 1 GiB that the container may hold" in text
    assert "`bsx probe`" in text
    assert "peak" not in text_of(WELL, "speed")


@pytest.mark.parametrize(
    "code", ["learning_rate_at_edge", "censored", "target_auto", "quality_not_settled", "few_seeds"]
)
def test_a_caution_is_followed_by_what_it_means(code: str) -> None:
    values = {
        "learning_rate": 0.5, "side": "high", "goal": "target", "reached_fraction": 0.5,
        "metric": "accuracy", "threshold": 0.9, "tolerance": 0.005, "seeds": 2, "seeds_needed": 9,
    }  # fmt: skip
    analysis = dataclasses.replace(WELL, cautions=(Caution(code, values, 8), Caution(code, values)))
    [text] = explain.cautions(sample.sweep(), analysis)
    assert text.endswith(meaning(code))
    assert len(meaning(code)) > 20
    assert text[0].isupper()


def test_a_code_without_a_meaning_has_its_own_words_alone() -> None:
    analysis = dataclasses.replace(WELL, cautions=(Caution("odd_thing", {"how": 3}),))
    assert explain.cautions(sample.sweep(), analysis) == ["Odd thing (bounded True, how 3)."]


def test_markdown_has_a_heading_for_each_topic() -> None:
    text = explain.markdown(sample.sweep(name="x"), WELL)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "Batch, iteration, epoch"
    assert len(headings) == len(explain.explanation(sample.sweep(), WELL))
