"""A stored sweep as it is to be read: with another target, another metric, another objective."""

from __future__ import annotations

from dataclasses import replace

from bsx.errors import ConfigError
from bsx.schema import METRICS, Sweep, View, metric_of, no_such_metric


def as_read(sweep: Sweep, view: View) -> Sweep:
    """Return the sweep with what ``view`` asks for in place of what was asked when it was run.

    Raises:
        ConfigError: for a metric that was not measured, and a cost without its price.
    """
    config = view.of(sweep.config)
    check_price(config.aim, config.price_per_hour)
    if view.metric is None:
        return replace(sweep, config=config)
    metrics = {metric.name: metric for metric in sweep.facts.metrics}
    judge = metrics.pop(view.metric, None)
    if judge is None:
        raise ConfigError(f"--metric {view.metric}: {_not_measured(sweep, view.metric)}")
    facts = replace(sweep.facts, metrics=(judge, *metrics.values()))
    return replace(sweep, config=config, facts=facts)


def _not_measured(sweep: Sweep, metric: str) -> str:
    """Say that a sweep cannot be judged by a metric, and by what it can or how that is measured."""
    facts, command = sweep.facts, sweep.config.command
    known = [found.name for found in facts.metrics]
    had = f"it was not measured; what was is {', '.join(known)}"
    if metric == "loss":
        return (
            f"quality is judged by a metric, of which {', '.join(known)} were measured, and not by "
            "the loss; that can be a target, --target loss=VALUE"
        )
    if command is not None and command.program.elsewhere:
        return f"{facts.dataset_name} has no such metric; it has {', '.join(known)}"
    if metric_of(facts.task, metric, facts.classes) is not None:
        return f"{had}. `bsx sweep --metric {metric}` measures it, and trains for it"
    if facts.task in METRICS:
        return no_such_metric(metric, facts.task)
    return f"{had}. `bsx sweep --metric` takes others that the program reports"


def check_price(aim: str | None, price_per_hour: float | None) -> None:
    """Refuse to recommend by cost where nobody said what training costs.

    Raises:
        ConfigError: in that case, with the remedy.
    """
    if aim == "cost" and price_per_hour is None:
        raise ConfigError(
            "--objective cost needs --price-per-hour: what an hour of training costs, in your "
            "currency"
        )
