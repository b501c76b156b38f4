"""The page of a report: well made, complete, and safe from what a user names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bsx.comparing import Arm, compare
from bsx.render import numbers
from bsx.render.notebook import comparison_html
from bsx.render.report import heat, scaling
from bsx.render.report.curves import plots
from bsx.render.report.heat import strength_of
from bsx.render.report.markup import prose, tag
from bsx.render.report.plots import HeatMap, linear_axis, log_axis, size_axis
from bsx.schema import Baseline, BatchSizes, Estimate, LearningRates, Metric, Regimes
from tests import fakes
from tests.fakes import Truth
from tests.render import measured, sample
from tests.report.made import HOSTILE, assert_sound, faked, named, of, page

MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("small")
    fakes.run_sweep(folder, fakes.config(batch_sizes=BatchSizes((8, 32, 128)), seeds=2))
    return folder


def test_a_page_begins_with_the_recommendation_and_has_every_section(small: Path) -> None:
    found = assert_sound(page(faked(small, fakes.config(), fresh=False)))
    headings = ("Recommendation", "What the target takes", "Training curves", "Learning rates",
                "Quality and generalization", "Throughput and memory", "Tables", "Cautions",
                "Configuration and environment", "Cite and reproduce")  # fmt: skip
    places = [found.text.rindex(heading) for heading in headings]
    assert places[0] == min(places)
    assert "Batch size" in found.text[places[0] :][:60]


@pytest.mark.parametrize(
    "analysis", [sample.analysis(), sample.troubled(), measured.analysis()], ids="abc"
)
def test_every_kind_of_sweep_gives_a_sound_page(analysis: object) -> None:
    assert_sound(page(of(analysis)))  # type: ignore[arg-type]


def test_sizes_without_a_value_are_shown_and_not_dropped() -> None:
    found = assert_sound(page(of(sample.troubled())))
    labels = found.text
    for status in ("out of memory", "diverged", "failed", "not run"):
        assert status in labels
    marks = [value for _, name, value in found.attributes if name == "class"]
    assert "p missing" in marks
    assert "p beyond" in marks


def test_what_a_user_names_is_never_markup() -> None:
    text = page(named(HOSTILE), named(HOSTILE + " again"))
    found = assert_sound(text)
    assert "<img" not in text
    assert "img" not in found.tags
    assert found.text.count("onerror=alert(1)") > 5


def test_control_characters_in_names_do_not_reach_the_page() -> None:
    text = page(named("a\x00b\x1b[31m\u202ec"))
    assert not {"\x00", "\x1b", "\u202e"} & set(text)
    assert_sound(text)


def test_ten_sizes_ten_rates_and_five_seeds_stay_small(tmp_path: Path) -> None:
    rates = tuple(2.0**-power for power in range(1, 11))
    sizes = BatchSizes(tuple(2**power for power in range(1, 11)))
    asked = fakes.config(batch_sizes=sizes, learning_rates=LearningRates("grid", rates))
    text = page(faked(tmp_path, asked))
    assert_sound(text)
    assert 100_000 < len(text.encode()) < MOST_BYTES


@pytest.mark.parametrize(
    ("sizes", "seeds"), [((16,), 1), ((16,), 3), ((8, 64), 1)], ids=["1-1", "1-3", "2-1"]
)
def test_one_size_or_one_seed_are_enough_for_a_page(
    sizes: tuple[int, ...], seeds: int, tmp_path: Path
) -> None:
    found = assert_sound(
        page(faked(tmp_path, fakes.config(batch_sizes=BatchSizes(sizes), seeds=seeds)))
    )
    assert f"Batch size {sizes[0]}" in found.text or "batch size" in found.text


def test_a_sweep_that_stopped_half_way_says_so(tmp_path: Path) -> None:
    asked = fakes.config(batch_sizes=BatchSizes((8, 32, 128)), seeds=2)
    with pytest.raises(fakes.Stopped):
        fakes.run_sweep(tmp_path, asked, watcher=fakes.Watcher(stops_after=1))
    found = assert_sound(page(faked(tmp_path, asked, fresh=False)))
    assert "not run" in found.text


def test_sizes_out_of_memory_or_failed_have_a_mark(tmp_path: Path) -> None:
    truth = Truth(memory_ends_at=256, fails_at=64)
    asked = fakes.config(truth, batch_sizes=BatchSizes((16, 64, 128, 256)), seeds=2)
    text = page(faked(tmp_path, asked))
    assert_sound(text)
    assert "batch size 256: out of memory" in text
    assert "batch size 64: failed" in text


def test_several_sweeps_have_sections_each_and_a_comparison(small: Path, tmp_path: Path) -> None:
    other = fakes.config(Truth(critical=256.0), batch_sizes=BatchSizes((8, 32, 128)), seeds=2)
    parts = [faked(small, other, "plain", fresh=False), faked(tmp_path, other, "normed")]
    arms = [
        Arm(p.label, p.sweep.config, p.sweep.facts, fakes_recipes(p), tuple(p.runs), ())
        for p in parts
    ]
    text = page(*parts, comparisons=[compare(*arms)])
    found = assert_sound(text)
    assert "normed against plain" in found.text
    assert found.text.count("Training curves") == 4  # twice in the navigation


def test_sweeps_without_a_size_in_common_say_so_and_have_no_empty_table(
    small: Path, tmp_path: Path
) -> None:
    other = fakes.config(batch_sizes=BatchSizes((16, 64)), seeds=2)
    parts = [
        faked(small, fakes.config(), "plain", fresh=False),
        faked(tmp_path, other, "normed"),
    ]
    arms = [
        Arm(p.label, p.sweep.config, p.sweep.facts, fakes_recipes(p), tuple(p.runs), ())
        for p in parts
    ]
    comparison = compare(*arms)
    assert not comparison.sizes
    text = page(*parts, comparisons=[comparison])
    found = assert_sound(text)
    assert "No batch size is in both" in found.text
    assert "<tbody></tbody>" not in text and "Ratios and differences" not in found.text
    assert "No batch size is in both" in comparison_html(comparison, parts[0].sweep.facts.metric)


def fakes_recipes(part: object) -> tuple[object, ...]:
    from bsx import plan

    return plan.recipes(part.sweep.config, part.sweep.facts)  # type: ignore[attr-defined]


# --- what is drawn ------------------------------------------------------------------------------


def test_curves_are_thinned_to_what_was_asked_for_and_keep_their_ends(small: Path) -> None:
    part = faked(small, fakes.config(), fresh=False)
    for view, figures in plots(part, "", 16).items():
        for figure in figures:
            assert [trace.name for trace in figure.traces] == [
                "batch size 8", "batch size 32", "batch size 128",
            ]  # fmt: skip
            for trace in figure.traces:
                assert 2 <= len(trace.xs) <= 16
                assert list(trace.xs) == sorted(set(trace.xs))
                assert all(low <= y <= high for low, y, high in
                           zip(trace.low, trace.ys, trace.high, strict=True))  # fmt: skip
                if view == "steps":
                    assert (trace.xs[0], trace.xs[-1]) == (1, 2000)


def test_regimes_that_are_not_known_are_not_shaded() -> None:
    analysis = sample.analysis()
    regimes = Regimes(0.2, (2, 1024), None, None)
    targets = (replace(analysis.targets[0], regimes=regimes),)
    [first, *_] = scaling.plots(sample.sweep(), replace(analysis, targets=targets), 0, "")
    assert {zone.kind for zone in first.zones} <= {"interval"}


def test_axes_hold_their_values_and_have_ticks() -> None:
    for axis in (
        log_axis("x", [0.003, 0.004]),
        log_axis("x", [1.0, 1e9]),
        log_axis("x", [5.0, 5.0]),
        linear_axis("x", [0.0, 0.0]),
        linear_axis("x", [-3.0, 1e-3]),
        size_axis([7]),
        size_axis([2**n for n in range(1, 12)]),
    ):
        assert 2 <= len(axis.ticks) <= 12 or axis.low < 7 < axis.high
        assert all(axis.low <= place <= axis.high for place, _ in axis.ticks)
        assert 0 <= axis.share(axis.ticks[0][0]) <= axis.share(axis.ticks[-1][0]) <= 1


def test_a_command_in_a_note_is_set_as_code_with_its_option() -> None:
    assert prose("tried: bsx show --rates").endswith(tag("code", "bsx show --rates"))
    assert prose("give --seeds 3") == f"give {tag('code', '--seeds')} 3"


def test_the_name_of_the_rates_has_room_beside_a_map_of_two() -> None:
    cells = ((None,), (None,))
    found = heat.draw(HeatMap("k", "t", "d", "batch size", "learning rate", ("8",), ("1", "2"),
                              cells, ("best", "worst")))  # fmt: skip
    place = re.search(r"translate\(13 (\d+)\)", found)
    assert place is not None and int(place[1]) > len("learning rate") * 5.6 / 2


def test_what_seconds_are_is_said_under_the_curves_by_seconds_alone(small: Path) -> None:
    part = faked(small, fakes.config(), fresh=False)
    said = "Seconds are those of training alone"
    [by_seconds] = [view for view in page(part).split('class="figures view v-') if said in view]
    assert by_seconds.startswith("seconds")


def test_ticks_stand_where_they_say() -> None:
    axes = [
        linear_axis("share", [0.9612, 0.9703]),
        linear_axis("loss", [0.12341, 0.12349]),
        linear_axis("sizes", [1.0, 3.0], numbers.count),
        log_axis("sizes", [15.0, 25.0], numbers.count),
        log_axis("sizes", [0.7, 3.0], numbers.count),
        log_axis("sizes", [1.0, 1.4], numbers.count),
        log_axis("samples per second", [12_340.0, 12_360.0], numbers.si),
        log_axis("samples per second", [10_300.0, 10_900.0], numbers.si),
    ]
    for axis in axes:
        for place, text in axis.ticks:
            assert numbers.read(text) == pytest.approx(place), axis
    assert [text for _, text in axes[3].ticks] == ["15", "20", "25"]
    assert len(axes[0].ticks) > 3 and len(axes[1].ticks) > 3


def test_cells_sort_by_their_numbers() -> None:
    texts = ["→ 256", "1,070 (678–1,680)", "> 7,190", "−0.2 points", "12.3 k", "3e-5", "5 of 5"]
    assert [numbers.read(text) for text in texts] == [256, 1070, 7190, -0.2, 12300, 3e-5, 5]
    assert numbers.read("diverged") is None
    assert numbers.read("1.5 ms") == pytest.approx(0.0015)


def test_fields_of_a_heat_map_are_dark_or_light_and_never_between() -> None:
    shares = [n / 100 for n in range(101)]
    strengths = [strength_of(share) for share in shares]
    assert strengths == sorted(strengths, reverse=True)
    assert not [strength for strength in strengths if 57 < strength < 72]


def test_errors_where_less_is_better_are_shown_as_they_are() -> None:
    metric = Metric("mse", higher_is_better=False)
    sweep, analysis = sample.sweep(), sample.analysis()
    facts = replace(
        sweep.facts, metrics=(metric,), baseline=Baseline("mean", {"mse": 1.0}, {"mse": 1.0})
    )
    rows = tuple(
        replace(
            row,
            final=row.final
            and replace(row.final, train={"mse": Estimate(0.1)}, validation={"mse": Estimate(0.2)},
                        test={"mse": Estimate(0.25, 0.2, 0.3, n=5)}),
        )
        for row in analysis.batch_sizes
    )  # fmt: skip
    found = assert_sound(
        page(of(replace(analysis, metric="mse", batch_sizes=rows), replace(sweep, facts=facts)))
    )
    assert "Mse at the end of the run" in found.text
    assert "test 0.25 (0.2–0.3, 95 % interval)" in found.text


def test_a_loss_of_nothing_lies_below_an_axis_of_powers_and_breaks_no_figure() -> None:
    """Where one seed comes to a loss of 0, the band of its size reaches that far down."""
    axis = log_axis("loss", [0.01, 10.0])
    assert axis.share(0.0) < 0 < axis.share(0.01) < axis.share(10.0) < 1
