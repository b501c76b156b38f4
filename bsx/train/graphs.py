"""A step that is recorded once and played back: on a GPU, starting a kernel outlasts a small one.

What is played back are kernels, on the memory that they were recorded on and with every number
that Python gave them. So it stands only for steps whose tensors stay where they are and whose
numbers stay what they are; and it is used only where it was seen to repeat the step to the bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# A kind of step is recorded when it has come so often: what comes seldom is not worth it.
RECORDED_AFTER = 20
_MOST_KINDS = 64  # numbers that change all the time are no kinds to wait for

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
    """A step, played back from a recording where there is one.

    Args:
        step: takes a number and tensors, and changes the tensors of ``state`` by them alone.
        state: all that the step changes and the next one reads, where it lies now.
        record: what makes recordings; None lets every step be computed.
    """

    def __init__(
        self,
        step: Callable[..., None],
        state: Callable[[], Sequence[Tensor]],
        record: Recorder | None,
    ) -> None:
        self._step = step
        self._state = state
        self._record = record
        self._came: Counter[object] = Counter()
        self._recordings: dict[object, tuple[Sequence[Tensor], Play]] = {}

    def __call__(self, number: float, *inputs: Tensor) -> None:
        """Take the step."""
        if self._record is None and not self._recordings:
            self._step(number, *inputs)
            return
        kind = (number, *((tensor.shape, tensor.dtype) for tensor in inputs))
        if kind in self._recordings:
            held, play = self._recordings[kind]
            for mine, theirs in zip(held, inputs, strict=True):
                mine.copy_(theirs)
            play()
            return
        self._came[kind] += 1
        if self._record is None or self._came[kind] < RECORDED_AFTER:
            self._step(number, *inputs)
            if len(self._came) > _MOST_KINDS:
                self._record = None
        else:
            self._begin(kind, self._record, number, inputs)

    def forget(self) -> None:
        """Play nothing back any more that was recorded before: its tensors were exchanged."""
        self._recordings.clear()
        self._came.clear()

    def _begin(
        self, kind: object, record: Recorder, number: float, inputs: Sequence[Tensor]
    ) -> None:
        """Take the step, record it, and see whether what is played back comes to the same."""
        held = [tensor.clone() for tensor in inputs]
        before, draws = self._copies(), _draws(inputs[0].device)
        self._step(number, *held)
        after = self._copies()
        if not torch.equal(draws, _draws(inputs[0].device)):
            self._record = None  # a recording would have to draw anew
            return
        try:
            self._put(before)
            play = record(lambda: self._step(number, *held))
            self._put(before)
            play()
            repeats = all(map(_is_same, self._state(), after))
        except RuntimeError:  # what cannot be recorded is computed
            repeats = False
        if repeats:
            self._recordings[kind] = held, play
        else:
            self._record = None
            self._put(after)

    def _copies(self) -> list[Tensor]:
        return [tensor.clone() for tensor in self._state()]

    @torch.no_grad()
    def _put(self, values: Sequence[Tensor]) -> None:
        for mine, value in zip(self._state(), values, strict=True):
            mine.copy_(value)


def _draws(device: torch.device) -> Tensor:
    """The state of the generator that steps on ``device`` draw from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _is_same(one: Tensor, other: Tensor) -> bool:
    return bool(((one == other) | (one.isnan() & other.isnan())).all())
