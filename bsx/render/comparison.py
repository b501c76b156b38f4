"""A comparison of two arms as a table and as a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from bsx.render import numbers, phrases, wording
from bsx.render.formats import columns
from bsx.render.grid import Column, Grid, drop
from bsx.render.markdown import escaped, table
from bsx.render.tables import Plain, draw, prose
from bsx.schema import SCHEMA_VERSION, ComparedSize, Comparison, Estimate, Metric, plain


def document(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison, ready for ``json``."""
    found: dict[str, Any] = plain(comparison)
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: value for key, value in found.items() if key not in ("sizes", "cautions")},
        "batch_sizes": found["sizes"],
        "cautions": [
            {"code": caution.code, "message": wording.message(caution)}
            for caution in comparison.cautions
        ],
    }


def print_comparisons(console: Console, comparisons: Sequence[Comparison], metric: Metric) -> None:
    """Print comparisons, one below the other."""
    parts: list[RenderableType] = []
    for comparison in comparisons:
        parts += [Text(title(comparison), style="bold"), Text(f"  {critical(comparison)}")]
        if comparison.sizes:
            parts += [*draw(grid(comparison, metric), console.width), ""]
        else:
            parts += [prose(NOTHING_SHARED, 2, console.width), ""]
    if not any(comparison.sizes for comparison in comparisons):
        parts.pop()
        console.print(Plain(Group(*parts)), end="")
        return
    parts.append(Text(READING, style="dim"))
    console.print(Plain(Group(*parts)), end="")


def markdown(comparisons: Sequence[Comparison], metric: Metric) -> str:
    """Write the same as Markdown, ending with a newline."""
    blocks = []
    for comparison in comparisons:
        blocks += [
            f"# {escaped(title(comparison))}",
            wording.sentence(escaped(critical(comparison))),
        ]
        shared = bool(comparison.sizes)
        blocks.append(table(grid(comparison, metric)) if shared else NOTHING_SHARED)
    if not any(comparison.sizes for comparison in comparisons):
        return "\n\n".join(blocks) + "\n"
    return "\n\n".join([*blocks, READING]) + "\n"


def rows(documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flatten documents into one row a comparison and batch size."""
    return [
        {"first": found["first"], "second": found["second"], **row}
        for found in documents
        for row in found["batch_sizes"]
    ]


def header() -> list[str]:
    """Return the names of the columns that rows have where every quantity is known."""
    known = Estimate(0.0, 0.0, 0.0)
    size = ComparedSize(0, (known, known), *(known,) * 3, (known, known), known, known)
    return columns([{"first": "", "second": "", **plain(size)}])[0]


READING = (
    "Ratios and differences are second against first, with 95 % intervals over the seeds that both "
    "share; where an interval holds × 1 or 0, or there is none, no difference is shown."
)


NOTHING_SHARED = (
    "No batch size is in both, and sizes are compared one by one: run those of the one in the "
    "other, too (--batch-sizes; what is there is not trained again)."
)


def title(comparison: Comparison) -> str:
    """Name what is compared, and which is the first."""
    first, second = phrases.clean(comparison.first), phrases.clean(comparison.second)
    return f"{second} (second) against {first} (first)"


def critical(comparison: Comparison) -> str:
    """Say the critical batch sizes of both."""
    values = [
        "not determined" if told == numbers.UNKNOWN else told
        for e in comparison.critical_batch_size
        for told in [numbers.estimate(e, numbers.whole)]
    ]
    return f"critical batch size: {values[0]} in the first, {values[1]} in the second"


def grid(comparison: Comparison, metric: Metric) -> Grid:
    """Return the table of a comparison, a row a batch size."""
    rows = comparison.sizes
    scale, unit = (100.0, ", points") if metric.bounded else (1.0, "")
    name = phrases.clean(metric.name)
    columns = (
        Column("batch_size", "batch\nsize", tuple(numbers.count(row.batch_size) for row in rows)),
        Column("first", "iterations\nfirst", tuple(_steps(row.steps[0]) for row in rows)),
        Column("second", "iterations\nsecond", tuple(_steps(row.steps[1]) for row in rows)),
        Column("steps", "iterations,\nratio", tuple(_ratio(row.steps_ratio) for row in rows)),
        *_samples(rows),
        Column("seconds", "time,\nratio", tuple(_ratio(row.seconds_ratio) for row in rows)),
        Column(
            "validation",
            f"validation {name}\ndifference{unit}",
            tuple(_difference(row.validation_difference, scale) for row in rows),
        ),
        Column(
            "test",
            f"test {name}\ndifference{unit}",
            tuple(_difference(row.test_difference, scale) for row in rows),
        ),
    )
    goal = "without a target that both reach"
    if comparison.target_metric is not None:
        values = {**vars(comparison), "metric": comparison.target_metric}
        goal = f"to validation {phrases.goal(values)}"
    return Grid(goal, columns, drop("seconds", "first", "second", "samples", "validation"))


def _samples(rows: Sequence[ComparedSize]) -> tuple[Column, ...]:
    """Compare the samples, where batches that grow make them another ratio than the iterations."""
    if all(row.samples_ratio == row.steps_ratio for row in rows):
        return ()
    cells = tuple(_ratio(row.samples_ratio) for row in rows)
    return (Column("samples", "samples,\nratio", cells),)


def _steps(estimate: Estimate | None) -> str:
    if estimate is None:
        return numbers.UNKNOWN
    if estimate.value is None:
        censored = estimate.censored_at
        return numbers.UNKNOWN if censored is None else f"> {numbers.whole(censored)}"
    return numbers.whole(estimate.value)


def _ratio(estimate: Estimate | None) -> str:
    if estimate is None:
        return numbers.UNKNOWN
    if estimate.value is None:
        if estimate.low is not None:
            return f"≥ × {estimate.low:.2f}"
        return numbers.UNKNOWN if estimate.high is None else f"≤ × {estimate.high:.2f}"
    text = f"× {estimate.value:.2f}"
    if estimate.low is None or estimate.high is None:
        return text
    if numbers.is_vague(estimate):
        return f"{text} {numbers.interval(estimate)}"
    return f"{text} ({estimate.low:.2f}–{estimate.high:.2f})"


def _difference(estimate: Estimate | None, scale: float) -> str:
    if estimate is None or estimate.value is None:
        return numbers.UNKNOWN
    value = _signed(estimate.value * scale)
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({_signed(estimate.low * scale)} to {_signed(estimate.high * scale)})"


def _signed(value: float) -> str:
    text = f"{value:+.2f}" if abs(value) < 10 else f"{value:+.1f}"
    return text.replace("-", "−")
