"""The command as the user wrote it: words with placeholders, which no shell ever sees."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence

from bsx.errors import ConfigError
from bsx.schema import Run

TUNED = ("momentum", "weight_decay")  # told where --tune names them
CHECKPOINT = "checkpoint"
PLACEHOLDERS = (
    *("batch_size", "lr", "learning_rate", "seed", "steps", "epochs", CHECKPOINT),
    *TUNED,
)
RATE = frozenset({"lr", "learning_rate"})
LENGTH = frozenset({"steps", "epochs"})

# {name}; {{ and }} stand for the braces themselves, as in Python's formatting
_BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")


def words(text: str) -> tuple[str, ...]:
    """Split a command into words as a shell would, without anything else that a shell does.

    Raises:
        ConfigError: for no word at all, or a quotation mark that is not closed.
    """
    try:
        found = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"--command {text}: {str(error).lower()}; close it") from None
    if not found:
        raise ConfigError("--command: give the command that trains once, as you would type it")
    return found


def placeholders(text: str) -> tuple[str, ...]:
    """Return the placeholders in a command, each once, in alphabetical order.

    Raises:
        ConfigError: for one that bsx does not know, or where {batch_size} is missing.
    """
    found = {match[1] for word in words(text) for match in _BRACES.finditer(word) if match[1]}
    for name in sorted(found - set(PLACEHOLDERS)):
        near = difflib.get_close_matches(name, PLACEHOLDERS, n=1)
        hint = f"did you mean {{{near[0]}}}?" if near else "write {{ and }} for braces themselves."
        known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
        raise ConfigError(f"--command: {{{name}}} is no placeholder; {hint} There are {known}")
    if "batch_size" not in found:
        raise ConfigError(
            "--command has no {batch_size}: write it where the program takes its batch size, "
            "e.g. --command 'python train.py --batch-size {batch_size}'"
        )
    return tuple(sorted(found))


def filled(text: str, run: Run, steps_per_epoch: int, checkpoint: str = "") -> tuple[str, ...]:
    """Return the words of the command for one run; a value never splits a word.

    ``checkpoint``: the folder that the run may keep its state in.
    """
    steps = run.recipe.steps
    values = {
        "batch_size": str(run.recipe.batch_size),
        "lr": repr(run.learning_rate),
        "learning_rate": repr(run.learning_rate),
        "seed": str(run.seed),
        "steps": str(steps),
        "epochs": str(-(-steps // steps_per_epoch)),  # whole epochs, enough for the steps
        CHECKPOINT: checkpoint,
        **{name: repr(run.recipe.optimizer.args.get(name)) for name in TUNED},
    }
    return tuple(_filled(word, values) for word in words(text))


def _filled(word: str, values: dict[str, str]) -> str:
    return _BRACES.sub(lambda match: values[match[1]] if match[1] else match[0][0], word)


def shown(command: Sequence[str]) -> str:
    """Write a command as it could be typed."""
    return shlex.join(command)
