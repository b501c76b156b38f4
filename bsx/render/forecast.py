"""What a sweep is going to do and how long that will take, said before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bsx.arithmetic import steps_per_epoch
from bsx.render import branched, numbers, phrases, searched, trained
from bsx.render.document import data_of
from bsx.schema import BranchUnit, Group, Program, Recipe, Sweep, side_by_side

LONG_SECONDS = 1800.0  # from here on the options that make it shorter are named
_AROUND = 2.0  # seconds that processes take to start, and the results to be worked out
_WIDER_ROUNDS = 1.2  # the first round is foreseen; wider grids after it add about a fifth
_NEAR_THE_BEST = 0.4  # of the rates, that the other seeds try after a scout

_SHORTER = (
    "shorter: --within 20m takes the most valuable parts first; or fewer --batch-sizes, fewer "
    "--seeds, fewer --epochs, or a --learning-rate grid"
)


def expected_seconds(
    sweep: Sweep, groups: Sequence[Group | BranchUnit], speed_seconds: float
) -> float:
    """Return about how long a sweep will take that begins with ``groups``."""
    config, facts = sweep.config, sweep.facts
    shared = facts.device == "cpu" and not config.elsewhere  # more workers than threads: no gain
    first = side_by_side(groups, min(facts.workers, facts.threads) if shared else facts.workers)
    around = _AROUND if groups else 0.0
    if any(isinstance(unit, BranchUnit) for unit in groups):
        return first + around
    search = config.search
    share = _NEAR_THE_BEST if search is None else min(1.0, 2 * search.finalists / search.trials)
    others = (config.seeds - 1) * share if config.learning_rates.scout else 0.0
    return first * (_WIDER_ROUNDS + others) + speed_seconds + around


def lines(sweep: Sweep, runs: int, seconds: float, arms_after: int = 0) -> list[str]:
    """Return the sentences to say before a sweep starts, after which come so many arms."""
    if not runs:
        what = "Everything asked for" if not sweep.config.measures else "Every run"
        return [f"{what} is stored already; nothing is left to train.", *_measures(sweep)]
    if sweep.config.command is not None:
        return _lines_of_program(sweep.config.command.program, runs)
    together = _together(sweep, seconds, arms_after)
    return [*_target(sweep), *_lines(sweep, runs, seconds), *together, *_crowded(sweep)]


def _together(sweep: Sweep, seconds: float, arms_after: int) -> list[str]:
    """Say how long the arms take that are left, of which this one alone is known yet."""
    if not arms_after:
        return []
    within = sweep.config.within_seconds
    each = seconds if within is None else min(seconds, within)
    others = "arm after it" if arms_after == 1 else f"{arms_after} arms after it, each of them"
    about = numbers.duration(round_duration((1 + arms_after) * each))
    return [f"With the {others} as long: about {about}."]


def _target(sweep: Sweep) -> list[str]:
    """Say which column was taken for the target, where nobody said it."""
    column, task = trained.guessed_target(sweep), sweep.facts.task
    if column is None:
        return []
    return [
        f"To be predicted: column {column}, the last one ({task}); "
        "--dataset-arg target=NAME takes another."
    ]


def _crowded(sweep: Sweep) -> list[str]:
    """Say where there are fewer processors than threads."""
    threads, cores = sweep.facts.threads, sweep.environment.get("cores")
    if not isinstance(cores, int) or threads <= cores:
        return []
    return [
        f"{threads} threads wait for each other where processors are fewer; --threads {cores} is "
        "the most that helps."
    ]


def _lines(sweep: Sweep, runs: int, seconds: float) -> list[str]:
    """Say what is trained, and how long that takes."""
    within = sweep.config.within_seconds
    about = numbers.duration(round_duration(seconds))
    scouts = " to begin with" if sweep.config.learning_rates.scout else ""
    runs_of = "runs to train" if sweep.config.branching is None else "runs and branches to train"
    first = f"{numbers.count(runs)} {runs_of}{scouts}, about {about} on {place(sweep, runs)}."
    if sweep.config.search is not None:
        first += f" Trials: {searched.described(sweep.config.search)}."
    if within is not None and seconds > within:
        first += f" With --within {numbers.duration(within)} the most valuable ones come first"
        further = "; --scout gets further with less known of each" if _could_scout(sweep) else ""
        return [f"{first}{further}.", *_measures(sweep)]
    return [first, *_measures(sweep), *([_SHORTER] if seconds > LONG_SECONDS else [])]


def _could_scout(sweep: Sweep) -> bool:
    """Say whether all seeds try all of several rates, as they need not."""
    config, rates = sweep.config, sweep.config.learning_rates
    others = config.search is not None or config.branching is not None
    return not (others or rates.mode == "fixed" or rates.scout or rates.halving or config.seeds < 2)


def _measures(sweep: Sweep) -> list[str]:
    """Say what is trained once more after all."""
    config = sweep.config
    if not config.measures:
        return []
    every = config.seeds if "sharpness" in config.measures else 1
    which = "one run" if every == 1 else f"{every} runs"
    if config.measures == ("gradients",):
        return ["To measure gradients, one run is trained once more after the others."]
    flags = phrases.listed([measure.replace("-", " ") for measure in config.measures])
    return [
        f"To measure {flags}, {which} of each batch size {'is' if every == 1 else 'are'} trained "
        "once more after the others, unless that is stored."
    ]


def _lines_of_program(program: Program, runs: int) -> list[str]:
    """Say what is known before a program of the user's has run once."""
    missing = []
    if not program.takes_rate:
        missing.append("The command has no {lr}: the learning rate is the program's own.")
    if "seed" not in program.placeholders:
        missing.append("The command has no {seed}: one run each, so that chance cannot be told.")
    return [
        f"{numbers.count(runs)} runs of the program to begin with, one after another; how long "
        "they take shows in the first of them.",
        *missing,
    ]


def place(sweep: Sweep, runs: int) -> str:
    """Say where so many runs are trained."""
    facts = sweep.facts
    if facts.device != "cpu":
        return facts.device
    groups = min(facts.workers, runs)
    beside = f", {groups} groups side by side" if groups > 1 else ""
    return f"{facts.threads} CPU thread{'s' if facts.threads > 1 else ''}{beside}"


def round_duration(seconds: float) -> float:
    """Round a forecast to what it is worth: 5 s, above two minutes whole minutes."""
    step = 5 if seconds < 120 else 60
    return max(step, round(seconds / step) * step)


def plan_document(
    sweep: Sweep, groups: Sequence[Group | BranchUnit], seconds: float
) -> dict[str, Any]:
    """Return what ``--dry-run`` says of one sweep."""
    rows: dict[int, dict[str, Any]] = {}
    command = sweep.config.command
    told = command is None or command.program.takes_length  # else a run is as long as it likes
    foretold = [(unit, part) for unit in groups for part in branched.foretold(unit)]
    for unit, (recipe, runs, predicted) in foretold:
        row = rows.setdefault(
            recipe.batch_size,
            {
                "batch_size": recipe.batch_size,
                "steps": recipe.length(sweep.facts.train_samples) if told else None,
                "epochs": recipe.steps / _steps_per_epoch(sweep, recipe) if told else None,
                "trainer": unit.worker,
                "runs": 0,
                "seconds": 0.0 if command is None else None,  # None: unknown
            },
        )
        row["runs"] += runs
        if command is None:
            row["seconds"] = round(row["seconds"] + predicted, 3)
    return {
        "sweep_id": sweep.sweep_id,
        "data": data_of(sweep.facts),
        "model": {"name": sweep.config.model.name, "parameters": sweep.facts.parameters or None},
        "trainer": sweep.facts.trainer,
        "runs": sum(len(group.runs) for group in groups),
        "seconds": round(seconds, 1) if command is None else None,
        "batch_sizes": [rows[size] for size in sorted(rows)],
    }


def _steps_per_epoch(sweep: Sweep, recipe: Recipe) -> int:
    return steps_per_epoch(sweep.facts.train_samples, recipe.batch_size, recipe.tail)
