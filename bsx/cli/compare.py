"""``bsx compare``: two stored sweeps side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bsx.cli.completion import stored_sweeps
from bsx.cli.options import warn_of_variables, with_settings

if TYPE_CHECKING:
    from bsx.comparing import Arm
    from bsx.schema import Comparison, Sweep, TargetSpec
    from bsx.store import Store


_TARGET = (
    "Metric to reach on validation that both are compared at, e.g. accuracy=0.97; one alone.  "
    "(default: that of the first sweep, or of the second, else the strictest round one that every "
    "size of both reaches)"
)


@with_settings(("target", "store", "format", "get"), {"target": _TARGET})
def compare(
    first: Annotated[
        str | None,
        typer.Argument(
            help="A sweep's name or the beginning of its id.  (default: the newest)",
            autocompletion=stored_sweeps,
        ),
    ] = None,
    second: Annotated[
        str | None,
        typer.Argument(
            help="The sweep to compare with it. Without one the first is to be of --vary, and its "
            "arms are compared with the first of them.",
            autocompletion=stored_sweeps,
        ),
    ] = None,
    **flags: Any,
) -> None:
    """Set two stored sweeps side by side, with intervals paired over the seeds they share.

    Example:

    $ bsx sweep --name plain && bsx sweep --model-arg norm=batch --name normed

    $ bsx compare plain normed

    The arms of the newest --vary:

    $ bsx compare
    """
    from bsx.cli.output import print_found
    from bsx.config import read_view
    from bsx.render import comparison as rendered
    from bsx.store import Store

    view, door = read_view(flags, os.environ)
    warn_of_variables(os.environ)
    with Store(door.store) as store:
        arms = _arms(store, first, second)
    comparisons = compared(arms, one_target(view.targets))
    warn(comparisons)
    documents, metric = [rendered.document(one) for one in comparisons], arms[0].facts.metric
    print_found(
        documents[0] if len(documents) == 1 else {"comparisons": documents},
        rendered.rows(documents),
        form=door.format,
        get=door.get,
        draw=lambda console: rendered.print_comparisons(console, comparisons, metric),
        markdown=lambda: rendered.markdown(comparisons, metric),
        header=rendered.header(),
    )


def _arms(store: Store, first: str | None, second: str | None) -> list[Arm]:
    """Return the two sweeps that are named, or all arms that the first is one of.

    Raises:
        ConfigError: where there are not two.
    """
    from bsx.arms import arms_with, label
    from bsx.cli.named import sweep_named
    from bsx.errors import ConfigError

    if first is not None and second is not None:
        named = [(sweep_named(store, wanted), wanted) for wanted in (first, second)]
        return [arm_of(store, sweep, wanted) for sweep, wanted in named]
    found = arms_with(store.sweep(first), store.sweeps())
    if len(found) < 2:
        which = "the newest sweep" if first is None else first
        raise ConfigError(
            f"{which} is no arm of --vary that has others; name two sweeps, as in `bsx compare "
            "FIRST SECOND`"
        )
    return [arm_of(store, sweep, label(sweep.config)) for sweep in found]


def one_target(targets: tuple[TargetSpec, ...]) -> tuple[TargetSpec, ...]:
    """Return the target as it was asked for.

    Raises:
        ConfigError: for several.
    """
    from bsx.errors import ConfigError

    if len(targets) > 1:
        asked = ",".join(f"{target.metric}={target.threshold:g}" for target in targets)
        raise ConfigError(
            f"--target {asked}: two sweeps are compared at one target; give one of these, and "
            "compare again for each other"
        )
    return targets


def arm_of(store: Store, sweep: Sweep, label: str) -> Arm:
    """Return a stored sweep as an arm of a comparison.

    Raises:
        ConfigError: for a branched sweep.
    """
    from bsx import plan
    from bsx.comparing import Arm
    from bsx.errors import ConfigError

    if sweep.config.branching is not None:
        raise ConfigError(
            f"{label} is a branched sweep, and those are not compared; set `bsx show {label}` "
            "beside that of the other"
        )
    return Arm(
        label,
        sweep.config,
        sweep.facts,
        plan.recipes(sweep.config, sweep.facts),
        tuple(store.runs(sweep.sweep_id)),
        tuple(store.speeds(sweep.sweep_id)),
    )


def compared(arms: Sequence[Arm], targets: tuple[TargetSpec, ...] = ()) -> list[Comparison]:
    """Compare every arm with the first.

    Raises:
        ConfigError: for arms that cannot be compared.
    """
    from bsx.comparing import compare as compare_arms
    from bsx.errors import ConfigError

    try:
        return [compare_arms(arms[0], arm, targets) for arm in arms[1:]]
    except ValueError as error:
        raise ConfigError(str(error)) from None


def warn(comparisons: Sequence[Comparison]) -> None:
    """Say on stderr what to beware of."""
    from rich.console import Console

    from bsx.render.tables import print_cautions

    for one in comparisons:
        of = f"{one.second} against {one.first}" if len(comparisons) > 1 else ""
        print_cautions(Console(stderr=True), one.cautions, of=of)
