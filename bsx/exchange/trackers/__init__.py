"""Runs of a sweep in experiment trackers: exported when it is over, or logged while it goes.

A run is logged whole or not at all, and once: what a tracker has already is left alone, so that a
sweep that goes on, or is exported again, adds what is new.
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
