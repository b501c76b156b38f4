"""A step that is recorded once and played back: on a GPU, starting a kernel outlasts a small one.

What is played back are kernels, on the memory that they were recorded on and with every number
that Python gave them. So it stands only for steps whose tensors stay where they are and whose
numbers stay what they are; and it is used only where it was seen to repeat the step to the bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

# A kind of step is recorded when it has come so often: what comes seldom is not worth it.
RECORDED_AFTER = 20
_MOST_KINDS = 64  # numbers that change all the time are no kinds to wait for

Step = Callable[..., None]
State = Callable[[], Sequence[Tensor]]
Play = Callable[[], object]
Recorder = Callable[[Callable[[], object]], Play]


def recorder(device: torch.device) -> Recorder | None:
    """Return what records steps on ``device``; None where starting a kernel costs nothing."""
    return _on_cuda if device.type == "cuda" else None


def _on_cuda(step: Callable[[], object]) -> Play:
    graph = torch.cuda.CUDAGraph()
    # Others may use the device meanwhile: a stream's thread that pins memory, for one.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        step()
    return graph.replay


class Played:
    """Steps, played back from recordings where there are such.

    It keeps nothing of who steps: what holds files and processes is let go when that is.

    Args:
        record: what makes recordings; None lets every step be computed.
    """

    def __init__(self, record: Recorder | None) -> None:
        self._record = record
        self._came: Counter[object] = Counter()
        self._recordings: dict[object, tuple[Sequence[Tensor], Play]] = {}

    def __call__(self, step: Step, state: State, number: float, *inputs: Tensor) -> None:
        """Take a step.

        Args:
            step: takes ``number`` and ``inputs``, and changes the tensors of ``state`` by them
                alone.
            state: all that the step changes and the next one reads, where it lies now.
            number: what Python says of the step.
            inputs: what else does.
        """
        if self._record is None and not self._recordings:
            step(number, *inputs)
            return
        kind = (number, *((tensor.shape, tensor.dtype) for tensor in inputs))
        if kind in self._recordings:
            held, play = self._recordings[kind]
            for mine, theirs in zip(held, inputs, strict=True):
                mine.copy_(theirs)
            play()
            return
        self._came[kind] += 1
        if self._record is not None and self._came[kind] >= RECORDED_AFTER:
            held = [tensor.clone() for tensor in inputs]
            taken = partial(step, number, *held)
            recording = self._begun(self._record, taken, state, held[0].device)
            if recording is None:
                self._record = None
            else:
                self._recordings[kind] = held, recording
            return
        step(number, *inputs)
        if len(self._came) > _MOST_KINDS:
            self._record = None

    def forget(self) -> None:
        """Play nothing back any more that was recorded before: its tensors were exchanged."""
        self._recordings.clear()
        self._came.clear()

    @staticmethod
    def _begun(
        record: Recorder, step: Callable[[], None], state: State, device: torch.device
    ) -> Play | None:
        """Take the step, record it, and return what plays it back, if that comes to the same."""
        before, draws = _copies(state), _draws(device)
        step()
        after = _copies(state)
        if not torch.equal(draws, _draws(device)):
            return None  # a recording would have to draw anew
        try:
            _put(state, before)
            play = record(step)
            _put(state, before)
            play()
            if all(map(_is_same, state(), after)):
                return play
        except RuntimeError:  # what cannot be recorded is computed
            pass
        _put(state, after)
        return None


def _copies(state: State) -> list[Tensor]:
    return [tensor.clone() for tensor in state()]


@torch.no_grad()
def _put(state: State, values: Sequence[Tensor]) -> None:
    for mine, value in zip(state(), values, strict=True):
        mine.copy_(value)


def _draws(device: torch.device) -> Tensor:
    """The state of the generator that steps on ``device`` draw from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _is_same(one: Tensor, other: Tensor) -> bool:
    return bool(((one == other) | (one.isnan() & other.isnan())).all())
