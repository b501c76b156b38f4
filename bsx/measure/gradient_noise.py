"""Draws for the gradient noise scale, all at the same parameters; ``bsx.stats`` estimates.

Of each sample's own gradient where there is one, which has the least variance. Under BatchNorm
there is none; gradients of micro-batches take their place, and what is measured is the noise scale
of a network that normalizes over so many samples. Chunks of Ghost BatchNorm are micro-batches that
know nothing of each other, so that there it is exactly that of training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bsx.measure.draws import Draws
from bsx.measure.gradient import (
    has_sample_gradients,
    mean_gradient,
    sample_gradients,
    samples_at_once,
)
from bsx.models import ghost_size, has_batchnorm
from bsx.schema import NoiseDraws
from bsx.train.session import Session

DRAWS = 20  # as many as the statistics make blocks of
SAMPLES = 512  # in a draw: noise scales up to several times as many can be told from infinity
_MICRO = 8  # samples in a micro-batch where the model cannot be vectorized
_NORMALIZED = (
    64  # at most in one under BatchNorm: the statistics of so many are nearly those of all
)


def part_size(session: Session, model: nn.Module) -> int:
    """Return how many samples each gradient that a draw compares with its mean is of."""
    if not has_batchnorm(model):
        return 1 if has_sample_gradients(session, model) else _MICRO
    chunk = ghost_size(model)
    if chunk is not None:
        return chunk
    in_a_pass = session.recipe.training.micro_batch_size or session.recipe.batch_size
    return max(2, min(in_a_pass, session.recipe.batch_size, _NORMALIZED))


def noise_draws(
    session: Session, model: nn.Module, seed: int, step: int, part: int | None = None
) -> NoiseDraws:
    """Take the draws at the parameters that ``model`` has; one that is not finite is left out.

    ``part``: what :func:`part_size` says, where it is known already. To be called within
    :func:`bsx.train.observers.undisturbed`.
    """
    part = part or part_size(session, model)
    parts = max(2, SAMPLES // part)
    small, big = [], []
    model.train()
    for inputs, targets in Draws(session, seed, step, "noise").batches([parts * part] * DRAWS):
        squares, total = 0.0, torch.zeros((), device=inputs.device)
        for gradients in _of_parts(session, model, inputs, targets, part):
            squares += float(gradients.square().sum(dim=1).cpu().double().sum())
            total = total + gradients.sum(dim=0)
        norms = squares / parts, float((total / parts).cpu().double().square().sum())
        if all(map(math.isfinite, norms)):
            small.append(norms[0])
            big.append(norms[1])
    return NoiseDraws(tuple(small), tuple(big), part, parts * part)


def _of_parts(
    session: Session, model: nn.Module, inputs: Tensor, targets: Tensor, part: int
) -> Iterator[Tensor]:
    """Yield the gradients of the parts of a draw, some at a time: (parts, weights)."""
    if part == 1:
        size = samples_at_once(model)
        for start in range(0, len(inputs), size):
            some = slice(start, start + size)
            yield sample_gradients(session, model, inputs[some], targets[some])
        return
    for start in range(0, len(inputs), part):
        some = slice(start, start + part)
        yield mean_gradient(session, model, inputs[some], targets[some]).unsqueeze(0)
