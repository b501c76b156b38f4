"""What stands beside the figures of a paper: what is what, never on what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bsx.pictures import Fit, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#222222"
BOUNDS = ("not reached (at least)", "at least")  # what the sign of a bound from below is called
# The bands behind lines, which the legend shows, too
INTERVAL: Mapping[str, Any] = {"color": "#E69F00", "alpha": 0.22}
FIT_BAND: Mapping[str, Any] = {"color": INK, "alpha": 0.12}
_MOST_LETTERS = 44  # across a column


def is_banded(fit: Fit) -> bool:
    """Whether a fit is drawn with its interval."""
    return fit.good and all(s.low is not None and s.high is not None for s in fit.spots)


def draw(figure: Figure, places: Sequence[Axes], panels: Sequence[Panel]) -> None:
    """Say what is what beside or above the panels: on them it would lie on what was measured."""
    if any(series.rank is not None for panel in panels for series in panel.series):
        handles, labels = _ordered(places[0], panels[0])
        figure.legend(handles, labels, title="batch size", loc="outside right center",
                      title_fontsize=6.5)  # fmt: skip
        return
    for place, panel in zip(places, panels, strict=True):
        if len(panel.series) + len(panel.fits) + len(panel.marks) < 2:
            continue
        handles, labels = _ordered(place, panel)
        if len(panels) == 1:
            beside = 2 if 2 * max(map(len, labels)) <= _MOST_LETTERS else 1
            columns = beside if panel.fits or panel.marks else len(labels)
            figure.legend(handles, labels, loc="outside upper center", ncol=columns)
        else:
            place.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0),
                         ncol=len(labels))  # fmt: skip


def _ordered(place: Axes, panel: Panel) -> tuple[list[Any], list[str]]:
    """Return what the legend names: measured, then computed, and the sign of a bound at the end.

    Lines with a band stand on a piece of it.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    artists, labels = place.get_legend_handles_labels()
    handles: list[Any] = list(artists)
    first = len(panel.marks) + len(panel.fits)
    order = [*range(first, len(labels)), *range(first)]
    if any(series.rank is not None for series in panel.series):  # a bound is no size
        order.sort(key=lambda n: labels[n] in BOUNDS)
        sign = Line2D([], [], linestyle="none", color=INK, marker="^", markerfacecolor="white",
                      markersize=3)  # fmt: skip
        handles = [sign if label in BOUNDS else h for h, label in zip(handles, labels, strict=True)]
    bands = [
        *(INTERVAL if mark.low is not None and mark.high is not None else {}
          for mark in panel.marks),
        *(FIT_BAND if is_banded(fit) else {} for fit in panel.fits),
    ]  # fmt: skip
    for n, band in enumerate(bands):
        if band:
            handles[n] = (Patch(**band, linewidth=0), handles[n])
    return [handles[n] for n in order], [labels[n] for n in order]
