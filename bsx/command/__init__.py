"""The user's own program as a trainer: one run of it is one training run.

A command with placeholders is run for each point of a sweep, and the numbers that it reports are
read as its curve. Nothing is known here of how it trains, or in which language.
"""

from bsx.command.ask import own_program
from bsx.command.facts import describe_machine, look

__all__ = ["describe_machine", "look", "own_program"]
