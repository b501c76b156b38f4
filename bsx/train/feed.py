"""The batches of a run, one after another: indexed on the device, or fetched from where they lie.

Both give the same numbers to the bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from bsx.data import Samples
from bsx.train.session import Session


class Feed:
    """The batches of the runs of ``seeds``, on the device and varied.

    Args:
        steps: the steps that will be asked for, in this order; a stream fetches some ahead.
        tail: what becomes of the last, smaller batch of an epoch; None for the recipe's rule.
    """

    def __init__(
        self, session: Session, seeds: Sequence[int], steps: Iterable[int], tail: str | None = None
    ) -> None:
        order = self.order = session.order(seeds, tail)
        self._augment = session.augmentation(seeds)
        part = session.train
        if isinstance(part, Samples):
            self._samples = part
            self._coming = None
        else:
            self._coming = part.batches(order.rows(step).reshape(-1) for step in steps)

    def batch(self, step: int, lanes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return inputs (lanes, batch, *input_shape) and targets (lanes, batch, …) of ``step``.

        ``lanes``: the place of each lane's seed among the seeds; None gives one lane a seed.
        """
        if self._coming is not None:
            inputs, targets = (
                flat.view(len(self.order.seeds), -1, *flat.shape[1:]) for flat in next(self._coming)
            )
        else:
            rows = self.order.rows(step)
            if lanes is not None and not self._augment.ways:
                rows, lanes = rows.index_select(0, lanes), None  # copied once, not twice
            inputs, targets = self._samples.take(rows)
        inputs = self._augment(inputs, step)
        if lanes is None:
            return inputs, targets
        return inputs.index_select(0, lanes), targets.index_select(0, lanes)
