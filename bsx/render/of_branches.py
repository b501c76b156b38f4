"""The sentences of cautions that only branched sweeps give rise to; see ``sentences``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsx.render import numbers
from bsx.render.phrases import Values, each, listed


def _where(values: Values) -> str:
    """Name points by their epochs."""
    epochs = values["epochs"]
    if len(epochs) == values["of"]:
        return "at no point" if not epochs else "at every point"
    return f"after {listed([numbers.significant(epoch) for epoch in epochs])} epochs"


def _branch_batchnorm(group: Sequence[Values]) -> str:
    return (
        "BatchNorm takes its statistics over the batch, so that branches differ in more than what "
        "a batch averages; Ghost BatchNorm in chunks of the base batch size keeps them alike "
        "(--model-arg norm=ghost)"
    )


def _branch_momentum(group: Sequence[Values]) -> str:
    first = group[0]
    return (
        f"momentum reaches {numbers.whole(first['memory'])} iterations back and the branch has "
        f"{numbers.count(first['steps'])}, so that it ends with much of the base size's momentum; "
        "longer branches (--branch-samples) or --momentum-rule half-life tell more"
    )


def _branch_rising(group: Sequence[Values]) -> str:
    return (
        f"{_where(group[0])} the base size's validation loss rises along its branch: it overfits, "
        "and a size that learns less looks as good; read nothing from there, or train for less "
        "long (--epochs)"
    )


def _branch_unsettled(group: Sequence[Values]) -> str:
    return (
        f"{_where(group[0])} several sizes are neither shown to be as good nor to be worse; more "
        "--seeds would tell, and train only the new ones"
    )


def _branch_beyond(group: Sequence[Values]) -> str:
    first = group[0]
    return (
        f"{_where(first)} even {numbers.count(first['largest'])} is as good as the base size, so "
        "that the critical batch size lies beyond; add larger --batch-sizes, and more "
        "--branch-samples for them"
    )


def _branch_diverged(group: Sequence[Values]) -> str:
    runs = sum(int(values["runs"]) for values in group)
    noun = "1 branch" if runs == 1 else f"{numbers.count(runs)} branches"
    if group[0]["base"]:
        return f"{noun} diverged: the rate is too high for the run itself; give a lower one (--lr)"
    return (
        f"{noun} diverged: the rate that --learning-rate-rule gives is too high there, which "
        "counts as worse"
    )


def _branches_missing(group: Sequence[Values]) -> str:
    return (
        f"{each(group, 'runs', numbers.count)} of {each(group, 'of', numbers.count)} branches were "
        "not run; the same command goes on with what is missing"
    )


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {
    "branch_batchnorm": _branch_batchnorm,
    "branch_momentum": _branch_momentum,
    "branch_rising": _branch_rising,
    "branch_unsettled": _branch_unsettled,
    "branch_beyond": _branch_beyond,
    "branch_diverged": _branch_diverged,
    "branches_missing": _branches_missing,
}
