"""The arithmetic of batches: steps, epochs, tails, windows, accumulation, devices, classes.

All that ``bsx calc`` answers, in exact integers, and what a schedule makes of rates and batches;
with the standard library only. Nothing here prints, and nothing here measures.

- ``numbers``: what a person typed → integers
- ``ladder``: thresholds of targets, one or a ladder of them
- ``epochs``: one epoch, walked the way a sampler, a loader and an accumulation loop walk it
- ``windows``: how many samples a time series gives
- ``coverage``: the chance that a batch holds every class
- ``question``: what is known, and how a batch splits
- ``solve``: the quantity that was left out
- ``document``: the answer by the names of the JSON contract
- ``schedule``: the rate along a run, and batches that grow where it would decay
- ``branching``: branches off a run, at other batch sizes
- ``evaluations``: when a run is evaluated, and on how many samples
"""

from __future__ import annotations

from bsx.arithmetic.branching import (
    DEFAULT_BASE,
    BranchLayout,
    branch_evaluations,
    lay_out_branches,
)
from bsx.arithmetic.epochs import Epoch, Layout, last_batch, steps_per_epoch, walk_epoch
from bsx.arithmetic.evaluations import (
    CURVE_SAMPLES,
    FINAL_TRAIN_SAMPLES,
    curve_samples,
    evaluated_samples,
    evaluation_steps,
)
from bsx.arithmetic.ladder import parse_thresholds
from bsx.arithmetic.numbers import parse_batch_sizes, parse_count, powers_of_two
from bsx.arithmetic.schedule import (
    EVERY_BATCH,
    LARGEST_SHARE,
    check_growing,
    growing_batches,
    schedule_factor,
)

__all__ = [
    "CURVE_SAMPLES",
    "DEFAULT_BASE",
    "EVERY_BATCH",
    "FINAL_TRAIN_SAMPLES",
    "LARGEST_SHARE",
    "BranchLayout",
    "Epoch",
    "Layout",
    "branch_evaluations",
    "check_growing",
    "curve_samples",
    "evaluated_samples",
    "evaluation_steps",
    "growing_batches",
    "last_batch",
    "lay_out_branches",
    "parse_batch_sizes",
    "parse_count",
    "parse_thresholds",
    "powers_of_two",
    "schedule_factor",
    "steps_per_epoch",
    "walk_epoch",
]
