"""Pictures as figures for a paper, by matplotlib: a column wide, legible in print and in grey.

Fonts are embedded (PDF, PNG) or drawn as outlines (SVG), so that a figure looks everywhere as it
does here. What a name holds is never taken for mathematics. Equal pictures give equal files.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any

from bsx.errors import ConfigError
from bsx.pictures import BATCH_SIZE, Fit, Mark, Panel, Picture, Series, Spot
from bsx.render import legends, numbers, phrases

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
COLUMN_INCHES = 3.35  # of a page with two columns, as in most proceedings
PAGE_INCHES = 6.9
_PANEL_INCHES = 2.35
_DOTS_PER_INCH = 300
_MOST_TICKS = 7
_ROW_INCHES = 0.13  # of a legend
# On a linear axis an interval is shown up to so many times what the points, or most intervals, span
_MOST_BESIDE = 3.0

# Okabe and Ito (2008): told apart by colour-blind readers, and by their lightness in grey
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_GREY, _INK = "#777777", legends.INK
_MARKERS = "osD^vPX<>h*p"
_STYLE: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "xtick.minor.pad": 5.0,  # labels of short ticks stand as high as those of long ones
    "ytick.minor.pad": 5.0,
    "ytick.minor.width": 0.4,
    "legend.fontsize": 6.5,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.0,
    "text.parse_math": False,
    "pdf.fonttype": 42,  # TrueType: publishers refuse others
    "svg.fonttype": "path",
    "svg.hashsalt": "bsx",
    "path.simplify": True,
}


def drawn(picture: Picture, forms: Sequence[str] = FORMATS) -> dict[str, bytes]:
    """Draw a picture in each of the formats; return the content of its files.

    Raises:
        ConfigError: where there is no matplotlib.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("--plots needs matplotlib: pip install 'bsx[plot]'") from None
    files = {}
    with matplotlib.rc_context(dict(_STYLE)):
        figure = Figure(figsize=_inches(picture), layout="constrained")
        _compose(figure, picture)
        for form in forms:
            content = io.BytesIO()
            figure.savefig(content, format=form, dpi=_DOTS_PER_INCH, metadata=_said(picture, form))
            files[form] = content.getvalue()
    return files


def _inches(picture: Picture) -> tuple[float, float]:
    if len(picture.panels) > 2:
        return PAGE_INCHES, _PANEL_INCHES
    if len(picture.panels) > 1:
        return COLUMN_INCHES, 1.7 * _PANEL_INCHES
    [panel] = picture.panels
    above = len(panel.fits) + len(panel.marks)  # beside what was measured
    return COLUMN_INCHES, _PANEL_INCHES + _ROW_INCHES * (above and above + 1)


def _said(picture: Picture, form: str) -> dict[str, Any]:
    """Return what a file says of itself; no date, so that equal files are equal."""
    title = phrases.clean(picture.title)
    if form == "png":
        return {"Title": title, "Software": "bsx"}
    if form == "pdf":
        return {"Title": title, "Creator": "bsx", "Producer": "bsx", "CreationDate": None}
    return {"Title": title, "Creator": "bsx", "Date": None}


def _compose(figure: Figure, picture: Picture) -> None:
    panels = picture.panels
    if len(panels) > 2:  # beside one another
        places = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    else:
        places = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    beside = len(panels) > 2
    for number, (place, panel) in enumerate(zip(places, panels, strict=True)):
        outer = number == 0 if beside else number == len(panels) - 1
        _draw(place, panel, with_x=beside or outer, with_y=not beside or outer)
    legends.draw(figure, places, panels)


def _draw(axes: Axes, panel: Panel, *, with_x: bool, with_y: bool) -> None:
    if panel.x.log:
        axes.set_xscale("log")
    if panel.y.log:
        axes.set_yscale("log")
    for mark in panel.marks:
        _mark(axes, mark)
    for fit in panel.fits:
        _fit(axes, fit)
    apart = [_apart(series, number, panel) for number, series in enumerate(panel.series)]
    for number, series in enumerate(apart):
        _series(axes, panel, series, number)
    if with_x:
        axes.set_xlabel(phrases.clean(panel.x.label))
    if with_y:
        axes.set_ylabel(phrases.clean(panel.y.label))
    _bounds(axes, panel)
    for number, series in enumerate(apart):
        _cut_off(axes, series, _colour(series, number))
    _ticks(axes, panel)
    axes.grid(True, which="major", color="#000000", alpha=0.08, linewidth=0.5)


def _apart(series: Series, number: int, panel: Panel) -> Series:
    """Move a series a little aside where several stand at the same batch sizes."""
    if len(panel.series) < 2 or panel.x.label != BATCH_SIZE.label:
        return series
    aside = 1 + 0.06 * (number - (len(panel.series) - 1) / 2)
    return replace(series, spots=tuple(replace(s, x=s.x * aside) for s in series.spots))


def _colour(series: Series, number: int) -> Any:
    """Return a colour: of the ordered ones from dark to light, of others by their number."""
    if series.rank is None:
        return _COLOURS[number % len(_COLOURS)]
    import matplotlib

    return matplotlib.colormaps["cividis"](0.9 * series.rank)


def _series(axes: Axes, panel: Panel, series: Series, number: int) -> None:
    colour, marker = _colour(series, number), _MARKERS[number % len(_MARKERS)]
    seen = [spot for spot in series.spots if not spot.censored]
    x, y = [s.x for s in seen], [s.y for s in seen]
    line = "-" if series.joined else "none"
    label = phrases.clean(series.label)
    if series.dense:
        every = max(1, len(x) // 6)
        axes.plot(x, y, color=colour, label=label, marker=marker, linewidth=0.9,
                  markevery=(number % every, every), markersize=3)  # fmt: skip
        if all(s.low is not None and s.high is not None for s in seen):
            axes.fill_between(x, [_known(s.low) for s in seen], [_known(s.high) for s in seen],
                              color=colour, alpha=0.15, linewidth=0)  # fmt: skip
        return
    axes.plot(x, y, linestyle=line, color=colour, label=label, marker=marker, linewidth=0.9,
              zorder=4)  # fmt: skip
    for spot in seen:
        _interval(axes, spot, colour)
    chosen = [s for s in seen if s.chosen]
    axes.plot([s.x for s in chosen], [s.y for s in chosen], linestyle="none", color=_INK,
              marker=marker, markerfacecolor=colour, markeredgewidth=1.0, markersize=6,
              zorder=5)  # fmt: skip
    missed = [s for s in series.spots if s.censored]
    if missed:
        axes.plot([s.x for s in missed], [s.y for s in missed], linestyle="none", color=colour,
                  marker="^", markerfacecolor="white", zorder=4,
                  markersize=4 if series.rank is None else 3,
                  label=_at_least(axes, panel, series))  # fmt: skip
    for spot in missed if series.rank is None else ():  # of many series it would be a thicket
        axes.annotate("", (spot.x, spot.y), (0, 12), textcoords="offset points",
                      arrowprops={"arrowstyle": "<-", "color": colour, "lw": 0.8})  # fmt: skip


def _at_least(axes: Axes, panel: Panel, series: Series) -> str | None:
    """Name the sign of a bound from below, once in a panel of ordered series."""
    label = legends.BOUNDS[0] if panel.y.label.endswith("to the target") else legends.BOUNDS[1]
    known = axes.get_legend_handles_labels()[1] if series.rank is not None else ()
    return None if label in known else label


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _interval(axes: Axes, spot: Spot, colour: Any) -> None:
    """Draw the interval of a value; a side that is not known ends in an arrow."""
    low, high = (spot.y if bound is None else bound for bound in (spot.low, spot.high))
    if low != high:
        axes.plot([spot.x, spot.x], [low, high], "-", color=colour, linewidth=0.8, zorder=3)
    for bound, other, up in ((spot.low, spot.high, -9), (spot.high, spot.low, 9)):
        if bound is None and other is not None:
            axes.annotate("", (spot.x, spot.y), (0, up), textcoords="offset points",
                          arrowprops={"arrowstyle": "<-", "color": colour, "lw": 0.8})  # fmt: skip


def _fit(axes: Axes, fit: Fit) -> None:
    x, y = [s.x for s in fit.spots], [s.y for s in fit.spots]
    colour, line = (_INK, "-") if fit.good else (_GREY, ":")
    label = phrases.clean(fit.label)
    label += ", with its interval" if legends.is_banded(fit) else ""
    axes.plot(x, y, linestyle=line, color=colour, label=label, linewidth=1.0, zorder=2)
    if legends.is_banded(fit):
        low, high = [_known(s.low) for s in fit.spots], [_known(s.high) for s in fit.spots]
        axes.fill_between(x, low, high, **legends.FIT_BAND, linewidth=0, zorder=1)


def _mark(axes: Axes, mark: Mark) -> None:
    label = f"{phrases.clean(mark.label)} {numbers.whole(mark.x)}"
    if mark.low is not None and mark.high is not None:
        axes.axvspan(mark.low, mark.high, **legends.INTERVAL, linewidth=0, zorder=0)
        label += f" ({numbers.whole(mark.low)}–{numbers.whole(mark.high)})"
    axes.axvline(mark.x, color=_COLOURS[1], linestyle="--", linewidth=0.9, label=label, zorder=1)


def _bounds(axes: Axes, panel: Panel) -> None:
    """Let what was measured fill the panel: a wild interval may lead out of it, a fit too."""
    across = [s.x for series in panel.series for s in series.spots]
    if panel.x.log and across:
        axes.set_xlim(min(across) / 1.35, max(across) * 1.35)
    values = [s.y for series in panel.series for s in series.spots]
    if panel.y.log and values and not any(series.dense for series in panel.series):
        room = 1.6 if any(s.censored for series in panel.series for s in series.spots) else 1.25
        ends = [b for series in panel.series for s in series.spots for b in (s.low, s.high) if b]
        low = max(min([*values, *ends]), min(values) / 4)
        high = min(max([*values, *ends]), max(values) * 4)
        axes.set_ylim(low / 1.25, high * room)
    elif not panel.y.log and values and not any(series.dense for series in panel.series):
        _linear_bounds(axes, panel, values)


def _linear_bounds(axes: Axes, panel: Panel, values: Sequence[float]) -> None:
    """Show all intervals, but of those that dwarf the others only a part."""
    spots = [s for series in panel.series for s in series.spots]
    ends = [b for s in spots for b in (s.low, s.high) if b is not None and isfinite(b)]
    halves = [abs(b - s.y) for s in spots for b in (s.low, s.high) if b is not None]
    least, most = min(values), max(values)
    reach = _MOST_BESIDE * max(most - least, median(halves) if halves else 0.0)
    low, high = (max(min([least, *ends]), least - reach), min(max([most, *ends]), most + reach))
    if panel.y.from_zero:
        axes.set_ylim(0, 1.1 * high)
    elif high > low:
        room = 0.06 * (high - low)
        axes.set_ylim(low - room, high + room)


def _cut_off(axes: Axes, series: Series, colour: Any) -> None:
    """Put an arrowhead where an interval goes on beyond the panel."""
    if series.dense:
        return
    bottom, top = sorted(axes.get_ylim())
    for spot in series.spots:
        for bound, edge, head in ((spot.low, bottom, "v"), (spot.high, top, "^")):
            beyond = bound is not None and (bound < bottom if head == "v" else bound > top)
            if beyond and not spot.censored:
                axes.plot([spot.x], [edge], marker=head, color=colour, markersize=4,
                          markeredgewidth=0, clip_on=False, zorder=6)  # fmt: skip


def _ticks(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    for axis, of in ((axes.xaxis, panel.x), (axes.yaxis, panel.y)):
        if of.label == BATCH_SIZE.label:
            sizes = sorted({s.x for series in panel.series for s in series.spots})
            step = -(-len(sizes) // _MOST_TICKS)
            axis.set_major_locator(FixedLocator(sizes[:: max(1, step)]))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        elif of.log:
            axis.set_major_formatter(FuncFormatter(_short))
            low, high = sorted(axis.get_view_interval())
            tens = [10.0**power for power in range(-12, 16) if low <= 10.0**power <= high]
            narrow = high / low < 60 or len(tens) < 2
            axis.set_minor_formatter(FuncFormatter(_some) if narrow else NullFormatter())


def _short(value: float, _: object = None) -> str:
    """Write a tick of a logarithmic axis: ``0.01``, ``100``, ``10k``, ``2M``."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):g}{unit}"
    return f"{value:g}" if value >= 1e-4 else f"{value:.0e}"


def _some(value: float, _: object = None) -> str:
    """Write the ticks 2 and 5 between powers of ten; the others would crowd."""
    lead = f"{value:e}"[0]
    return _short(value) if lead in "25" else ""
