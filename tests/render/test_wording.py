"""Codes and values become sentences."""

from __future__ import annotations

import dataclasses
import re

import pytest

from bsx.render import phrases, wording
from bsx.render.reasons import REASONS
from bsx.render.sentences import WORDS
from bsx.schema import Caution, Estimate, Metric, Recommendation

VALUES: dict[str, dict[str, object]] = {
    "learning_rate_at_edge": {"learning_rate": 0.5, "side": "high", "goal": "target"},
    "tuned_at_edge": {"name": "momentum", "value": 0.985, "side": "high"},
    "reached_at_first_look": {"step": 100.0, "metric": "accuracy", "threshold": 0.97},
    "censored": {"reached_fraction": 0.0, "metric": "accuracy", "threshold": 0.97},
    "diverged": {},
    "blows_up": {"runs": 3, "of": 3, "metric": "mse", "worst": 9.4e7, "baseline": 31.3,
                 "higher_is_better": False},
    "dominated": {"runs": 8, "rates": 2},
    "out_of_memory": {},
    "accumulated": {"micro_batch_size": 32},
    "failed": {"error": "Traceback\n  File x\nValueError: no", "runs": 5},
    "not_run": {},
    "batchnorm_of_micro_batch": {"micro_batch_size": 32},
    "batch_grows": {"grows_to": 128},
    "growth_not_timed": {"timed_to": 64},
    "identifier_columns": {"columns": ("id", "name")},
    "date_columns": {"columns": (("day", 700),), "dropped": ()},
    "filled_gaps": {"columns": (("size", 30, 1000), ("kind", 1, 1000))},
    "softmax_twice": {"shape": (4,)},
    "channels_last": {"shape": (32, 32, 3)},
    "targets_unscaled": {"spread": 4.5e6},
    "tail_merged": {"last_batch": 33},
    "not_measured": {"measure": "noise-scale", "error": "RuntimeError: no"},
    "normalized_over": {"measure": "noise-scale", "samples": 32},
    "target_auto": {"metric": "accuracy", "threshold": 0.97, "within": 0.8},
    "target_not_common": {"metric": "accuracy", "threshold": 0.97, "sizes": (512, 1024),
                          "within": 0.8},
    "target_below_baseline": {"metric": "accuracy", "threshold": 0.89, "baseline": 0.896,
                              "name": "most frequent class", "source": "auto"},
    "target_not_kept": {"metric": "f1", "threshold": 0.56, "best": 0.521},
    "no_target": {"metric": "accuracy"},
    "few_seeds": {"seeds": 2},
    "branch_batchnorm": {},
    "branch_momentum": {"memory": 10.0, "steps": 8},
    "branch_rising": {"epochs": (4.0, 8.0), "of": 5, "largest": 128},
    "branch_unsettled": {"epochs": (0.5,), "of": 5, "largest": 128},
    "branch_beyond": {"epochs": (4.0, 8.0), "of": 2, "largest": 128},
    "branch_diverged": {"runs": 3, "base": False},
    "branches_missing": {"runs": 30, "of": 175},
    "no_critical_batch_size": {"reason": "no_plateau", "metric": "accuracy", "threshold": 0.97},
    "critical_batch_size_beyond": {"value": 2000.0, "largest": 1024},
    "reference_outside": {"reference": 256, "smallest": 512, "largest": 4096},
    "critical_batch_size_vague": {"value": 90.0, "low": 8.0, "high": None,
                                  "next_run": {"larger_up_to": 4096}},
    "poor_fit": {"metric": "accuracy", "threshold": 0.97},
    "speed_noisy": {"spread": 0.13},
    "speed_of_other": {"differs": ("model", "micro_batch_size")},
    "quality_not_settled": {"tolerance": 0.005, "seeds": 5, "seeds_needed": 12, "best": 8,
                            "is_best": False},
    "cheaper_left_out": {"sizes": (16, 64), "ratios": (Estimate(0.5, 0.3, 0.7), Estimate(0.9)),
                         "objective": "time", "tolerance": 0.005, "seeds": 3},
    "rate_ends_worse": {"metric": "accuracy", "bounded": True, "worse": Estimate(0.065, 0.01, 0.12),
                        "learning_rate": 0.2, "best": 0.05, "best_tuned": {}},
    "not_timed": {"sizes": (64, 128)},
    "taken_diverges": {"diverged": 1, "runs": 5},
    "seeds_diverged": {"diverged": 1, "runs": 5, "metric": "accuracy", "threshold": 0.97},
    "not_better_than_baseline": {
        "metric": "mse", "value": 0.0561, "baseline": 0.055, "name": "last value", "likely": False,
    },
    "no_recommendation": {"reason": "no_speed"},
    "different_data": {"first": "iris", "second": "wine", "samples": (120, 142)},
    "different_tasks": {"first": "classification", "second": "regression"},
    "objective_without_seconds": {"objective": "steps"},
    "objective_without_speed": {"objective": "steps"},
    "curves_repeat": {"names": ("batch_size", "seed")},
    "columns_left_out": {"columns": ("note", "model")},
    "iterations_computed": {"column": "samples", "batch_size_column": "B"},
    "batch_size_in_tokens": {"column": "tokens per batch"},
    "rows_left_out": {"rows": 12},
}  # fmt: skip


def test_every_code_with_words_is_tried_here() -> None:
    assert set(VALUES) == set(WORDS)


@pytest.mark.parametrize("code", sorted(VALUES))
def test_every_caution_is_a_clean_sentence_without_its_code(code: str) -> None:
    text = wording.message(Caution(code, VALUES[code]))
    assert len(text.split()) >= 3
    assert "_" not in text
    assert "None" not in text
    assert "\n" not in text


def test_epochs_are_said_to_be_what_iterations_come_from() -> None:
    values = {"column": "epoch", "batch_size_column": "B", "epoch_samples": 50_000}
    said = wording.message(Caution("iterations_computed", values))
    assert "the column epoch × (50,000 / B, rounded up)" in said


@pytest.mark.parametrize(
    ("whose", "said"),
    [
        ({}, "the same command measures it"),
        ({"program": True}, "by two reports of a run or more"),
        ({"elsewhere": True}, "by seconds at two points of a run or more"),
    ],
)
def test_who_has_to_tell_the_time_is_said(whose: dict[str, object], said: str) -> None:
    values = {"reason": "no_speed", "objective": "cost", **whose}
    assert said in wording.message(Caution("no_recommendation", values))


@pytest.mark.parametrize("code", sorted(VALUES))
def test_values_that_are_missing_do_not_stop_a_caution(code: str) -> None:
    assert wording.message(Caution(code, {}))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"ended": {}}, "none is finished yet; the same command goes on"),
        ({"ended": {"diverged": 4}}, "all 4 diverged"),
        (
            {"ended": {"failed": 1, "diverged": 3}, "error": "Traceback\nValueError: no\n"},
            "1 failed and 3 diverged; first error: ValueError: no",
        ),
    ],
)
def test_where_no_run_completed_it_says_how_they_ended(
    values: dict[str, object], expected: str
) -> None:
    said = wording.message(Caution("no_recommendation", {"reason": "no_run_completed", **values}))
    assert said == f"no run completed, so no batch size can be recommended: {expected}"


@pytest.mark.parametrize("code", ["no_critical_batch_size", "no_recommendation"])
def test_an_unknown_reason_is_spelled_out(code: str) -> None:
    assert "moon in the way" in wording.message(Caution(code, {"reason": "moon_in_the_way"}))


def test_without_a_target_it_says_what_helps() -> None:
    said = wording.message(Caution("no_target", {"metric": "accuracy"}))
    assert said.endswith("train longer (--epochs) or set --target")
    few = wording.message(
        Caution("no_target", {"metric": "mse", "evaluations": 3, "program": True})
    )
    assert "runs have 3 evaluations at most" in few and "let the program evaluate" in few
    ours = wording.message(Caution("no_target", {"metric": "mse", "evaluations": 3}))
    assert "--evaluation-spacing" in ours and "program" not in ours
    assert few.replace("3 ", "40 ") != wording.message(
        Caution("no_target", {"metric": "mse", "evaluations": 40})
    )
    own = wording.message(Caution("no_target", {"metric": "loss", "own_length": True}))
    assert "let the program train longer (with {epochs} or {steps} in the command" in own
    values = {"metric": "accuracy", "at_once": True, "others": ["top-5", "balanced-accuracy", "f1"]}
    held = wording.message(Caution("no_target", values))
    assert "set --target balanced-accuracy=VALUE or --target f1=VALUE" in held
    alone = wording.message(Caution("no_target", {"metric": "mse", "at_once": True}))
    assert alone.endswith("with --target mse=VALUE")


def test_an_unknown_code_is_spelled_out_with_its_values() -> None:
    caution = Caution("odd_thing", {"how_odd": 3.14159, "where": "here", "sizes": [2, 4]})
    assert wording.message(caution) == "odd thing (how odd 3.14, where here, sizes 2 and 4)"


def test_the_same_caution_of_several_batch_sizes_is_one_line() -> None:
    lines = wording.grouped([Caution("diverged", {}, size) for size in (8, 2, 4)])
    assert len(lines) == 1
    assert lines[0].startswith("batch sizes 2, 4 and 8: every run diverged")


def test_cautions_that_say_different_things_stay_apart() -> None:
    rates = [
        Caution(
            "learning_rate_at_edge", {"learning_rate": rate, "side": side, "goal": "final"}, size
        )
        for rate, side, size in ((0.01, "low", 2), (0.02, "low", 4), (4.0, "high", 512))
    ]
    low, high = wording.grouped(rates)
    assert low.startswith("batch sizes 2 and 4")
    assert "0.01 to 0.02" in low
    assert "lowest" in low
    assert high.startswith("batch size 512")
    assert "highest" in high


def test_cautions_of_two_targets_name_their_target() -> None:
    cautions = [
        Caution("poor_fit", {"metric": "accuracy", "threshold": threshold})
        for threshold in (0.9, 0.97)
    ]
    first, second = wording.grouped(cautions)
    assert "accuracy 0.9 " in first
    assert "accuracy 0.97 " in second


@pytest.mark.parametrize(
    ("metric", "higher", "goal"),
    [("accuracy", True, "accuracy ≥ 0.9"), ("mse", False, "mse ≤ 0.9")],
)
def test_a_target_says_on_which_side_of_it_to_be(metric: str, higher: bool, goal: str) -> None:
    values = {"metric": metric, "threshold": 0.9, "higher_is_better": higher, "within": 0.8}
    assert f"validation {goal}, was chosen" in wording.message(Caution("target_auto", values))
    assert phrases.goal(values) == goal


def test_data_of_one_name_that_are_not_the_same_are_called_changed() -> None:
    values = {"first": "digits", "second": "digits", "samples": (1437, 1437)}
    text = wording.message(Caution("different_data", values))
    assert text.startswith("both sweeps are of digits, but not of the same training samples:")
    assert "the data or their division changed" in text


@pytest.mark.parametrize(
    ("likely", "remedy"), [(True, "add seeds to be sure"), (False, r"train longer \(--epochs\)")]
)
def test_what_does_not_beat_the_baseline_says_both_and_a_remedy(likely: bool, remedy: str) -> None:
    values = {**VALUES["not_better_than_baseline"], "likely": likely}
    text = wording.message(Caution("not_better_than_baseline", values))
    assert text.startswith("test mse 0.0561 at the end is not shown to be better than the 0.055")
    assert "(last value)" in text
    assert re.search(remedy, text)


def test_a_caution_of_the_whole_sweep_names_no_batch_size() -> None:
    assert wording.grouped([Caution("few_seeds", {"seeds": 1})])[0].startswith("1 seed")


def test_of_a_traceback_only_the_last_line_is_said() -> None:
    text = wording.message(Caution("failed", VALUES["failed"]))
    assert "ValueError: no" in text
    assert "File x" not in text


def test_control_characters_of_a_user_do_not_reach_the_terminal() -> None:
    text = wording.message(Caution("failed", {"error": "\x1b[31mred\x07", "runs": 1}))
    assert all(character.isprintable() for character in text)


def test_a_tolerance_is_in_points_only_for_a_bounded_metric() -> None:
    caution = Caution("quality_not_settled", VALUES["quality_not_settled"])
    assert "0.5 points" in wording.message(caution, Metric("accuracy", True, bounded=True))
    assert "0.005" in wording.message(caution, Metric("loss", False))


RECOMMENDATION = Recommendation(
    batch_size=64,
    learning_rate=0.125,
    objective="time",
    indifferent=(),
    reason=Caution(
        "fastest_admitted",
        {
            "metric": "accuracy",
            "tolerance": 0.005,
            "best": 2,
            "admitted": (2, 64),
            "cost": 38.2,
            "alike": (2, 64),
            "measured": 2,
            "peak": 2.0**20,
            "within": 0.05,
            "seconds": 4.5,
            "missing": None,
            "seeds": 5,
            "seeds_needed": 30,
            "spread_known": True,
        },
    ),
)


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_is_a_sentence(code: str) -> None:
    reason = dataclasses.replace(RECOMMENDATION.reason, code=code)
    text = wording.reason(dataclasses.replace(RECOMMENDATION, reason=reason))
    assert re.fullmatch(r"[A-Z].+\.", text)
    assert "0.5 points" in text or code == "only_size"
    assert "tolerance" not in text


def test_of_a_metric_without_bounds_a_tolerance_is_told_with_its_share_and_whose_the_best_is() -> (
    None
):
    text = reason_of("fastest_admitted", "time", tolerance=0.0174, share=0.05, bounded=False)
    assert "shown to be within 0.0174 (5 %) of the best, that of batch size 2, it reaches" in text


def test_a_time_by_the_fitted_curve_is_called_so() -> None:
    for code in ("fastest_admitted", "memory_admitted", "quality_tied"):
        said = "about 38 s" if code == "fastest_admitted" else "about 4.5 s"
        assert f"{said} by the fitted curve" in reason_of(code, "time", by_curve=True)
        assert f"{said} by" not in reason_of(code, "time", by_curve=False)


def test_a_model_is_called_worse_than_the_baseline_only_where_that_is_shown() -> None:
    def said(**values: object) -> str:
        given = {**VALUES["not_better_than_baseline"], **values}
        return wording.message(Caution("not_better_than_baseline", given))

    assert "test mse 0.0561 at the end is not shown to be better than the 0.055" in said()
    assert "test mse 0.0561 at the end is worse than the 0.055 of" in said(worse=True)
    assert "balanced-accuracy" not in said()
    assert said(unbalanced=True).endswith("--metric balanced-accuracy tells more")


def test_points_of_a_trunk_are_named_by_their_epochs_as_the_tables_name_them() -> None:
    values = {**VALUES["branch_unsettled"], "epochs": (0.755,)}
    assert "after 0.755 epochs" in wording.message(Caution("branch_unsettled", values))


def test_a_size_takes_less_where_that_is_shown_and_may_where_it_is_not() -> None:
    ratios = {16: Estimate(0.5, 0.3, 0.7), 32: Estimate(0.6, 0.5, 0.8), 64: Estimate(0.9, 0.7, 1.1)}

    def said(objective: str, *sizes: int) -> str:
        of = tuple(ratios[size] for size in sizes)
        values = {**VALUES["cheaper_left_out"], "sizes": sizes, "ratios": of}
        return wording.message(Caution("cheaper_left_out", {**values, "objective": objective}))

    assert "batch size 16 takes less time, × 0.50 (0.30–0.70), and is left out" in said("time", 16)
    assert "batch size 64 may take fewer iterations, × 0.90" in said("steps", 64)
    both = said("time", 16, 32, 64)
    assert "batch sizes 16 and 32 take less time, × 0.50 (0.30–0.70) and × 0.60" in both
    assert ", batch size 64 may, × 0.90 (0.70–1.10), and are left out" in both


def test_the_reason_says_what_the_recommended_size_costs() -> None:
    assert "in the least time, about 38 s" in wording.reason(RECOMMENDATION)
    by_steps = dataclasses.replace(RECOMMENDATION, objective="steps")
    assert "in the fewest iterations, about 38" in wording.reason(by_steps)
    by_cost = dataclasses.replace(RECOMMENDATION, objective="cost", price_per_hour=2.5)
    assert "at the least cost, about 38.2 at 2.5 an hour" in wording.reason(by_cost)


def reason_of(code: str, objective: str, **values: object) -> str:
    """Word a reason with other values."""
    reason = Caution(code, {**RECOMMENDATION.reason.values, **values})
    return wording.reason(dataclasses.replace(RECOMMENDATION, objective=objective, reason=reason))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "about 4.5 s; about 30 seeds, not 5, would settle whether batch size 2, whose mean"),
        ({"best": 64}, "in the least time, about 4.5 s, and it has the best mean too."),
        ({"seeds_needed": None}, "is too near that of batch size 2, the best, for seeds to settle"),
        ({"seeds_needed": None, "spread_known": False}, "more seeds may show that batch size 2"),
        ({"seconds": None, "missing": "no_speed"}, "is not known: no speed was measured."),
        ({"seconds": None, "missing": "no_target"}, "is not known: there is no target."),
    ],
)
def test_sizes_alike_in_quality_say_what_decided_and_what_would_settle_it(
    values: dict[str, object], said: str
) -> None:
    text = reason_of("quality_tied", "quality", **values)
    assert text.startswith("It is one of 2 batch sizes that are expected to end within 0.5 points")
    assert "and are not shown to end worse; " in text
    assert said in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "all need as much memory, alike within 5 % (1 MiB); of these it reaches the target"),
        ({"admitted": (2, 4, 64)}, "2 of the 2 whose memory was measured need the least memory"),
        ({"seconds": None}, "alike within 5 % (1 MiB); of these it is the smallest."),
        ({"alike": (64,)}, "it needs the least memory, 1 MiB at its peak."),
        (
            {"alike": (64,), "measured": 1},
            "it needs the least memory of the 1 whose memory was measured, 1 MiB at its peak.",
        ),
    ],
)
def test_the_least_memory_says_which_are_alike_in_it(values: dict[str, object], said: str) -> None:
    assert said in reason_of("memory_admitted", "memory", **values)


def test_where_quality_alone_decided_it_is_said_that_the_objective_did_not() -> None:
    assert reason_of("only_best_admitted", "samples").endswith(", so that samples did not decide.")
    assert "decide" not in reason_of("only_best_admitted", "time")


def test_it_is_said_of_how_many_sizes_quality_is_shown_and_whether_of_the_one_taken() -> None:
    few = {"admitted": (2, 8, 64), "shown": (2, 64), "best": 2}
    all_shown = reason_of("fastest_admitted", "time", **{**few, "shown": (2, 8, 64)})
    assert "Of the 3 batch sizes whose final validation accuracy is shown to be" in all_shown
    expected = "Of the 3 batch sizes that are expected to end within 0.5 points"
    some = reason_of("fastest_admitted", "time", **few)
    assert some.startswith(expected) and ", that of batch size 2 (shown for this one), it" in some
    best = reason_of("fastest_admitted", "time", **{**few, "shown": (64,), "best": 64})
    assert "(this one is the best)" in best
    not_it = reason_of("fastest_unsettled", "time", **few)
    assert not_it.startswith(expected) and "(not yet shown for this one)" in not_it


@pytest.mark.parametrize(
    ("is_best", "said"),
    [
        (False, "cannot show that it ends within 0.5 points of batch size 8, the best; about 12"),
        (True, "cannot show that no other ends within 0.5 points of it; about 12"),
    ],
)
def test_what_the_seeds_cannot_show_of_the_recommended_size_is_said(
    is_best: bool, said: str
) -> None:
    values = {**VALUES["quality_not_settled"], "is_best": is_best, "bounded": True}
    assert said in wording.message(Caution("quality_not_settled", values, 64))


def test_what_cannot_be_recommended_by_says_what_is_missing() -> None:
    caution = Caution("no_recommendation", {"reason": "no_memory", "objective": "memory"})
    said = "no batch size can be recommended by memory: no peak memory was measured"
    assert wording.message(caution) == said


def test_an_unknown_reason_for_a_recommendation_is_spelled_out() -> None:
    reason = Caution("told_by_an_oracle", {"name": "Pythia"})
    text = wording.reason(dataclasses.replace(RECOMMENDATION, reason=reason))
    assert text == "Told by an oracle (name Pythia)."


@pytest.mark.parametrize(
    ("goes_on", "said"),
    [
        ("alone", "about 12 would (`bsx sweep --more-seeds 7`)"),
        ("same_options", "about 12 would (the same command with --more-seeds 7)"),
        (None, "about 12 would, or"),
    ],
)
def test_the_command_that_adds_seeds_is_named_where_there_is_one(
    goes_on: str | None, said: str
) -> None:
    values = {**VALUES["quality_not_settled"], "goes_on": goes_on}
    assert said in wording.message(Caution("quality_not_settled", values))


def test_a_reason_names_the_command_that_would_settle_it() -> None:
    values = {
        "metric": "accuracy", "tolerance": 0.005, "best": 8, "alike": (8, 64), "seconds": 0.5,
        "seeds": 5, "seeds_needed": 30, "spread_known": True, "missing": None,
    }  # fmt: skip
    reason = Caution("quality_tied", {**values, "goes_on": "alone"}, 64)
    text = wording.reason(Recommendation(64, 0.1, "quality", (8,), reason))
    assert "about 30 seeds, not 5, would settle" in text
    assert "(`bsx sweep --more-seeds 25`)" in text


def test_the_command_for_more_seeds_names_the_sweep() -> None:
    values = {"seeds": 3, "goes_on": "alone"}
    assert "`bsx sweep --more-seeds 2`" in wording.message(Caution("few_seeds", values))
    named = {**values, "sweep": "my first"}
    assert "`bsx sweep 'my first' --more-seeds 2`" in wording.message(Caution("few_seeds", named))


def test_few_seeds_ask_for_no_number_where_another_sentence_does() -> None:
    said = wording.message(Caution("few_seeds", {"seeds": 3, "asked_elsewhere": True}))
    assert said == "3 seeds give wide, unsure intervals"


def test_where_no_critical_batch_size_is_known_targets_that_have_one_are_named() -> None:
    where = {"metric": "accuracy", "threshold": 0.93, "higher_is_better": True}
    fits = [{**where, "threshold": threshold} for threshold in (0.9, 0.95)]
    values = {"reason": "poor_fit", "departure": "slow_fall", "fits_at": fits, **where}
    said = wording.message(Caution("no_critical_batch_size", values))
    assert "already among the smallest batch sizes" in said
    assert "(of the same runs it is known for accuracy ≥ 0.9 and accuracy ≥ 0.95)" in said


def test_of_seeds_that_never_and_mostly_reach_the_target_no_odd_range_is_said() -> None:
    cautions = [
        Caution("censored", {"reached_fraction": share, "metric": "loss", "threshold": 0.1}, size)
        for size, share in ((2, 0.0), (8, 0.8))
    ]
    [said] = wording.grouped(cautions, None)
    assert "of the seeds none, or at most 80 %, reached" in said
