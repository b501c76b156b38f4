"""What stands beside a training loop: it tells how far the loop is, and keeps its state.

The loop asks it after every step, which costs next to nothing; what it does happens by the clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from bsx.errors import Stopped, StoreError
from bsx.schema import Curve, CurvePoint, Notice, Report
from bsx.train.checkpoint import Checkpoints, Interval
from bsx.train.session import Clock

SIGN_OF_LIFE = 0.5  # seconds between two, within which a loop also hears that it is to end

State = Callable[[], Mapping[str, Any]]


class Keeper:
    """Keeps what trains.

    Args:
        checkpoints: where its state is kept; None keeps nothing.
        steps: that will be taken in all.
        report: where to tell how far it is; raises Stopped where it is to end.
        clock: of the training; it stands while a checkpoint is written.
    """

    def __init__(
        self, checkpoints: Checkpoints | None, steps: int, report: Report, clock: Clock
    ) -> None:
        self._checkpoints = checkpoints
        self._steps = steps
        self._report = report
        self._clock = clock
        self._interval = Interval()
        self._next = time.monotonic() + SIGN_OF_LIFE
        self.notices: tuple[Notice, ...] = ()

    def taken_up(self, device: torch.device) -> Mapping[str, Any] | None:
        """Return the state to go on from, or None: from the start.

        The clock and the generators of random numbers are set to where they were. What was passed
        over is in ``notices``.
        """
        if self._checkpoints is None:
            return None
        found = self._checkpoints.load(device)
        self.notices = tuple(
            Notice(f"the checkpoint {path} is damaged and was passed over")
            for path in found.damaged
        )
        if found.state is not None:
            set_generators(found.state["generators"])
            self._clock.resume(found.state["seconds"])
        return found.state

    def after_step(self, step: int, state: State) -> None:
        """Be told that ``step`` steps are done; now and then, pass it on and keep the state."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SIGN_OF_LIFE
            self.tell(step, None, state)

    def tell(self, step: int, best: float | None, state: State) -> None:
        """Pass on how far the loop is, and the best validation metric so far.

        Raises:
            Stopped: the loop is to end; its state is kept.
            StoreError: where a checkpoint cannot be written.
        """
        try:
            self._report(step / self._steps, best)
        except Stopped:
            self.keep(state)
            raise
        if self._interval.due:
            self.keep(state)

    def done(self) -> None:
        """Forget the state: what came of it is on its way home."""
        if self._checkpoints is not None:
            self._checkpoints.clear()

    def keep(self, state: State) -> None:
        """Write a checkpoint.

        Raises:
            StoreError: where it cannot be written.
        """
        if self._checkpoints is None:
            return
        began = time.monotonic()
        running = self._clock.running
        around = {"seconds": self._clock.stop(), "generators": generators()}
        try:
            self._checkpoints.save({**state(), **around})
        except OSError as error:
            raise StoreError(
                f"no checkpoint can be written to {self._checkpoints.folder}: {error.strerror}; "
                "mend that, and the same command goes on from what is stored"
            ) from None
        self._interval.written(time.monotonic() - began)
        if running:
            self._clock.start()


def curve_state(points: Sequence[CurvePoint]) -> dict[str, Any]:
    """Return a curve as a checkpoint keeps it."""
    curve = Curve.of(points)
    packed = torch.frombuffer(bytearray(curve.packed), dtype=torch.uint8)
    return {"metrics": list(curve.metric_names), "packed": packed}


def curve_from(state: Mapping[str, Any]) -> list[CurvePoint]:
    """Return the points that :func:`curve_state` was given."""
    return list(Curve(state["metrics"], bytes(state["packed"].tolist())))


def generators() -> dict[str, Any]:
    """Return where the generators of random numbers are that a model may draw from."""
    version, numbers, gauss = random.getstate()
    found: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "python": [version, list(numbers), gauss],
    }
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def set_generators(state: Mapping[str, Any]) -> None:
    """Put the generators to where they were."""
    torch.set_rng_state(state["torch"].cpu())
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
