"""Runs of a sweep in experiment trackers: exported when it is over, or logged while it goes.

A run is logged whole or not at all, and once: what a tracker has already is left alone, so that a
sweep that goes on, or is exported again, adds what is new. A run that has come to something else
since takes the place of what was logged. No other is ever removed: another store, on another
machine, may have logged it, for the same question makes the same sweep everywhere.
"""

from bsx.exchange.trackers.live import LiveLog, LoggedWatcher
from bsx.exchange.trackers.runs import Summary, TrackedRun, Tracker, title, tracked_runs
from bsx.exchange.trackers.start import LIVE, start

__all__ = [
    "LIVE",
    "LiveLog",
    "LoggedWatcher",
    "Summary",
    "TrackedRun",
    "Tracker",
    "start",
    "title",
    "tracked_runs",
]
