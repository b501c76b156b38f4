"""Points that cover a cube more evenly than chance does."""

from __future__ import annotations

from functools import cache

import numpy as np

SEED = 0  # of the scrambling: the same points for every sweep


@cache
def sobol(dimensions: int, count: int) -> tuple[tuple[float, ...], ...]:
    """Return the first ``count`` points of a scrambled Sobol' sequence in the unit cube.

    A longer sequence begins with the shorter one.

    References:
        Owen 1998 (scrambling); Shallue et al. 2019 tune by such a sequence (Bousquet et al. 2017).
    """
    from scipy.stats import qmc  # here: it takes a second to import

    sequence = qmc.Sobol(dimensions, scramble=True, seed=np.random.default_rng(SEED))
    points = sequence.random_base2(max(count - 1, 1).bit_length())  # it wants powers of two
    return tuple(tuple(map(float, point)) for point in points[:count])
