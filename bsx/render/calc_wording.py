"""Words of ``bsx calc``: how each number comes about, and what to do about it.

Works from the documents that ``--format json`` prints; draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
Line = tuple[str, str, str]  # what, how much, how it comes about

_MOST_LISTED = 6


def bn_advice(document: Document, asked: bool) -> str | None:
    """Say what to do where BatchNorm would meet a micro-batch of 1; None where it is safe."""
    if asked and document["bn_safe"] is None:
        return "differs among these answers: ask again with one of them"
    if document["bn_safe"] is not False:
        return None
    if document["micro_batch_size"] == 1:
        return (
            "BatchNorm cannot train on a micro-batch of 1: use at least 2 samples in each "
            "(a larger batch, less accumulation, fewer devices), or GroupNorm or LayerNorm"
        )
    merge = ""
    if document["accumulation"] == 1 == document["world_size"]:
        merge = ", merge it into the one before (--tail merge)"
    return (
        "the last micro-batch of an epoch holds 1 sample, which BatchNorm cannot train on: "
        f"drop it (--drop-last){merge}, or take another batch size"
    )


def notes(documents: Sequence[Document]) -> list[str]:
    """Return what a reader should know beside the numbers."""
    said: dict[str, None] = {}
    if len(documents) > 1:
        said = dict.fromkeys(_bn_notes(documents))
        smallest = documents[0]["batch_size_for_coverage"]
        if smallest is not None:
            said[_smallest_note(smallest)] = None
    for doc in documents:
        window, full = doc["last_window"], doc["accumulation"]
        if isinstance(full, int) and window is not None and window < full:
            said[
                "The last accumulation window of an epoch is incomplete "
                f"({count(window)} of {count(full)} micro-batches"
                f"{_at(documents, doc)}): divide its loss by what it holds."
            ] = None
    return list(said)[:6]


def _bn_notes(documents: Sequence[Document]) -> list[str]:
    sizes: dict[str, list[str]] = {}
    for doc in documents:
        if doc["bn_advice"]:
            sizes.setdefault(doc["bn_advice"], []).append(count(doc["batch_size"]))
    return [f"Not BN-safe: {_listed(of)}: {advice}." for advice, of in sizes.items()]


def _listed(words: Sequence[str]) -> str:
    if len(words) > _MOST_LISTED:
        return f"{', '.join(words[:_MOST_LISTED])} and {len(words) - _MOST_LISTED} more"
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), words[-1]])


def _smallest_note(smallest: int) -> str:
    return f"From batch size {smallest:,} on, a batch holds every class in at least 95 % of draws."


def _at(documents: Sequence[Document], doc: Document) -> str:
    return f" at batch size {count(doc['batch_size'])}" if len(documents) > 1 else ""


def card_lines(doc: Document) -> list[Line]:
    """Return the lines of a card: what, how much, and how it comes about."""
    lines: list[Line] = [
        ("samples", count(doc["samples"]), _span_words(doc["samples"])),
        ("batch size", count(doc["batch_size"]), _batch_size_words(doc)),
    ]
    if doc["epochs"] is not None:
        lines.append(("epochs", count(doc["epochs"]), "passes over the data"))
    lines.append(("iterations per epoch", count(doc["steps_per_epoch"]), _steps_words(doc)))
    if doc["total_steps"] is not None and doc["epochs"] is not None:
        how = f"{count(doc['epochs'])} × {count(doc['steps_per_epoch'])}: the whole training"
        lines.append(("total iterations", count(doc["total_steps"]), how))
    lines.append(("last batch of an epoch", count(doc["last_batch"]), _last_words(doc)))
    if doc["samples_seen"] is not None:
        lines.append(("samples seen", count(doc["samples_seen"]), "over all epochs"))
    lines += _left_over_lines(doc) + _micro_lines(doc) + _extra_lines(doc)
    return lines


def _left_over_lines(doc: Document) -> list[Line]:
    lines = []
    if doc["dropped_per_epoch"] not in (0, None):
        how = "samples of an epoch that no update uses"
        lines.append(("dropped per epoch", count(doc["dropped_per_epoch"]), how))
    if doc["padded_per_epoch"] not in (0, None):
        how = "repeated by the sampler, so that each device gets as many"
        lines.append(("padded per epoch", count(doc["padded_per_epoch"]), how))
    return lines


def _micro_lines(doc: Document) -> list[Line]:
    if doc["accumulation"] == 1 == doc["world_size"]:
        return []
    how = "samples in one forward and backward pass on one device"
    per_epoch = count(doc["micro_batches_per_epoch"])
    return [
        ("micro-batch size", count(doc["micro_batch_size"]), how),
        ("micro-batches per epoch", per_epoch, "on each device"),
        ("accumulation", count(doc["accumulation"]), "micro-batches in one iteration"),
        ("devices", count(doc["world_size"]), "the world size"),
    ]


def _extra_lines(doc: Document) -> list[Line]:
    lines: list[Line] = []
    if doc["bn_safe"] is not None or doc["bn_advice"]:
        safe = "no micro-batch holds a single sample"
        lines.append(("BN-safe", yes_or_no(doc["bn_safe"]), doc["bn_advice"] or safe))
    if doc["class_coverage"] is not None:
        how = "chance that a batch holds every class"
        lines.append(("class coverage", chance_text(doc["class_coverage"]), how))
    if doc["batch_size_for_coverage"] is not None:
        how = "smallest batch size for a chance of 95 %"
        lines.append(("for every class", count(doc["batch_size_for_coverage"]), how))
    if doc["input_shape"] is not None:
        how = "batch, window" + (", channels" if len(doc["input_shape"]) > 2 else "")
        lines.append(("input shape", shape_text(doc["input_shape"]), how))
    return lines


def _span_words(value: Any) -> str:
    if not isinstance(value, Mapping):
        return ""
    step = value["multiple_of"]
    return "each of these fits" if step == 1 else f"each multiple of {step:,} among these fits"


def _batch_size_words(doc: Document) -> str:
    if isinstance(doc["batch_size"], Mapping):
        return _span_words(doc["batch_size"])
    parts = [("micro-batch", "micro_batch_size"), ("accumulation", "accumulation")]
    if doc["accumulation"] != 1 or doc["world_size"] != 1:
        product = " × ".join(f"{name} {count(doc[key])}" for name, key in parts)
        return f"{product} × devices {count(doc['world_size'])}"
    if doc["batch_size"] == doc["samples"]:
        return "full batch: every sample in every update"
    if doc["batch_size"] == 1:
        return "online learning: one sample in an update"
    return "samples in one update"


def _steps_words(doc: Document) -> str:
    samples, size = doc["samples"], doc["batch_size"]
    if isinstance(samples, Mapping) or isinstance(size, Mapping):
        return "updates in one pass over the data"
    ratio = f"{count(samples)} / {count(size)}"
    if samples == doc["steps_per_epoch"] * size:
        return ratio
    if doc["steps_per_epoch"] > samples // size:
        return f"{ratio}, rounded up: the last, smaller batch counts"
    return f"{ratio}, rounded down: no batch is smaller than {count(size)}"


def _last_words(doc: Document) -> str:
    last, size = doc["last_batch"], doc["batch_size"]
    if not isinstance(last, int) or not isinstance(size, int):
        return "" if isinstance(last, int) else "depends on which of them is taken"
    if last == size:
        return "a full one"
    if last > size:
        return f"the tail of {count(last - size)} merged into a batch of {count(size)}"
    return f"smaller than the others, which hold {count(size)}"


# --- values -----------------------------------------------------------------------------------


def count(value: Any) -> str:
    """Write a count, or a range of answers, with every digit; – where it is unknown."""
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return f"{value['low']:,} to {value['high']:,}"
    return f"{value:,}"


def chance_text(chance: float | None) -> str:
    """Write a probability in per cent; next to certain is never rounded to certain."""
    if chance is None:
        return "–"
    if chance == 1:
        return "100 %"
    if 1e-3 <= chance <= 0.9995:
        return f"{100 * chance:.1f} %"
    if chance > 0.9995:
        return "> 99.9 %"
    return "0 %" if chance == 0 else f"{100 * chance:.1e} %"


def shape_text(shape: Sequence[int] | None) -> str:
    """Write a shape as ``(32, 10)``."""
    return "–" if shape is None else f"({', '.join(str(length) for length in shape)})"


def yes_or_no(value: bool | None) -> str:
    """Write a truth as a word."""
    return "–" if value is None else ("yes" if value else "no")
