"""The rows of the csv and jsonl formats: a batch size each, flattened from the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MEASURED = ("noise_scale", "sharpness", "hessian_eigenvalue")
_NESTED = ("noise_curve", "against_small", "at_equal_epochs", "at_equal_steps")
_SPEED = (
    *("step_seconds", "samples_per_second", "epoch_seconds", "peak_memory_bytes"),
    "sample_joules",
)
_TO_TARGET = ("steps", "epochs", "samples", "seconds")


def rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row a batch size, all with the same keys in the same order.

    An estimate ``x`` gives ``x``, ``x_low``, ``x_high`` and, where it counts towards a target,
    ``x_censored_at``. What belongs to the second target and those after it carries its number:
    ``to_target_2_steps``. Of a branched sweep a row is a point and batch size.
    """
    if document["branched"] is not None:
        return _branch_rows(document)
    sizes = document["batch_sizes"]
    metrics = _metric_names(sizes)
    recommended = (document["recommendation"] or {}).get("batch_size")
    tuned = _tuned(document)
    return [
        _row(size, document["targets"], metrics, tuned, size["batch_size"] == recommended)
        for size in sizes
    ]


def _branch_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a point and batch size, of a branched sweep."""
    found = document["branched"]
    return [
        {
            "step": point["step"],
            "samples": point["samples"],
            "epoch": point["epoch"],
            **estimate_cells("critical_batch_size", point["critical_batch_size"], censored=True),
            "batch_size": branch["batch_size"],
            "learning_rate": branch["learning_rate"],
            "branch_steps": branch["steps"],
            "seeds": branch["seeds"],
            "diverged": branch["diverged"],
            **estimate_cells("loss", branch["loss"]),
            **estimate_cells("difference", branch["difference"]),
            **estimate_cells("excess", branch["excess"]),
            "verdict": branch["verdict"],
        }
        for point in found["points"]
        for branch in point["branches"]
    ]


def _row(
    size: Mapping[str, Any],
    targets: list[Mapping[str, Any]],
    metrics: Mapping[str, list[str]],
    tuned: list[str],
    recommended: bool,
) -> dict[str, Any]:
    row = {key: value for key, value in size.items() if not isinstance(value, dict | list)}
    for key in ("final", "speed", *_MEASURED, *_NESTED):  # null where nothing is known
        row.pop(key, None)
    row["recommended"] = recommended
    for number, target in enumerate(targets, start=1):
        prefix = "to_target" if number == 1 else f"to_target_{number}"
        entries = size["to_target"]
        entry = entries[number - 1] if number <= len(entries) else {}
        row |= _to_target_cells(prefix, target, entry)
        row |= {f"{prefix}_{name}": entry.get(name) for name in tuned}
    row |= _final_cells(size["final"] or {}, metrics)
    row |= {f"final_{name}": (size["final"] or {}).get(name) for name in tuned}
    speed = size["speed"] or {}
    row["speed_loop"] = speed.get("loop")
    for key in _SPEED:
        row |= estimate_cells(f"speed_{key}", speed.get(key))
    for key in _MEASURED:
        row |= estimate_cells(key, size[key])
    row |= estimate_cells("large_batch_gap", (size["against_small"] or {}).get("test"))
    for key in ("at_equal_epochs", "at_equal_steps"):
        row |= estimate_cells(key, (size[key] or {}).get("value"))
    return row


def rate_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten a document into one row a batch size and learning rate that was tried."""
    names = ["learning_rate", *_tuned(document)]
    return [
        {"batch_size": size["batch_size"], **{name: entry.get(name) for name in names}}
        | _rate_row(entry, document["targets"], document["metric"])
        for size in document["batch_sizes"]
        for entry in size["learning_rates"]
    ]


def _tuned(document: Mapping[str, Any]) -> list[str]:
    """Return what was tuned beside the learning rate."""
    search = document["config"].get("search") or {"axes": []}
    return [axis["name"] for axis in search["axes"][1:]]


def _rate_row(
    entry: Mapping[str, Any], targets: list[Mapping[str, Any]], metric: str
) -> dict[str, Any]:
    row = {key: entry[key] for key in ("seeds", "diverged", "dominated")}
    for number, (target, found) in enumerate(zip(targets, entry["to_target"], strict=True)):
        prefix = "to_target" if number == 0 else f"to_target_{number + 1}"
        row[f"{prefix}_metric"] = target["metric"]
        row[f"{prefix}_threshold"] = target["threshold"]
        row |= estimate_cells(f"{prefix}_steps", found["steps"], censored=True)
        row[f"{prefix}_reached_fraction"] = found["reached_fraction"]
    return row | estimate_cells(f"validation_{metric}", entry["validation"].get(metric))


def _to_target_cells(
    prefix: str, target: Mapping[str, Any], entry: Mapping[str, Any]
) -> dict[str, Any]:
    low, high = entry.get("learning_rate_basin") or (None, None)
    cells = {
        f"{prefix}_metric": target["metric"],
        f"{prefix}_threshold": target["threshold"],
        f"{prefix}_learning_rate": entry.get("learning_rate"),
        f"{prefix}_learning_rate_at_edge": entry.get("learning_rate_at_edge"),
        f"{prefix}_learning_rate_basin_low": low,
        f"{prefix}_learning_rate_basin_high": high,
    }
    for key in _TO_TARGET:
        cells |= estimate_cells(f"{prefix}_{key}", entry.get(key), censored=True)
    cells[f"{prefix}_reached_fraction"] = entry.get("reached_fraction")
    return cells


def _final_cells(final: Mapping[str, Any], metrics: Mapping[str, list[str]]) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "final_learning_rate": final.get("learning_rate"),
        "final_learning_rate_at_edge": final.get("learning_rate_at_edge"),
    }
    for split, names in metrics.items():
        for name in names:
            cells |= estimate_cells(f"final_{split}_{name}", final.get(split, {}).get(name))
    for key in ("generalization_gap", "best_epoch"):
        cells |= estimate_cells(f"final_{key}", final.get(key))
    return cells


def estimate_cells(
    name: str, estimate: Mapping[str, Any] | None, *, censored: bool = False
) -> dict[str, Any]:
    """Return the columns of an estimate; see :func:`rows`."""
    known = estimate or {}
    cells = {name: known.get("value"), f"{name}_low": known.get("low")}
    cells[f"{name}_high"] = known.get("high")
    if censored:
        cells[f"{name}_censored_at"] = known.get("censored_at")
    return cells


def _metric_names(sizes: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the metrics that any batch size has, by split: one that failed has none."""
    names: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for size in sizes:
        for split, found in names.items():
            found += [name for name in (size["final"] or {}).get(split, {}) if name not in found]
    return names
