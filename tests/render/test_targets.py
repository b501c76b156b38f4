"""The trade-off of a target in words and numbers, and several targets side by side."""

from __future__ import annotations

import dataclasses

import pytest
from rich.cells import cell_len

from bsx.render import next_run, targets
from bsx.schema import Analysis, Caution, Estimate, Regimes, TargetSummary
from bsx.stats.departure import directions
from tests.render import sample
from tests.render.test_tables import drawn


def ladder(count: int) -> Analysis:
    """Return the sample with so many targets, the first of which is the strictest."""
    made = sample.analysis()
    summaries = tuple(
        dataclasses.replace(
            sample.target(),
            threshold=round(0.97 - 0.01 * n, 2),
            critical_batch_size=Estimate(96.0 / (n + 1), 61.0 / (n + 1), 148.0 / (n + 1), n=5),
        )
        for n in range(count)
    )
    rows = tuple(
        dataclasses.replace(row, to_target=row.to_target * count) for row in made.batch_sizes
    )
    return dataclasses.replace(made, targets=summaries, batch_sizes=rows)


def with_regimes(perfect: Estimate | None, maximal: Estimate | None) -> TargetSummary:
    return dataclasses.replace(sample.target(), regimes=Regimes(0.2, (2, 1024), perfect, maximal))


def test_one_target_has_no_table_of_targets() -> None:
    assert targets.side_by_side(sample.analysis()) == ()
    assert "Targets:" not in drawn(sample.analysis())


@pytest.mark.parametrize("width", [80, 120])
def test_several_targets_stand_side_by_side_the_first_marked(width: int) -> None:
    text = drawn(ladder(2), width)
    table = text.partition("Targets:")[2].partition("Quality")[0]
    rows = [line for line in table.splitlines() if "accuracy" in line]
    assert rows[0].strip().startswith("→ accuracy ≥ 0.97")
    assert "96 (61–148)" in rows[0] and "48 (30–74)" in rows[1]
    assert all("fits" in row for row in rows)
    assert "→ the target that is recommended by" in table
    assert all(cell_len(line) <= width for line in text.splitlines())


def test_a_few_targets_have_their_own_tables_and_of_a_ladder_only_the_first_has() -> None:
    few, many = drawn(ladder(3)), drawn(ladder(8))
    assert few.count("Convergence:") == few.count("Trade-off:") == 3
    assert many.count("Convergence:") == many.count("Trade-off:") == 1
    assert "the tables of another: bsx show --target" in " ".join(many.split())
    assert "accuracy ≥ 0.9 " in many


def test_of_a_ladder_only_the_cautions_of_the_first_target_are_printed() -> None:
    said = tuple(
        Caution("poor_fit", {"metric": "accuracy", "threshold": threshold})
        for threshold in (0.97, 0.96)
    )
    other = Caution("few_seeds", {"seeds": 2})
    many = dataclasses.replace(ladder(8), cautions=(*said, other))
    assert targets.cautions_in_full(many) == (said[0], other)
    few = dataclasses.replace(ladder(2), cautions=(*said, other))
    assert targets.cautions_in_full(few) == (*said, other)


def test_regimes_stand_in_the_trade_off_with_their_intervals() -> None:
    found = with_regimes(Estimate(19.2, 12.2, 29.6, n=5), Estimate(480.0, 305.0, 740.0, n=5))
    values = dict(targets.trade_off(found))
    assert values["perfect scaling within 20 %, up to"] == "19 (12–30)"
    assert values["maximal parallelism within 20 %, from"] == "480 (305–740)"
    assert targets.regimes_sentence(found) == (
        "Scaling is perfect within 20 % up to batch size 19 (12–30). Iterations are within 20 % "
        "of the fewest from batch size 480 (305–740) on. In between returns diminish."
    )
    assert targets.regimes_sentence(sample.target()) is None


@pytest.mark.parametrize(
    ("perfect", "maximal", "said"),
    [
        (Estimate(None, 1024.0), Estimate(None, 1024.0), "at all sizes measured, up to 1,024;"),
        (Estimate(None, 120.0), Estimate(None, 1024.0), "up to batch size 120 at least"),
        (
            Estimate(20.0),
            Estimate(None, 1024.0),
            "only beyond batch size 1,024, the largest measured.",
        ),
        (
            Estimate(None, None, 2.0),
            Estimate(15.0),
            "at most below batch size 2, the smallest measured. It",
        ),
        (Estimate(None, None, 4.0), Estimate(None, None, 100.0), "batch size 100 on at the latest"),
        (Estimate(None, None, 2.0), Estimate(None, None, 2.0), "at all sizes measured, from 2 on"),
        (Estimate(None, 1.0), Estimate(15.0), "up to a batch size that is not known. It"),
        (Estimate(20.0), Estimate(None, 140.0), "from batch size 140 on at the earliest"),
        (None, Estimate(15.0), "not known"),
    ],
)
def test_a_regime_beyond_the_sizes_measured_is_called_so(
    perfect: Estimate | None, maximal: Estimate | None, said: str
) -> None:
    sentence = targets.regimes_sentence(with_regimes(perfect, maximal))
    assert sentence is not None and said in sentence


def test_where_neither_regime_is_known_nothing_is_said_of_them() -> None:
    assert targets.regimes_sentence(with_regimes(None, None)) is None


def test_nothing_is_said_to_lie_between_regimes_that_are_not_told_apart() -> None:
    known_by_a_bound = Estimate(None, None, 480.0, n=3), Estimate(94.0, None, 12_000.0, n=3)
    sentence = targets.regimes_sentence(with_regimes(*known_by_a_bound))
    assert sentence is not None
    assert "up to batch size 480 at most. " in sentence
    assert "from batch size 94 " in sentence
    assert "In between" not in sentence


def test_every_departure_has_its_words() -> None:
    names = {name for pair in directions(1.0, sample_sizes()) for name in pair} | {
        "uneven",
        "never_falls",
    }
    for name in names:
        assert "_" not in next_run.reason("poor_fit", name)
        assert next_run.short("poor_fit", name) != "poor fit"


def sample_sizes() -> object:
    import numpy as np

    return np.array([2.0, 4.0, 8.0])


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_to_run_next_names_flags_only_where_they_are_bsx_s_own(elsewhere: bool) -> None:
    steps = {
        "larger_up_to": 4096, "smaller_down_to": 1, "sizes_up_to": 256, "sizes_from": 8,
        "more_sizes": 2, "min_steps": 2000, "seeds": 12, "look_at": 32, "easier_target": True,
        "harder_target": True,
    }  # fmt: skip
    assert set(steps) == set(next_run._STEPS)
    for code, value in steps.items():
        text = next_run.what_next({code: value}, elsewhere=elsewhere)
        assert ("--" in text) != elsewhere
        assert "True" not in text
        if isinstance(value, int) and value is not True:
            assert (f"--min-steps {value}" if code == "min_steps" and not elsewhere
                    else f"{value:,}") in text  # fmt: skip
    assert next_run.what_next({}) == ""


def test_an_aside_in_what_to_run_next_ends_with_one_comma() -> None:
    alone = next_run.what_next({"look_at": 512}, elsewhere=True)
    assert alone == "another look at batch size 512, which is furthest off, would tell"
    steps = {"look_at": 512, "seeds": 12, "easier_target": True}
    assert "furthest off, about 12 seeds or" in next_run.what_next(steps, elsewhere=True)
    assert next_run.what_next({"look_at": 512}).endswith("512, which is furthest off")


def test_the_remedy_of_a_poor_fit_stands_in_its_caution() -> None:
    from bsx.render import wording

    values = {"metric": "accuracy", "threshold": 0.97, "departure": "rises",
              "reason": "poor_fit", "next_run": {"sizes_up_to": 256}}  # fmt: skip
    text = wording.message(Caution("no_critical_batch_size", values))
    assert "iterations rise again" in text and "leave out the sizes above 256" in text
    told = wording.message(Caution("no_critical_batch_size", {**values, "elsewhere": True}))
    assert "only the sizes up to 256" in told and "--" not in told
