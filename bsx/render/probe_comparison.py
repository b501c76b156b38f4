"""Probes side by side: what each arm buys against the first, for machines and for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from bsx.render import numbers, phrases, probing
from bsx.render import rows as of_rows
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.render.markdown import escaped, table
from bsx.render.tables import Plain, draw, prose
from bsx.schema import (
    SCHEMA_VERSION,
    ComparedProbeSize,
    Estimate,
    Probe,
    ProbeComparison,
    plain,
)

Arms = Sequence[tuple[str, Probe]]  # what sets it apart, and what was found

_SAME_MEMORY = 0.02  # peaks of equal work differ by less from one process to the next


# --- for machines -----------------------------------------------------------------------------


def document(arms: Arms, comparisons: Sequence[ProbeComparison]) -> dict[str, Any]:
    """Return the document of several probes, ready for ``json``; unknown is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "arms": [{"arm": label, **probing.document(probe)} for label, probe in arms],
        "comparisons": [_comparison(comparison) for comparison in comparisons],
    }


def _comparison(comparison: ProbeComparison) -> dict[str, Any]:
    found: dict[str, Any] = plain(comparison)
    sizes = found.pop("sizes")
    return found | {"batch_sizes": sizes}


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row an arm and batch size, the ratios to the first with it."""
    ratios = {
        (one["second"], size["batch_size"]): size
        for one in found["comparisons"]
        for size in one["batch_sizes"]
    }
    flat = []
    for arm in found["arms"]:
        for row in probing.rows(arm):
            ratio = ratios.get((arm["arm"], row["batch_size"]), {})
            cells = of_rows.estimate_cells("throughput_ratio", ratio.get("throughput_ratio"))
            cells["peak_memory_ratio"] = (ratio.get("peak_memory_ratio") or {}).get("value")
            flat.append({"arm": arm["arm"], **row, **cells})
    return flat


# --- for people -------------------------------------------------------------------------------


def print_arms(console: Console, arms: Arms, comparisons: Sequence[ProbeComparison]) -> None:
    """Print each arm, then what each further one buys, as wide as ``console``."""
    for label, probe in arms:
        console.print(Plain(Text(f"══ {phrases.clean(label)}\n")))
        probing.print_probe(console, probe)
        console.print()
    for number, comparison in enumerate(comparisons, start=1):
        last = number == len(comparisons)
        notes = _notes(comparisons, arms) if last else ()
        parts = draw(_grid(comparison, notes), console.width)
        for part in parts if comparison.sizes else parts[:1]:
            console.print(Plain(part), end="")
        console.print()
        for line in sentences(comparison, arms):
            console.print(Plain(prose(line, 0, console.width)), end="")
        if not last:
            console.print()


def markdown(arms: Arms, comparisons: Sequence[ProbeComparison]) -> str:
    """Write the same as Markdown, ending with a newline."""
    blocks = []
    for label, probe in arms:
        blocks += [f"# {escaped(label)}", probing.markdown(probe).rstrip()]
    blocks.append("# What each buys")
    for comparison in comparisons:
        grid = _grid(comparison)
        blocks.append(table(grid) if comparison.sizes else f"## {escaped(grid.title)}")
        blocks += map(escaped, sentences(comparison, arms))
    blocks += map(escaped, _notes(comparisons, arms))
    return "\n\n".join(blocks) + "\n"


def _grid(comparison: ProbeComparison, notes: tuple[str, ...] = ()) -> Grid:
    rows = comparison.sizes
    times = numbers.fixed(2)
    ratios = [row.throughput_ratio for row in rows]
    peaks = [row.peak_memory_ratio for row in rows]
    columns = (
        Column("batch_size", "batch\nsize", tuple(numbers.count(row.batch_size) for row in rows)),
        _throughputs(comparison, 0),
        _throughputs(comparison, 1),
        Column(
            "ratio",
            "times the\nthroughput",
            numbers.aligned(ratios, times),
            brief=numbers.aligned(ratios, times, intervals=False),
        ),
        Column("memory", "times the\npeak memory", numbers.aligned(peaks, times)),
    )
    return Grid(
        f"{phrases.clean(comparison.second)} against {phrases.clean(comparison.first)}: "
        "what it buys",
        columns,
        shorten("samples") + drop("samples", "memory") + shorten("ratio"),
        notes=notes,
    ).without(numbers.UNKNOWN)


def _throughputs(comparison: ProbeComparison, arm: int) -> Column:
    label = phrases.clean((comparison.first, comparison.second)[arm])
    cells = [numbers.si(row.samples_per_second[arm].value) for row in comparison.sizes]
    options = ", ".join(part.partition("=")[2] for part in label.split(", "))
    return Column(
        "samples",
        f"{label},\nsamples per second",
        tuple(cells),
        brief_header=f"{options or label},\nsamples per s",
    )


def _notes(comparisons: Sequence[ProbeComparison], arms: Arms) -> tuple[str, ...]:
    """Say what the ratios are worth."""
    rows = [row for comparison in comparisons for row in comparison.sizes]
    notes = []
    if any(row.throughput_ratio and row.throughput_ratio.low for row in rows):
        notes.append(
            "times the throughput: paired round by round, so not quite the quotient of the two "
            "medians beside it"
        )
        notes.append(
            "95 % intervals, each by itself, by how much the rounds differ: of twenty sizes "
            "without a difference one leaves 1 out"
        )
    on_cpu = any(probe.facts.device == "cpu" for _, probe in arms)
    if on_cpu and any(row.peak_memory_ratio for row in rows):
        notes.append("memory is that of the whole process, torch included")
    return tuple(notes)


# --- sentences --------------------------------------------------------------------------------


def sentences(comparison: ProbeComparison, arms: Arms) -> list[str]:
    """Say what the second arm buys in speed and in memory; no difference without evidence."""
    second = dict(arms)[comparison.second]
    return [line for line in (_speed(comparison), _memory(comparison, second)) if line]


def _speed(comparison: ProbeComparison) -> str:
    label = phrases.clean(comparison.second)
    sizes = [row.batch_size for row in comparison.sizes]
    known = {
        row.batch_size: row.throughput_ratio
        for row in comparison.sizes
        if row.throughput_ratio is not None and row.throughput_ratio.value is not None
    }
    # as they are shown: nobody shall read (0.91 to 1.00) and be told that it is slower
    faster = {size: r for size, r in known.items() if r.low is not None and round(r.low, 2) > 1}
    slower = {size: r for size, r in known.items() if r.high is not None and round(r.high, 2) < 1}
    if not sizes:
        return "No batch size was timed in both."
    if faster:
        best = max(faster, key=lambda size: faster[size].value or 0)
        return (
            f"{label} trains {_times(faster[best])} times as many samples per second at batch "
            f"size {numbers.count(best)}{', where it gains most' if len(faster) > 1 else ''}"
            f"{_elsewhere(sizes, list(faster), list(slower))}."
        )
    if slower:
        worst = min(slower, key=lambda size: slower[size].value or 0)
        often = f"trains {_times(slower[worst])} times as many samples per second"
        if len(slower) == 1:
            return f"{label} is slower {_where(sizes, list(slower))}, where it {often}."
        return (
            f"{label} is slower {_where(sizes, list(slower))}: it {often} at batch size "
            f"{numbers.count(worst)}, where it loses most."
        )
    if all(ratio.low is None for ratio in known.values()):
        return "Each size was timed in one round: too few to tell the speeds of the two apart."
    return "No difference in speed shows: every interval holds 1."


def _elsewhere(sizes: Sequence[int], faster: Sequence[int], slower: Sequence[int]) -> str:
    """Say where it is slower, and else where it is faster, if not everywhere."""
    if slower:
        return f"; {_where(sizes, slower)} it is slower"
    if len(faster) == len(sizes):
        return "; it is faster at every batch size" if len(sizes) > 1 else ""
    return f"; no difference shows {_where(sizes, [s for s in sizes if s not in faster])}"


def _where(sizes: Sequence[int], some: Sequence[int]) -> str:
    """Name some of the sizes, all from small to large: ``from batch size 16 down``."""
    if len(some) == len(sizes) > 1:
        return "at every batch size"
    if len(some) > 1 and list(some) == list(sizes[: len(some)]):
        return f"from batch size {numbers.count(some[-1])} down"
    if len(some) > 1 and list(some) == list(sizes[-len(some) :]):
        return f"from batch size {numbers.count(some[0])} on"
    return f"at {phrases.batch_sizes(some)}"


def _times(ratio: Estimate) -> str:
    form = numbers.fixed(2)
    if numbers.is_vague(ratio):
        return f"{form(ratio.value)} {numbers.interval(ratio)}"
    return f"{form(ratio.value)} ({form(ratio.low)} to {form(ratio.high)})"


def _memory(comparison: ProbeComparison, second: Probe) -> str:
    """Say how the largest size that fits changes; where memory was not the end, the peak."""
    before, after = comparison.largest
    if before is None or after is None:
        which = comparison.first if before is None else comparison.second
        return f"No batch size runs with {phrases.clean(which)}."
    ratio = comparison.largest_ratio
    sizes = numbers.count(before), numbers.count(after)
    if ratio is not None and ratio.value not in (None, 1.0):
        goes = "grows" if after > before else "falls"
        times = numbers.significant(ratio.value)
        return f"The largest batch size that fits {goes} from {sizes[0]} to {sizes[1]}, × {times}."
    if ratio is not None and ratio.low is not None and ratio.low > 1:
        why = "that --max allows" if second.stopped_by == "max" else "the whole training set"
        return f"The largest batch size that fits grows from {sizes[0]} to {sizes[1]}, {why}."
    if ratio is not None and ratio.high is not None and ratio.high < 1:
        return f"The largest batch size that fits falls from {sizes[0]} or more to {sizes[1]}."
    same = f"Both fit the same largest batch size, {sizes[0]}. " if ratio and ratio.value else ""
    return same + _peak(comparison.sizes)


def _peak(rows: Sequence[ComparedProbeSize]) -> str:
    """Compare the peaks at the largest size in which both are known."""
    known = [row for row in rows if row.peak_memory_ratio is not None]
    if not known:
        return ""
    row = max(known, key=lambda row: row.batch_size)
    before, after = (numbers.size(peak) for peak in row.peak_memory_bytes)
    ratio = row.peak_memory_ratio.value if row.peak_memory_ratio else None
    size = numbers.count(row.batch_size)
    if ratio is None or abs(ratio - 1) <= _SAME_MEMORY:
        return f"At batch size {size} both take about {before} of memory."
    return (
        f"At batch size {size}, the largest timed in both, it takes {ratio:.2f} times the memory: "
        f"{after} instead of {before}."
    )
