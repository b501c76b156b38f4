"""What a probe says: the document for machines, the table and the sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from bsx.render import document as documents
from bsx.render import numbers, phrases, places
from bsx.render import rows as of_rows
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.render.markdown import escaped, table
from bsx.render.tables import Plain, draw, prose
from bsx.schema import SCHEMA_VERSION, Estimate, Probe, ProbedSize, plain

_LIMITS = {
    "user": "of --max-memory",
    "device": "of the device",
    "machine": "that was free",
}


# --- for machines -----------------------------------------------------------------------------


def document(probe: Probe) -> dict[str, Any]:
    """Return the document of a probe, ready for ``json``; unknown is null."""
    facts = probe.facts
    model = None if probe.alpha is None else {"alpha": probe.alpha, "beta": probe.beta}
    return {
        "schema_version": SCHEMA_VERSION,
        "config": plain(probe.config),
        "environment": plain(probe.environment),
        "device": facts.device,
        "threads": facts.threads,
        "data": {**documents.data_of(facts), "fingerprint": facts.fingerprint},
        "parameters": facts.parameters,
        "batch_sizes": [_size(size) for size in probe.sizes],
        "largest": probe.largest,
        "stopped_by": probe.stopped_by,
        "limit_bytes": probe.limit_bytes,
        "knee": plain(probe.knee),
        "step_model": plain(model),
    }


def _size(size: ProbedSize) -> dict[str, Any]:
    peak = size.peak_memory_bytes
    return {
        "batch_size": size.batch_size,
        "status": size.status,
        "peak_memory_bytes": None if peak is None else plain(Estimate(peak, n=1, method="peak")),
        "speed": documents.speed_of(size.speed),
        "share_of_best": size.share_of_best,
        "step_seconds_draws": list(size.step_seconds),
        "error": size.error,
    }


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row a batch size; see :func:`bsx.render.document.rows`."""
    flat = []
    for size in found["batch_sizes"]:
        speed = size["speed"] or {}
        row = {"batch_size": size["batch_size"], "status": size["status"]}
        row |= {"speed_loop": speed.get("loop")}
        for key in ("step_seconds", "samples_per_second", "epoch_seconds"):
            row |= of_rows.estimate_cells(f"speed_{key}", speed.get(key))
        row["share_of_best"] = size["share_of_best"]
        row["peak_memory_bytes"] = (size["peak_memory_bytes"] or {}).get("value")
        flat.append(row)
    return flat


# --- for people -------------------------------------------------------------------------------


def print_probe(console: Console, probe: Probe) -> None:
    """Print the table and what it says, as wide as ``console``."""
    for part in draw(_grid(probe), console.width):
        console.print(Plain(part), end="")
    console.print()
    for line in sentences(probe):
        console.print(Plain(prose(line, 0, console.width)), end="")


def markdown(probe: Probe) -> str:
    """Write the table and what it says as Markdown, ending with a newline."""
    return "\n\n".join([table(_grid(probe)), *map(escaped, sentences(probe))]) + "\n"


def _grid(probe: Probe) -> Grid:
    shown = _shown(probe)
    speeds = [size.speed for size in shown]
    steps = [s.step_seconds if s else None for s in speeds]
    unit, factor = numbers.time_unit(q.value for q in steps if q and q.value)
    scaled = [None if q is None else q.scaled(1 / factor) for q in steps]
    form = numbers.fixed(numbers.decimals([q.value for q in scaled if q is not None]))
    peaks = [size.peak_memory_bytes for size in shown]
    peak_unit, peak_factor = numbers.byte_unit(peak for peak in peaks if peak)
    peak_sizes = [None if peak is None else peak / peak_factor for peak in peaks]
    peak_form = numbers.fixed(numbers.decimals(peak_sizes))
    columns = (
        Column("batch_size", "batch\nsize", tuple(numbers.count(s.batch_size) for s in shown)),
        Column(
            "step",
            f"time per\niteration, {unit}",
            numbers.aligned(scaled, form),
            brief=numbers.aligned(scaled, form, intervals=False),
        ),
        Column(
            "throughput",
            "samples\nper second",
            tuple(numbers.si(s.samples_per_second.value) if s else numbers.UNKNOWN for s in speeds),
        ),
        Column("share", "share of\nthe best", tuple(_share(s.share_of_best) for s in shown)),
        Column("memory", f"peak\nmemory, {peak_unit}", tuple(map(peak_form, peak_sizes))),
        Column("status", "", tuple(phrases.status(s.status) for s in shown), right=False),
    )
    return Grid(
        f"Probe: {_what(probe)}",
        columns,
        shorten("step") + drop("memory", "step"),
        notes=_notes(probe, len(shown)),
    ).without(numbers.UNKNOWN)


def _shown(probe: Probe) -> list[ProbedSize]:
    """The sizes that were timed or are the largest, and of those that do not fit the smallest."""
    failing = [s for s in probe.sizes if s.status != "ok" and s.batch_size > (probe.largest or 0)]
    edge = min((size.batch_size for size in failing), default=None)
    return [
        size
        for size in probe.sizes
        if size.speed is not None
        or size.batch_size in (edge, probe.largest)
        or size.status == "failed"
    ]


def _notes(probe: Probe, shown: int) -> tuple[str, ...]:
    left = len(probe.sizes) - shown
    return (f"{left} more sizes were tried to find the largest, and not timed",) if left else ()


def _share(share: float | None) -> str:
    return numbers.percent(share, 0)


def _what(probe: Probe) -> str:
    facts, config = probe.facts, probe.config
    model, data = phrases.clean(config.model.name), phrases.clean(config.dataset.name)
    loop = places.loop_named(size.speed.loop for size in probe.timed if size.speed)
    return f"{model} on {data}, {places.alone_on(facts.device, facts.threads)}{loop}"


def sentences(probe: Probe) -> list[str]:
    """Say the largest size that fits and what stopped it, the knee, and α and β in words."""
    return [line for line in (_largest(probe), _knee(probe), _line(probe)) if line]


def _largest(probe: Probe) -> str:
    largest = probe.largest
    if largest is None:
        return _nothing(probe)
    size = numbers.count(largest)
    if probe.stopped_by == "samples":
        return f"All {size} training samples fit in one batch."
    if probe.stopped_by == "max":
        return f"Batch size {size} fits; it is the largest that --max allows."
    above = [s for s in probe.sizes if s.batch_size > largest]
    first = min(above, key=lambda s: s.batch_size)
    if probe.stopped_by == "failed":
        return f"The largest batch size that runs is {size}: {_failure(first)}."
    return (
        f"The largest batch size that fits is {size}: {numbers.count(first.batch_size)} needs more "
        f"than the {_limit(probe)}."
    )


def _nothing(probe: Probe) -> str:
    first = probe.sizes[0]
    if first.status == "failed":
        return f"No batch size runs: {_failure(first)}."
    needs = ""
    if first.peak_memory_bytes is not None:
        needs = f" {numbers.size(first.peak_memory_bytes)},"
    return (
        f"Nothing fits: batch size {numbers.count(first.batch_size)} already needs{needs} more "
        f"than the {_limit(probe)}."
    )


def _failure(size: ProbedSize) -> str:
    return f"{numbers.count(size.batch_size)} fails with {phrases.clean(size.error or 'an error')}"


def _limit(probe: Probe) -> str:
    if probe.limit_bytes is None:
        return "memory there is"
    return f"{numbers.size(probe.limit_bytes)} {_LIMITS[probe.limit_source]}"


def _knee(probe: Probe) -> str:
    knee = probe.knee
    if knee is None:
        return ""
    if knee.value is None:
        return (
            "The throughput still rises at the largest size that was timed, "
            f"{numbers.count(knee.censored_at)}: none of half that size or less comes to 90 % of "
            "it."
        )
    return (
        f"The knee is batch size {numbers.count(knee.value)}{_between(knee)}, the smallest timed "
        "with 90 % of the best throughput: larger batches bring hardly more samples per second."
    )


def _between(knee: Estimate) -> str:
    """Say where an equal probe would find it, where that may be elsewhere."""
    if knee.low == knee.high or (knee.low is None and knee.high is None):
        return ""
    if knee.high is None:
        return f" (an equal probe may find it anywhere from {numbers.count(knee.low)} on)"
    return (
        f" (an equal probe may find it between {numbers.count(knee.low)} and "
        f"{numbers.count(knee.high)})"
    )


def _line(probe: Probe) -> str:
    alpha, beta = probe.alpha, probe.beta
    if alpha is None or beta is None or alpha.value is None or not beta.value:
        return ""
    return (
        f"By a line through all sizes a step costs about {numbers.duration(alpha.value)} whatever "
        f"its size and {numbers.duration(beta.value)} for each sample, so that throughput tends to "
        f"{numbers.throughput(1 / beta.value)}."
    )
