"""By what a file tells how far a run is: iterations, or what makes them up with the batch size."""

from __future__ import annotations

import math
from dataclasses import dataclass

ITERATIONS, SAMPLES, TOKENS, EPOCHS = "iterations", "samples", "tokens", "epochs"


@dataclass(frozen=True)
class Progress:
    """What the column of the step counts.

    ``unit`` is iterations, samples, tokens or epochs; ``epoch_samples`` how many samples one of
    these has.
    """

    unit: str = ITERATIONS
    epoch_samples: int = 0

    @property
    def is_computed(self) -> bool:
        """Whether iterations are worked out from what the file tells."""
        return self.unit != ITERATIONS

    @property
    def to_target(self) -> str:
        """What a column is called that holds so many to a target, and no curve."""
        return "steps_to_target" if self.unit == ITERATIONS else f"{self.unit}_to_target"

    def iterations(self, count: float, batch_size: int) -> float:
        """Return how many iterations a count is; an epoch's last batch may be a smaller one."""
        if self.unit == EPOCHS:
            return count * math.ceil(self.epoch_samples / batch_size)
        return count if self.unit == ITERATIONS else count / batch_size
