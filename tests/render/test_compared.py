"""What other sizes take beside the recommended one: of which origin, and at which rate."""

from __future__ import annotations

import dataclasses

from bsx.render import advice, compared, explain, trained
from bsx.schema import Analysis, Budget, Estimate
from tests.render import sample

WELL = sample.analysis()


def advised(analysis: Analysis = WELL, *, by_curve: bool = True, **changes: object) -> Analysis:
    """Change the recommendation of an analysis."""
    taken = analysis.recommendation
    assert taken is not None
    values = {**taken.reason.values, "by_curve": by_curve}
    taken = dataclasses.replace(taken, reason=dataclasses.replace(taken.reason, values=values))
    return dataclasses.replace(
        analysis,
        recommendation=dataclasses.replace(taken, **changes),  # type: ignore[arg-type]
    )


def title(analysis: Analysis) -> str:
    """Return the heading of the comparison."""
    found = compared.costs(sample.sweep(), analysis)
    assert found is not None
    return found.title


def test_the_heading_says_whether_the_ratios_are_by_the_curve_or_as_measured() -> None:
    at = "Compared with batch size 64 (to the target"
    assert title(advised()) == f"{at} by the fitted curve):"
    assert title(advised(by_curve=False)) == f"{at} as measured):"
    for objective in ("memory", "quality"):  # these compare nothing that is counted to the target
        assert title(advised(objective=objective)).startswith(f"{at} as measured")


def test_a_size_that_the_curve_was_not_asked_of_is_named_as_measured() -> None:
    taken = WELL.recommendation
    assert taken is not None
    ratios = {b: r for b, r in taken.relative_cost.items() if b != 128}
    said = title(advised(relative_cost=ratios))
    assert said.endswith("(to the target by the fitted curve, batch size 128 as measured):")


def test_where_the_recommended_rate_is_not_the_fastest_the_heading_says_whose_ratios_they_are() -> (
    None
):
    said = title(advised(objective="quality", learning_rate=0.01))
    assert said.endswith("(to the target as measured, each size at its rate fastest to it):")
    assert "rate" not in title(advised(objective="quality"))


def test_what_is_explained_of_the_time_does_not_mix_the_curve_with_what_was_measured() -> None:
    ratios = {2: Estimate(7.5, 6.0, 9.0, n=5), 1024: Estimate(1.5, 1.2, 2.0, n=5)}
    sweep = sample.sweep()
    [text, *_] = [
        told
        for told in explain.explanation(sweep, advised(relative_cost=ratios))["recommendation"]
        if "As measured" in told
    ]
    measured, _, curve = text.partition("By the fitted curve, by which sizes are compared,")
    assert "7.5" not in measured and "1.20" not in measured
    assert "the time is × 7.50 (6.00–9.00) at batch size 2 and × 1.50 (1.20–2.00) at" in curve
    seconds = {row.batch_size: row.to_target[0].seconds for row in WELL.batch_sizes}
    times = [seconds[size] for size in (1024, 64)]
    last, own = (quantity.value for quantity in times if quantity and quantity.value)
    assert f"{last / own:.2g} times the time" in measured
    without = explain.explanation(sweep, advised(relative_cost=ratios, by_curve=False))
    assert "By the fitted curve, by which" not in " ".join(without["recommendation"])
    assert "7.5 times the time (6.00–9.00)" in " ".join(without["recommendation"])


def test_sizes_that_take_less_but_end_worse_are_named_two_at_most() -> None:
    ratios = {b: Estimate(0.1 * b, 0.09 * b, 0.11 * b, n=5) for b in (1, 2, 4, 8)}

    def said(*sizes: int) -> str:
        analysis = advised(relative_cost=ratios)
        taken = analysis.recommendation
        assert taken is not None
        reason = dataclasses.replace(
            taken.reason, values={**taken.reason.values, "passed_over": sizes}
        )
        analysis = advised(dataclasses.replace(analysis), relative_cost=ratios, reason=reason)
        assert analysis.recommendation is not None
        lines = advice.explanation(sample.sweep(), analysis, analysis.recommendation)
        return next((line for line in lines if "but" in line), "")

    assert said() == ""
    assert said(8) == (
        "Batch size 8 takes less time, × 0.80 (0.72–0.88), but is shown to end worse than that."
    )
    assert said(2, 1, 4, 8) == (
        "Batch sizes 1 and 2, and 2 more, take less time, × 0.10 (0.09–0.11) and × 0.20 "
        "(0.18–0.22), but are shown to end worse than that."
    )


def test_that_nothing_is_tied_with_the_recommended_size_is_said_shortly() -> None:
    analysis = advised(indifferent=())
    assert analysis.recommendation is not None
    lines = advice.explanation(sample.sweep(), analysis, analysis.recommendation)
    assert "No other of them is tied with it in time to the target." in lines


def test_a_budget_of_one_epoch_is_not_of_1_epochs() -> None:
    config = sample.config(budget=Budget(epochs=1))
    told = dict(trained.described(dataclasses.replace(sample.sweep(), config=config), None))
    assert told["budget"] == "1 epoch"


def test_that_another_rate_ends_better_is_said_only_as_far_as_the_seeds_show_it() -> None:
    analysis = sample.analysis()
    taken = analysis.recommendation
    assert taken is not None

    def told(worse: Estimate) -> str:
        asked = dataclasses.replace(taken, ends_worse=worse)
        return advice.explanation(sample.sweep(), analysis, asked)[-1]

    assert told(Estimate(0.008, 0.001, 0.015)).endswith("this one ends 0.8 (0.1–1.5) points worse.")
    unsure = told(Estimate(0.008, -0.001, 0.017))
    assert unsure.endswith("0.8 (−0.1 to 1.7) points worse, so that no difference is shown.")
    alike = told(Estimate(-1e-17, -0.01, 0.01))
    assert alike.endswith("0.0625 is best at this size, but not shown to end better.")
