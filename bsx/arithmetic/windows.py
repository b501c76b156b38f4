"""How many samples a time series gives when a window slides along it."""

from __future__ import annotations

from bsx.errors import ConfigError


def window_samples(length: int, window: int, horizon: int = 1, stride: int = 1) -> int:
    """Return the samples that a series of ``length`` points gives.

    A sample is ``window`` points to look at and the ``horizon`` points after them to predict (or
    the one point that many steps ahead: the count is the same); the next sample starts ``stride``
    points later.

    Raises:
        ConfigError: where not even one sample fits.
    """
    room = length - window - horizon
    if room < 0:
        raise ConfigError(
            f"--window {window}: with --horizon {horizon} one sample needs {window + horizon} "
            f"points, more than --length {length}; use a shorter window or horizon"
        )
    return room // stride + 1
