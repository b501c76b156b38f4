"""Quantiles and tails of the usual distributions, straight from ``scipy.special``.

``scipy.stats`` has them as well; to import it takes as long as all the rest of ``bsx show``, and
each of its calls a hundred times as long as one of these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]


def t_ppf(p: float, freedom: ArrayLike) -> Array:
    """Return the quantile of Student's t below which ``p`` of it lies."""
    value: Array = special.stdtrit(freedom, p)
    return value


def t_sf(x: ArrayLike, freedom: ArrayLike) -> Array:
    """Return the share of Student's t above ``x``."""
    value: Array = special.stdtr(freedom, -np.asarray(x, dtype=float))
    return value


def f_sf(x: ArrayLike, over: float, under: float) -> Array:
    """Return the share of the F distribution above ``x``."""
    value: Array = special.fdtrc(over, under, x)
    return value


def normal_logsf(x: ArrayLike) -> Array:
    """Return the log of the share of the standard normal above ``x``."""
    value: Array = special.log_ndtr(-np.asarray(x, dtype=float))
    return value


def normal_ppf(p: float) -> float:
    """Return the quantile of the standard normal below which ``p`` of it lies."""
    return float(special.ndtri(p))


def fair_coin_cdf(n: int) -> Array:
    """Return P(k heads or fewer of n) for k = 0 … n."""
    value: Array = special.bdtr(np.arange(n + 1, dtype=float), n, 0.5)
    return value
