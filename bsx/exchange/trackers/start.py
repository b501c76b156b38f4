"""The trackers by name, each imported when it is asked for."""

from __future__ import annotations

from bsx.exchange.trackers.runs import Tracker, title
from bsx.schema import Sweep

LIVE = ("tensorboard", "mlflow")  # can be logged to while a sweep goes


def start(kind: str, where: str, sweep: Sweep, *, force: bool = False) -> Tracker:
    """Return a tracker for the runs of one sweep; ``force`` logs again what it has.

    Raises:
        ConfigError: where its library is not installed.
        DataError: where it cannot be written to.
    """
    # arms of one sweep, and sweeps of one name, are told apart
    named = sweep.config.name is not None
    group = f"{title(sweep)[:80]}-{sweep.sweep_id[:8]}" if named else sweep.sweep_id
    if kind == "tensorboard":
        from bsx.exchange.trackers.tensorboard import TensorBoard

        return TensorBoard(where, group, sweep.sweep_id, force=force)
    if kind == "mlflow":
        from bsx.exchange.trackers.mlflow import MLflow

        return MLflow(where, title(sweep), sweep.sweep_id, force=force)
    if kind == "wandb":
        from bsx.exchange.trackers.wandb import Wandb

        return Wandb(where, group, sweep.sweep_id, force=force)
    raise ValueError(f"there is no tracker {kind}")
