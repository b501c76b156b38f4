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
from bsx.schema import (
    Analysis,
    Branch,
    Branched,
    Branching,
    BranchPoint,
    Caution,
    Estimate,
    MemoryLimit,
    Metric,
    Sweep,
    Warmup,
    WarmupStage,
)
from tests.render import measured, sample
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


def test_a_target_that_must_be_confirmed_is_explained_so() -> None:
    asked = sample.sweep()
    assert "holds for the first time" in text_of(WELL, "target", asked)
    asked = dataclasses.replace(asked, config=dataclasses.replace(asked.config, confirm=3))
    told = text_of(WELL, "target", asked)
    assert "holds 3 times in a row (--confirm), of which the first counts" in told


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
    for words in ("As measured, it reached the target in 102 (90–117) iterations",
                  "Batch size 2, the smallest",
                  "Batch size 1,024, the largest", "times the samples", "times the time",
                  "Batch sizes 32 and 128 came so close"):  # fmt: skip
        assert words in text


def test_the_critical_batch_size_says_where_the_recommended_one_lies() -> None:
    text = text_of(WELL, "critical_batch_size")
    assert "96 (61–148)" in text
    assert "Batch size 64 lies within its interval, so that it may be below it or above it" in text
    assert "it takes 2.5 (2–3.3) times the fewest iterations and 1.7 (1.4–2) times" in text
    apart = dataclasses.replace(
        sample.target(), critical_batch_size=Estimate(160.0, 100.0, 250.0, n=5)
    )
    text = text_of(dataclasses.replace(WELL, targets=(apart,)), "critical_batch_size")
    assert "Batch size 64 is 0.4 times the critical one" in text
    unknown = dataclasses.replace(
        sample.target(), critical_batch_size=None, critical_batch_size_20=None, verdict="no_plateau"
    )
    text = text_of(dataclasses.replace(WELL, targets=(unknown,)), "critical_batch_size")
    assert "cannot be determined" in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.0, None, "takes 2.5 (≥ 1) times the fewest iterations and 1.7 (≤ 65) times"),
        (None, 900.0, "takes 2.5 (≤ 15) times the fewest iterations and 1.7 (≥ 1.1) times"),
        (5.0, 900.0, "takes 2.5 (1.1–15) times the fewest iterations and 1.7 (1.1–14) times"),
    ],
)
def test_of_a_vague_critical_batch_size_nothing_is_said_that_its_interval_does_not_show(
    low: float | None, high: float | None, said: str
) -> None:
    vague = dataclasses.replace(
        sample.target(), critical_batch_size=Estimate(sample.CRITICAL, low, high, n=5)
    )
    text = text_of(dataclasses.replace(WELL, targets=(vague,)), "critical_batch_size")
    assert "may lie below the critical one or above it" in text
    assert said in text
    assert "times the critical one" not in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (None, 56.0, "64 lies above the critical one"),
        (70.0, None, "64 lies below the critical one"),
    ],
)
def test_a_bound_of_a_vague_critical_batch_size_that_settles_the_question_does(
    low: float | None, high: float | None, said: str
) -> None:
    vague = dataclasses.replace(sample.target(), critical_batch_size=Estimate(60.0, low, high, n=5))
    assert said in text_of(dataclasses.replace(WELL, targets=(vague,)), "critical_batch_size")


def test_what_was_measured_beside_the_curves_is_explained_with_its_intervals() -> None:
    found = measured.analysis()
    scale = text_of(found, "noise_scale")
    assert "batch size 64 it was 50 (46–55) samples at the start" in scale
    assert "1,020 (469–1,630) samples at the end, × 20 (13–28) as much." in scale
    assert "Where accuracy ≥ 0.97 is reached it is 304 (112–517)" in scale
    assert "measured, that is 96 (61–148): they are of one order of magnitude" in scale
    gradients = text_of(found, "gradients")
    assert "at the start 0.20 (0.10–0.20) at batch size 2 and 0.98 (0.88–0.98) at" in gradients
    assert "0.9 is reached at batch size 213 (175–256)" in gradients
    assert "as the power −1.00 (−0.91 to −1.10)" in gradients
    sharp = text_of(found, "sharpness")
    assert "0.0246 % (0.0113–0.0394) at batch size 2 and 12.6 % (5.79–20.2)" in sharp
    assert "batch size 64 × 48 (26–72), sharper" in sharp
    assert "rescaling the weights changes it" in sharp


def test_of_what_was_not_measured_nothing_is_explained() -> None:
    assert not {"noise_scale", "gradients", "sharpness"} & set(
        explain.explanation(sample.sweep(), WELL)
    )


@pytest.mark.parametrize(
    ("largest", "said"),
    [
        (4, "No larger batch size is shown to be as good as 4"),
        (
            16,
            "From some point on, larger batch sizes than 4 are shown to be as good only at "
            "the end of the run, where nothing is left to be saved",
        ),
    ],
)
def test_a_branched_sweep_is_explained_with_its_branches(largest: int, said: str) -> None:
    found = branched_analysis(largest)
    told = explain.explanation(branched_sweep(), found)
    text = " ".join(" ".join(texts) for texts in told.values())
    for words in (
        "the trunk, was trained at batch size 4 for 1,440 iterations",
        "After 2 and 4.01 epochs everything",
        "256 iterations at batch size 4 and 64 iterations at batch size 16",
        "with its learning rate by the square-root rule",
        "needs 20 % more samples",
        "8 (≥ 4) after 2 epochs and 84 (≥ 16) after 4.01 epochs",
        said,
        "with 3 seeds",
    ):
        assert words in text, words
    for width in (40, 80, 120):
        assert "The trunk and its branches" in drawn(found, width, branched_sweep())


def branched_sweep() -> Sweep:
    branching = Branching(4, "sqrt", None, 2, 1024)
    return sample.sweep(branching=branching, seeds=3)


def branched_analysis(largest: int) -> Analysis:
    """Make a branched sweep in which, at the end, sizes up to ``largest`` are as good."""
    difference = Estimate(-0.009, -0.02, 0.002, n=3)
    points = []
    for step, critical in ((720, Estimate(8.0, 4.0, n=3)), (1440, Estimate(84.0, 16.0, n=3))):
        shown = largest if step == 1440 else 4
        branches = tuple(
            Branch(b, 0.001, 1024 // b, 3, 0, sample.estimate(0.2, 0.1),
                   None if b == 4 else difference, difference,
                   "base" if b == 4 else "as_good" if b <= shown else "undecided")
            for b in (4, 8, 16)
        )  # fmt: skip
        points.append(
            BranchPoint(step, 4 * step, 4 * step / 1437, sample.estimate(0.2, 0.1), 0.01,
                        "samples", critical, branches)
        )  # fmt: skip
    stage = WarmupStage(0, 0.0, 4, 0.001)
    found = Branched(4, 0.001, "sqrt", 0.2, 1024, tuple(points), Warmup((stage,), 1440, 1440))
    return dataclasses.replace(
        WELL, targets=(), batch_sizes=(), recommendation=None, cautions=(), branched=found
    )


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
    assert "has mse 0.0121 (0.011–0.0133) on validation" in text
    assert "%" not in text


def test_one_seed_has_no_intervals_and_says_why() -> None:
    assert "there are no intervals" in text_of(ONE_SEED, "intervals")
    assert "102 (90–117) iterations at batch size 64 means: 102 by what was measured" in text_of(
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
