"""Figures for a paper: files that are what their names say, legible, and equal when made again."""

from __future__ import annotations

import dataclasses
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bsx.pictures import BATCH_SIZE, Axis, Panel, Picture, Series, Spot, noise_scale, pictures
from bsx.pictures.spots import spot
from bsx.render.legends import BOUNDS
from bsx.render.plots import COLUMN_INCHES, FORMATS, _compose, _draw, _inches, drawn
from bsx.schema import Estimate
from tests.exchange.exported import read, store
from tests.fakes import analysed
from tests.here import Shell, here
from tests.render import measured, sample

pytest.importorskip("matplotlib")

__all__ = ["here", "store"]

NAMES = ["iterations-to-target", "epochs-to-target", "seconds-to-target", "speed",
         "learning-rates", "quality", "loss-curves"]  # fmt: skip


def of(folder: Path) -> tuple[Picture, ...]:
    """Every picture of a stored sweep."""
    sweep, records = read(folder)
    return pictures(sweep, analysed(folder), records)


def test_a_picture_shows_what_the_analysis_says(store: Path) -> None:
    found = {picture.name: picture.panels[0] for picture in of(store)}
    assert list(found) == NAMES
    analysis = analysed(store)
    to_target = found["iterations-to-target"]
    known = {spot.x: spot for spot in to_target.series[0].spots}
    for row in analysis.batch_sizes:
        steps = row.to_target[0].steps
        if steps is None:
            assert row.batch_size not in known
        elif steps.value is None:
            assert known[row.batch_size].censored
            assert known[row.batch_size].y == steps.censored_at
        else:
            spot = known[row.batch_size]
            assert (spot.y, spot.low, spot.high) == (steps.value, steps.low, steps.high)
    assert any(spot.censored for spot in to_target.series[0].spots)
    target = analysis.targets[0]
    assert [s.y for s in to_target.fits[0].spots] == [e.value for _, e in target.curve]
    critical = target.critical_batch_size
    assert critical is not None and to_target.marks[0].x == critical.value
    chosen = [s.x for series in found["learning-rates"].series for s in series.spots if s.chosen]
    assert chosen == [
        row.to_target[0].learning_rate for row in analysis.batch_sizes
        if row.to_target and row.to_target[0].learning_rate
    ]  # fmt: skip


def test_loss_curves_are_the_median_of_the_seeds_at_the_rate_best_at_the_end(store: Path) -> None:
    _, records = read(store)
    row = analysed(store).batch_sizes[2]
    assert row.final is not None
    (picture,) = [p for p in of(store) if p.name == "loss-curves"]
    (series,) = [s for s in picture.panels[0].series if s.label == f"{row.batch_size:,}"]
    of_size = [r for r in records if r.run.recipe.batch_size == row.batch_size
               and r.run.learning_rate == row.final.learning_rate]  # fmt: skip
    losses = [{p.step: p.validation_loss for p in r.curve} for r in of_size]
    assert len(losses) == 3
    assert picture.panels[0].y.label == "validation loss, median of seeds"  # as in the report
    for place in series.spots:
        at = [curve[int(place.x)] for curve in losses]
        assert place.y == sorted(at)[1]
        assert (place.low, place.high) == (min(at), max(at))


def test_a_noise_scale_that_is_only_a_bound_is_drawn_as_one() -> None:
    picture = noise_scale(measured.analysis())
    assert picture is not None
    ends = {s.label: s.spots[-1] for s in picture.panels[0].series}
    assert ends["1,024"].censored and ends["1,024"].y == 1140.0
    assert not ends["256"].censored
    assert drawn(picture, ["svg"])["svg"]


def test_what_is_open_on_both_sides_or_above_alone_is_no_bound_from_below() -> None:
    assert spot(1.0, Estimate(None)) is None
    assert spot(1.0, Estimate(None, 0.0, 20.0)) is None
    assert spot(1.0, Estimate(None, 30.0)) == Spot(1.0, 30.0, censored=True)


@pytest.mark.slow
def test_figures_are_what_they_are_called_one_column_wide_with_fonts_embedded(
    here: Shell, store: Path
) -> None:
    code, out, err = here.bsx("export", "--store", str(store), "--plots", "figures")
    assert (code, out) == (0, "") and "iterations-to-target" in err
    files = sorted(f.name for f in Path("figures").iterdir())
    assert files == sorted(f"{name}.{form}" for name in NAMES for form in FORMATS)
    png = Path("figures/iterations-to-target.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    width, _ = struct.unpack(">II", png[16:24])
    assert width == round(COLUMN_INCHES * 300)
    pdf = Path("figures/iterations-to-target.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and b"/FontFile2" in pdf and b"/Type3" not in pdf
    svg = ET.parse("figures/iterations-to-target.svg").getroot()
    assert svg.tag.endswith("svg") and svg.find(".//{*}text") is None  # letters are outlines
    code, _, err = here.bsx("export", "--store", str(store), "--plots", "figures")
    assert code == 2 and "is there already; add --force" in err


def test_equal_pictures_are_equal_files(store: Path) -> None:
    picture = of(store)[0]
    first = drawn(picture)
    assert drawn(picture, ["svg", "pdf"]).items() <= first.items()
    assert b"/FontFile2" in first["pdf"] and first["png"].startswith(b"\x89PNG")


def test_names_are_never_taken_for_mathematics() -> None:
    made = sample.sweep()
    hostile = dataclasses.replace(made.facts, dataset_name="$x^{")
    analysis = dataclasses.replace(sample.analysis(), metric="accuracy")
    sweep = dataclasses.replace(made, facts=hostile)
    target = dataclasses.replace(analysis.targets[0], metric="$\\frac{")
    found = pictures(sweep, dataclasses.replace(analysis, targets=(target,)), ())
    for picture in found[:1]:
        axis = dataclasses.replace(picture.panels[0].y, label="$\\frac{ a_b")
        panel = dataclasses.replace(picture.panels[0], y=axis)
        contents = drawn(dataclasses.replace(picture, panels=(panel,)), ["svg"])
        assert re.match(rb"<\?xml", contents["svg"])


def test_a_sweep_in_which_all_went_wrong_is_drawn_as_far_as_it_goes() -> None:
    for picture in pictures(sample.sweep(), sample.troubled(), ())[:2]:
        assert drawn(picture, ["svg"])


@pytest.mark.parametrize("axis", [Axis("y", log=True), Axis("y"), Axis("y", from_zero=True)])
def test_an_interval_is_seen_whole_or_ends_in_an_arrowhead_at_the_edge(axis: Axis) -> None:
    from matplotlib.figure import Figure

    usual = [Spot(b, 10.0 + b / 8, 9.0 + b / 8, 11.0 + b / 8) for b in (8, 16, 32)]
    wild = Spot(64, 12.0, 1e-6, 1e6)
    axes = Figure().subplots()
    panel = Panel(BATCH_SIZE, axis, (Series("measured", (*usual, wild)),))
    _draw(axes, panel, with_x=True, with_y=True)
    low, high = axes.get_ylim()
    assert all(low < s.low and s.high < high for s in usual if s.low and s.high)  # readable still
    assert high < 80
    heads = [(line.get_xdata()[0], line.get_ydata()[0])
             for line in axes.lines if line.get_marker() in "^v"]  # fmt: skip
    below = [(64, low)] if low > 1e-6 else []
    assert sorted(heads) == sorted([*below, (64, high)])


def test_the_legend_lies_beside_the_data_and_names_every_band(store: Path) -> None:
    from matplotlib.figure import Figure

    found = {picture.name: picture for picture in of(store)}
    for name in ("iterations-to-target", "seconds-to-target", "learning-rates"):
        figure = Figure(figsize=_inches(found[name]), layout="constrained")
        _compose(figure, found[name])
        figure.draw_without_rendering()
        [legend] = figure.legends
        [axes] = figure.axes
        assert not legend.get_window_extent().overlaps(axes.patch.get_window_extent())
        assert legend.get_window_extent().x1 <= figure.bbox.x1
        labels = [text.get_text() for text in legend.get_texts()]
        if name == "learning-rates":  # a bound is no batch size
            assert all(label[0].isdigit() for label in labels[:-1])
            assert labels[-1] in BOUNDS
        else:
            bands = [patch for patch in legend.get_patches() if patch.get_alpha()]
            assert len(bands) == len(axes.collections) + len(axes.patches) == 2


def test_intervals_that_are_all_wide_are_seen_whole() -> None:
    from matplotlib.figure import Figure

    spots = tuple(Spot(b, 0.9, 0.5, 1.3) for b in (8, 16, 32))
    axes = Figure().subplots()
    panel = Panel(BATCH_SIZE, Axis("y"), (Series("measured", spots),))
    _draw(axes, panel, with_x=True, with_y=True)
    low, high = axes.get_ylim()
    assert low < 0.5 and high > 1.3
    assert not [line for line in axes.lines if line.get_marker() in "^v"]
