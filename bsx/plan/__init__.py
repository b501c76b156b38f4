"""What is to be trained, and in which rounds."""

from bsx.plan.memory import check_budget
from bsx.plan.method import members, next_round, recipes
from bsx.plan.observing import diagnostic_units, not_measured
from bsx.plan.probing import doubling, memory_unit, next_size, probe_range, probe_recipe
from bsx.plan.recipes import batch_sizes
from bsx.plan.rounds import Round, calibration
from bsx.plan.timing import in_order, speed_unit, speed_units

__all__ = [
    "Round",
    "batch_sizes",
    "calibration",
    "check_budget",
    "diagnostic_units",
    "doubling",
    "in_order",
    "members",
    "memory_unit",
    "next_round",
    "next_size",
    "not_measured",
    "probe_range",
    "probe_recipe",
    "recipes",
    "speed_unit",
    "speed_units",
]
