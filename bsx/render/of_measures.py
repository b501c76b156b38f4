"""The sentences of cautions about what is measured beside the curves; see ``sentences``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsx.render import numbers
from bsx.render.phrases import Values, clean, each

_FLAGS = {"noise-scale": "noise scale", "gradients": "gradients", "sharpness": "sharpness"}


def _not_measured(group: Sequence[Values]) -> str:
    first = group[0]
    what = _FLAGS.get(str(first["measure"]), clean(first["measure"]))
    return f"not measured: {what}, because of {clean(first['error'])}; the same command tries again"


def _normalized_over(group: Sequence[Values]) -> str:
    samples = each(group, "samples", numbers.count)
    if group[0]["measure"] == "gradients":
        return (
            "under BatchNorm the gradient of a batch depends on what it is normalized over: the "
            f"full gradient is the mean of those of {samples} samples at a time, and smaller "
            "batches differ from it also by that"
        )
    return (
        "under BatchNorm no sample has a gradient of its own: the noise scale is from micro-batches"
        f" of {samples} samples, that of a network that normalizes over so many"
    )


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {
    "not_measured": _not_measured,
    "normalized_over": _normalized_over,
}
