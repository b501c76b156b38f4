"""When a run is evaluated, and on how many samples."""

from __future__ import annotations

# Validation samples that crossings are looked for on, the same for every run, and how many
# predictions these may ask for, where nothing else is asked; the final evaluation takes all. A
# curve has about 150 points: on more samples than these, looking would cost more than a tenth of
# the training.
CURVE_SAMPLES = 1_000
_CURVE_PREDICTIONS = 20_000
FINAL_TRAIN_SAMPLES = 10_000  # training samples of the final evaluation: a fixed subset


def evaluation_steps(total: int, spacing: float) -> tuple[int, ...]:
    """Return the steps after which to evaluate: at most a factor ``spacing`` apart, and the last.

    The grid is the same whatever the batch size and the budget, so that no run has more chances
    to cross a target than another.
    """
    steps = []
    step = 1
    while step < total:
        steps.append(step)
        step = max(step + 1, int(step * spacing))
    return (*steps, total)


def curve_samples(predictions: int) -> int:
    """Return on how many samples a curve is measured where nobody asks for another number.

    ``predictions``: how many one sample asks for.
    """
    return min(CURVE_SAMPLES, max(1, _CURVE_PREDICTIONS // predictions))


def evaluated_samples(evaluations: int, curve: int, train: int, others: int) -> int:
    """Return how many samples a run is evaluated on in all, on its way and at its end.

    Args:
        evaluations: on its way.
        curve: samples of each of these.
        train: training samples that there are.
        others: validation and test samples.
    """
    return evaluations * curve + min(train, FINAL_TRAIN_SAMPLES) + others
