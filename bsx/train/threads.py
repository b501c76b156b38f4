"""How a process computes: on how many threads, and what becomes of numbers close to zero."""

from __future__ import annotations

import torch


def take_threads(count: int) -> None:
    """Compute on ``count`` threads of the CPU; call it before anything is computed.

    Numbers too small to be normal (below 1.2e-38 in float32) become zero, as they do under XLA:
    the momentum of a weight whose gradient has died out shrinks to them and never leaves them, and
    a CPU takes many times as long for each. Where the CPU cannot, they stay.
    """
    torch.set_flush_denormal(True)  # of this thread, and of those that it starts from here on
    torch.set_num_threads(count)
