"""Two arms side by side: what they share is the same, in every format."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import bsx
from bsx.comparing import Arm, compare
from bsx.render import comparison as rendered
from bsx.schema import Estimate, RunRecord, TargetSpec
from bsx.stats.intervals import t_quantile
from tests.here import Shell, here
from tests.stats.oracles import ACCURACY, config, facts, speed_records, sweep_records

__all__ = ["here"]  # a fixture

SIZES = [2**p for p in range(1, 9)]


def arm(label: str, sizes: list[int] = SIZES, rates: list[float] | None = None) -> Arm:
    """Return an arm: the runs of the same sizes and rates are the same in each."""
    rows, runs = sweep_records(SIZES, 5, np.random.default_rng(2), spread=0.3)
    speeds = speed_records(SIZES, np.random.default_rng(3))
    return Arm(
        label,
        config(targets=(TargetSpec("accuracy", 0.95),)),
        facts(),
        tuple(row for row in rows if row.batch_size in sizes),
        tuple(
            run
            for run in runs
            if run.run.recipe.batch_size in sizes
            and (rates is None or run.run.learning_rate in rates)
        ),
        tuple(speed for speed in speeds if speed.batch_size in sizes),
    )


def test_runs_that_two_arms_share_show_no_difference_whatever_else_each_has() -> None:
    found = compare(arm("all"), arm("some", SIZES[:3]))
    assert [size.batch_size for size in found.sizes] == SIZES[:3]
    for size in found.sizes:
        first, second = size.steps
        assert first is not None and second is not None and first == second
        for ratio in (size.steps_ratio, size.samples_ratio):
            assert ratio is not None
            assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)
        assert size.seconds_ratio is not None and size.seconds_ratio.value == 1.0
        assert size.validation[0] == size.validation[1]
        for difference in (size.validation_difference, size.test_difference):
            assert difference is not None
            assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_an_arm_without_a_choice_of_rates_has_no_optimism_to_give_back() -> None:
    """Both train at the same rate; the one that chose it among nine was lucky in that, too."""
    found = compare(arm("fixed", rates=[0.125]), arm("tuned"))
    [at_64] = [size for size in found.sizes if size.batch_size == 64]
    assert at_64.steps_ratio is not None and at_64.steps_ratio.value is not None
    assert at_64.steps_ratio.value > 1
    assert at_64.steps_ratio.low == at_64.steps_ratio.high == at_64.steps_ratio.value


def test_markdown_holds_every_size_and_how_to_read_it() -> None:
    comparisons = [compare(arm("a|b"), arm("second"))]
    text = rendered.markdown(comparisons, ACCURACY)
    assert text.startswith(r"# second (second) against a\|b (first)")
    assert "Critical batch size:" in text
    assert len(re.findall(r"^\| \d+ \|", text, re.MULTILINE)) == len(SIZES)
    assert "no difference is shown" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace(r"\|", "").count("|") for line in block.splitlines()}) == 1


def test_without_a_size_in_common_the_comparison_says_so() -> None:
    found = compare(arm("first"), arm("second"))
    bound = Estimate(138.0, 1.0, None, n=3)
    apart = dataclasses.replace(found, sizes=(), critical_batch_size=(None, bound))
    file = io.StringIO()
    rendered.print_comparisons(Console(file=file, width=80), [apart], ACCURACY)
    for text in (file.getvalue(), rendered.markdown([apart], ACCURACY)):
        text = " ".join(text.split())
        assert "not determined in the first, 138 (≥ 1) in the second" in text
        assert "No batch size is in both" in text
        assert "Ratios" not in text and "|" not in text


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "markdown", "table"])
def test_compare_prints_every_format(here: Shell, form: str) -> None:
    here.swept("--name", "one")
    here.swept("--name", "other", "--batch-sizes", "8")
    code, out, err = here.bsx("compare", "one", "other", "--format", form)
    assert (code, err) == (0, "")
    if form == "json":
        [row] = json.loads(out)["batch_sizes"]
        assert row["batch_size"] == 8
    if form == "jsonl":
        assert json.loads(out)["second"] == "other"
    if form in ("markdown", "table"):
        assert "other (second) against one (first)" in out


def test_compare_gets_one_value(here: Shell) -> None:
    here.swept("--name", "one")
    path = "batch_sizes.8.validation_difference.value"
    assert here.bsx("compare", "one", "one", "--get", path)[1] == "0.0\n"


def test_arms_of_vary_are_compared_in_every_format(here: Shell) -> None:
    args = ["--vary", "model.norm=none,batch"]
    found = here.swept(*args)
    [comparison] = found["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("model.norm=none", "model.norm=batch")
    assert [row["batch_size"] for row in comparison["batch_sizes"]] == [5, 8]
    from tests.here import QUICK

    code, out, _ = here.bsx("sweep", *QUICK, *args, "--format", "markdown")
    assert code == 0
    headings = re.findall(r"^# (.+)$", out, re.MULTILINE)
    assert headings == [
        "model.norm=none", "model.norm=batch",
        "model.norm=batch (second) against model.norm=none (first)",
    ]  # fmt: skip
    path = "comparisons.0.batch_sizes.5.test_difference.value"
    code, out, _ = here.bsx("sweep", *QUICK, *args, "--get", path)
    assert code == 0
    float(out)


def test_arms_that_are_judged_differently_are_printed_and_not_compared(here: Shell) -> None:
    found = here.swept("--vary", "metric=accuracy,top-3")
    assert [arm["metric"] for arm in found["arms"]] == ["accuracy", "top-3"]
    assert found["comparisons"] == []
    from tests.here import QUICK

    err = here.bsx("sweep", *QUICK, "--vary", "metric=accuracy,top-3")[2]
    assert "metric=top-3 is judged by top-3, metric=accuracy by accuracy; they are not" in err


def test_one_sweep_alone_is_compared_with_its_arms_if_it_has_some(here: Shell) -> None:
    here.swept("--name", "one")
    code, _, err = here.bsx("compare", "one")
    assert code == 2 and "one is no arm of --vary that has others; name two sweeps" in err


def test_what_only_the_arms_know_stays_with_them(tmp_path: Path) -> None:
    one = arm("one")
    other = dataclasses.replace(one, config=dataclasses.replace(one.config, tolerance=0.5))
    assert compare(one, other).sizes == compare(one, one).sizes


def later(one: Arm, label: str, factor: int) -> Arm:
    """Return an arm whose runs have the same values, ``factor`` times as late."""
    runs = []
    for record in one.runs:
        curve = [dataclasses.replace(p, step=p.step * factor) for p in record.curve]
        recipe = record.run.recipe
        recipe = dataclasses.replace(recipe, steps=recipe.steps * factor)
        run = dataclasses.replace(record.run, recipe=recipe)
        runs.append(dataclasses.replace(record, run=run, curve=curve))
    return dataclasses.replace(one, label=label, runs=tuple(runs))


def test_a_ratio_of_iterations_is_no_surer_than_the_evaluations_they_are_read_off() -> None:
    """Every seed of the second takes twice as many: the spread of the ratios is none."""
    one = arm("first")
    for size in compare(one, later(one, "second", 2)).sizes:
        found, steps = size.steps_ratio, size.steps[0]
        assert found is not None and found.value == pytest.approx(2.0)
        assert found.low is not None and found.high is not None and steps is not None
        spacing = math.log(1.05)
        expected = t_quantile(4) * spacing / math.sqrt(6)
        assert math.log(found.high / 2) == pytest.approx(expected, rel=0.3)
        assert math.log(found.low / 2) == pytest.approx(-expected, rel=0.3)


def cut(one: Arm, size: int, share: float) -> Arm:
    """Return an arm whose runs of one size end at that share of their steps."""

    def ended(record: RunRecord) -> RunRecord:
        if record.run.recipe.batch_size != size:
            return record
        end = share * record.run.recipe.steps
        return dataclasses.replace(record, curve=[p for p in record.curve if p.step <= end])

    return dataclasses.replace(one, label="cut", runs=tuple(map(ended, one.runs)))


def test_where_one_arm_does_not_get_there_the_ratio_is_a_bound() -> None:
    one = arm("first")
    two = cut(later(one, "second", 3), 64, 0.005)
    for pair, side in (((one, two), "low"), ((two, one), "high")):
        [row] = [row for row in compare(*pair).sizes if row.batch_size == 64]
        [never] = [steps for steps in row.steps if steps and steps.value is None]
        [there] = [steps for steps in row.steps if steps and steps.value is not None]
        assert never.censored_at is not None and there.high is not None
        for found in (row.steps_ratio, row.samples_ratio):
            assert found is not None and found.value is None
            bound = never.censored_at / there.high
            expected = {"low": bound, "high": 1 / bound}[side]
            assert getattr(found, side) == pytest.approx(expected)
            assert (found.high if side == "low" else found.low) is None
        assert row.seconds_ratio is not None and getattr(row.seconds_ratio, side) is not None
        text = rendered.markdown([compare(*pair)], ACCURACY)
        assert f"{'≥' if side == 'low' else '≤'} × {expected:.2f}" in text


def test_csv_of_sweeps_without_a_size_in_common_has_its_header(here: Shell) -> None:
    here.swept("--name", "one", "--batch-sizes", "5")
    here.swept("--name", "other", "--batch-sizes", "8")
    code, apart, _ = here.bsx("compare", "one", "other", "--format", "csv")
    assert code == 0
    [header] = csv.reader(io.StringIO(apart))
    _, shared, _ = here.bsx("compare", "one", "one", "--format", "csv")
    names, _ = csv.reader(io.StringIO(shared))
    assert header[:3] == names[:3] == ["first", "second", "batch_size"]
    assert {name for name in names if "." in name} <= set(header)
    assert here.bsx("compare", "one", "other", "--format", "jsonl")[:2] == (0, "")


def test_several_targets_are_refused_with_what_to_do_instead(here: Shell) -> None:
    here.swept("--name", "one")
    code, out, err = here.bsx("compare", "one", "one", "--target", "accuracy=0.5,0.4")
    assert (code, out) == (2, "")
    assert "--target accuracy=0.5,accuracy=0.4" in err and "give one of these" in err
    with pytest.raises(bsx.ConfigError, match="one target"):
        bsx.compare("one", "one", target=["accuracy=0.5", "accuracy=0.4"])
