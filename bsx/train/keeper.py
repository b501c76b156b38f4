"""What stands beside a training loop: it tells how far the loop is, and keeps its state.

The loop asks it after every step, which costs next to nothing; what it does happens by the clock.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch

from bsx.errors import Stopped, StoreError
from bsx.schema import Curve, CurvePoint, Notice, Report
from bsx.states import States, content_of
from bsx.train.checkpoint import Checkpoints, DamagedCheckpoint, Interval, packed, unpacked
from bsx.train.session import Clock

SIGN_OF_LIFE = 0.5  # seconds between two, within which a loop also hears that it is to end

State = Callable[[], Mapping[str, Any]]


class Beside(Protocol):
    """What is kept along with the state of a loop."""

    def state(self) -> Mapping[str, Any]:
        """Return it, as a checkpoint can hold it."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be as it was."""
        ...


class Ends:
    """The end states of what trains, by ``key``: where it begins, and what is left of it.

    One that was computed in another environment is not gone on from: it would have other bits.
    """

    def __init__(self, states: States, key: str, environment: Mapping[str, object]) -> None:
        self._states = states
        self._key = key
        self._environment = json.dumps(dict(environment), sort_keys=True)

    def load(self, steps: int, device: torch.device) -> Mapping[str, Any] | None:
        """Return the state of a run of at most so many steps, if one was kept and is whole."""
        path = self._states.find(self._key, steps)
        try:
            state = None if path is None else unpacked(content_of(path), device)
        except (DamagedCheckpoint, OSError):
            return None  # it costs time alone
        return state if state and state["environment"] == self._environment else None

    def save(self, steps: int, state: Mapping[str, Any]) -> str | None:
        """Keep where it has come to; say why where that cannot be."""
        content = packed({**state, "environment": self._environment})
        try:
            if self._states.put(self._key, steps, content):
                return None
            why = f"{sum(map(len, content)):,} bytes are more than --keep-states allows"
        except OSError as error:
            why = f"{error.strerror}"
        return f"the state at the end is not kept for longer runs: {why}"


class Keeper:
    """Keeps what trains.

    Args:
        checkpoints: where its state is kept; None keeps nothing.
        steps: that will be taken in all.
        report: where to tell how far it is; raises Stopped where it is to end.
        clock: of the training; it stands while a checkpoint is written.
        ends: where it begins if a shorter one was there, and is kept for longer ones.
        beside: what is kept along with it.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        steps: int,
        report: Report,
        clock: Clock,
        ends: Ends | None = None,
        beside: Beside | None = None,
    ) -> None:
        self._checkpoints = checkpoints
        self._steps = steps
        self._report = report
        self._clock = clock
        self._ends = ends
        self._beside = beside
        self._interval = Interval()
        self._next = time.monotonic() + SIGN_OF_LIFE
        self.notices: tuple[Notice, ...] = ()

    def taken_up(self, device: torch.device) -> Mapping[str, Any] | None:
        """Return the state to go on from, or None: from the start.

        The clock and the generators of random numbers are set to where they were. What was passed
        over is in ``notices``.
        """
        state = None
        if self._checkpoints is not None:
            found = self._checkpoints.load(device)
            state = found.state
            self.notices = tuple(
                Notice(f"the checkpoint {path} is damaged and was passed over")
                for path in found.damaged
            )
        if state is None and self._ends is not None:
            state = self._ends.load(self._steps, device)
        if state is not None:
            set_generators(state["generators"])
            self._clock.resume(state["seconds"])
            if self._beside is not None:
                self._beside.restore(state["beside"])
        return state

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

    def ended(self, step: int, state: State) -> None:
        """Keep where the loop ends, after ``step`` steps and before they are evaluated."""
        if self._ends is not None:
            said = self._ends.save(step, {**state(), **self._around()})
            self.notices += (Notice(said),) if said else ()

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
        try:
            self._checkpoints.save({**state(), **self._around()})
        except OSError as error:
            raise StoreError(
                f"no checkpoint can be written to {self._checkpoints.folder}: {error.strerror}; "
                "mend that, and the same command goes on from what is stored"
            ) from None
        self._interval.written(time.monotonic() - began)
        if running:
            self._clock.start()

    def _around(self) -> dict[str, Any]:
        """What the state is surrounded by: it stops the clock."""
        around = {"seconds": self._clock.stop(), "generators": generators()}
        return around if self._beside is None else {**around, "beside": self._beside.state()}


class Follower(Keeper):
    """Takes up what another keeps, and keeps nothing: the same run, on a device that follows."""

    def done(self) -> None:
        """Leave the state to the one who keeps it."""

    def ended(self, step: int, state: State) -> None:
        """Leave the end to the one who keeps it, too."""

    def keep(self, state: State) -> None:
        """Leave checkpoints to the one who keeps them: all would write the same file."""


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
