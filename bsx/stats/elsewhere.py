"""Speeds that a probe measured elsewhere, in place of a sweep's own."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from statistics import median
from typing import Any

from bsx.errors import DataError
from bsx.schema import (
    SCHEMA_VERSION,
    Facts,
    RunStatus,
    SpeedOrigin,
    SpeedRecord,
    SweepConfig,
    plain,
)


def checked(document: Any, name: str) -> Mapping[str, Any]:
    """Return a document of `bsx probe --save`.

    Raises:
        DataError: for anything else, naming it.
    """
    needed = {"schema_version", "batch_sizes", "step_model", "config", "device", "environment"}
    if not isinstance(document, Mapping) or not needed <= document.keys():
        raise DataError(f"{name} is no result of `bsx probe --save`; make one with that command")
    if document["schema_version"] != SCHEMA_VERSION:
        raise DataError(f"{name} is of another version of bsx; make it again with this one")
    if not isinstance(document["environment"], Mapping):
        raise DataError(f"{name} is damaged: it does not say where it was made; make it again")
    return document


def speeds_from(
    document: Mapping[str, Any], wanted: Collection[int], config: SweepConfig, facts: Facts
) -> tuple[tuple[SpeedRecord, ...], SpeedOrigin]:
    """Return the speeds of a probe's document as records of a sweep, and where they come from.

    ``wanted`` sizes that were not timed get α + βB where they lie between two that were, with the
    relative residuals of those as draws; elsewhere they get none.

    Raises:
        DataError: for a document in which something is missing, or that has no speed at all.
    """
    try:
        found = _speeds_from(document, wanted, config, facts)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise DataError(
            f"the result of `bsx probe` is damaged ({type(error).__name__}: {error}); make it again"
        ) from None
    if not found[0]:
        raise DataError("in the result of `bsx probe` no batch size was timed; make it again")
    return found


def _speeds_from(
    document: Mapping[str, Any], wanted: Collection[int], config: SweepConfig, facts: Facts
) -> tuple[tuple[SpeedRecord, ...], SpeedOrigin]:
    timed = {
        int(size["batch_size"]): tuple(map(_seconds, size["step_seconds_draws"]))
        for size in document["batch_sizes"]
        if size["step_seconds_draws"]
    }
    between = {
        size: draws
        for size in sorted(set(wanted) - timed.keys())
        if (draws := _on_the_line(size, timed, document["step_model"]))
    }
    sizes = document["batch_sizes"]
    loops = {s["batch_size"]: s["speed"]["loop"] for s in sizes if s["speed"]}
    joules = {s["batch_size"]: (s["speed"] or {}).get("sample_joules") for s in sizes}
    peaks = {s["batch_size"]: s["peak_memory_bytes"] for s in sizes}
    records = tuple(
        SpeedRecord(
            unit_id=f"probe-{size}",
            batch_size=size,
            loop=loops.get(size, next(iter(loops.values()), "device")),
            status=RunStatus.COMPLETED,
            step_seconds=draws,
            peak_memory_bytes=_value(peaks.get(size)),
            step_joules=_draws(joules.get(size), size),
            environment=document["environment"],
        )
        for size, draws in sorted((timed | between).items())
    )
    origin = SpeedOrigin(
        str(document["device"]),
        int(document["threads"]),
        document["environment"],
        tuple(between),
        _differences(document, config, facts) if config.command is None else (),
        *(str(document["config"][key]["name"]) for key in ("model", "dataset")),
    )
    return records, origin


def _draws(found: Mapping[str, Any] | None, batch_size: int) -> tuple[float, ...]:
    """Return draws of the energy of a step whose median and range are those that were found."""
    if found is None:
        return ()
    known = (found["low"], found["value"], found["high"])
    return tuple(float(value) * batch_size for value in known if value is not None)


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"{value} seconds")
    return seconds


def _value(estimate: Mapping[str, Any] | None) -> int | None:
    return None if estimate is None or estimate["value"] is None else int(estimate["value"])


def _on_the_line(
    size: int, timed: Mapping[int, tuple[float, ...]], model: Mapping[str, Any] | None
) -> tuple[float, ...]:
    """Return the time of a size between two that were timed: by the line, as far off it as these.

    Three draws: as far off as either of the two, and as they are on the way from one to the other.
    """
    if model is None or not timed or not min(timed) < size < max(timed):
        return ()
    alpha, beta = model["alpha"]["value"], model["beta"]["value"]
    below, above = max(b for b in timed if b < size), min(b for b in timed if b > size)
    off = [math.log(median(timed[b]) / (alpha + beta * b)) for b in (below, above)]
    share = math.log(size / below) / math.log(above / below)
    between = off[0] + share * (off[1] - off[0])
    return tuple(_seconds((alpha + beta * size) * math.exp(of)) for of in (off[0], between, off[1]))


def _differences(document: Mapping[str, Any], config: SweepConfig, facts: Facts) -> tuple[str, ...]:
    """Name what the probe trained otherwise than the sweep."""
    there, here = document["config"], plain(config)
    differs = {
        key: _identity(there[key]) != _identity(here[key])
        for key in ("dataset", "model", "optimizer")
    }
    differs["dataset"] |= document["data"]["fingerprint"] != facts.fingerprint
    differs["model"] |= document["parameters"] != facts.parameters
    for key in ("precision", "micro_batch_size"):
        differs[key] = there["training"].get(key) != here["training"][key]
    return tuple(key for key, differ in differs.items() if differ)


def _identity(ingredient: Mapping[str, Any]) -> tuple[Any, Any]:
    """What an ingredient is: the file of the user's, wherever it lies, or the name."""
    attribute = str(ingredient["name"]).rpartition(":")[2]
    source = ingredient["source"]
    return (source, attribute) if source else ingredient["name"], ingredient["args"]
