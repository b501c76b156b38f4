"""A stored sweep as it is to be read: with another target, another metric, another objective."""

from __future__ import annotations

from dataclasses import replace

from bsx.errors import ConfigError
from bsx.schema import Sweep, View


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
        raise ConfigError(
            f"--metric {view.metric}: it was not measured; what was is {', '.join(metrics)}. "
            "`bsx sweep --metric` measures others, and trains for it"
        )
    facts = replace(sweep.facts, metrics=(judge, *metrics.values()))
    return replace(sweep, config=config, facts=facts)


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
