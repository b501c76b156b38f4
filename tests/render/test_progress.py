"""Progress is live on a terminal, and silent elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bsx.render.progress import QuietProgress, SweepProgress, TimeLeft
from bsx.schema import Metric, Watcher


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def _progress(terminal: bool) -> tuple[SweepProgress, io.StringIO, Clock]:
    file, clock = io.StringIO(), Clock()
    console = Console(file=file, width=100, force_terminal=terminal, _environ={"TERM": "xterm"})
    metric = Metric("accuracy", True, bounded=True)
    return SweepProgress(console, metric, clock), file, clock


def _a_sweep(progress: Watcher) -> None:
    progress.started(2, 20.0)
    progress.unit_started("u", "batch size 2 [bold]")
    progress.unit_progress("u", 0.5, 0.9)
    progress.unit_progress("u", 1.0, 0.8)
    progress.unit_done("u", 10.0)
    progress.announce("half [way]")


def test_on_a_terminal_units_the_best_metric_and_time_left_are_shown() -> None:
    progress, file, _ = _progress(terminal=True)
    with progress:
        _a_sweep(progress)
        assert progress.words() == "1 of 2, best accuracy 90.0 %, 10 s left"
    text = file.getvalue()
    assert "half [way]" in text


def test_units_that_run_side_by_side_count_together() -> None:
    progress, _, clock = _progress(terminal=True)
    progress.started(4, 40.0)
    for unit, size in (("a", 2), ("b", 4)):
        progress.unit_started(unit, f"batch size {size}")
        progress.unit_progress(unit, 0.5, None)
    clock.now = 10.0
    assert progress.words() == "0 of 4, 30 s left: batch size 2, batch size 4"
    progress.unit_done("a", 10.0)
    assert progress.words().startswith("1 of 4, ")
    assert progress.words().endswith(": batch size 4")


def test_the_bar_stays_on_one_line_of_a_narrow_terminal() -> None:
    file = io.StringIO()
    console = Console(file=file, width=40, force_terminal=True, _environ={"TERM": "xterm"})
    with SweepProgress(console, clock=Clock()) as progress:
        progress.started(3, 60.0)
        progress.unit_started("u", "a long description of what is being done")
    text = file.getvalue()
    assert "0 of 3" in text
    assert "\x1b[1A\x1b[2K\x1b[1A" not in text  # two lines would have to be taken back


def test_without_a_terminal_only_announcements_are_shown() -> None:
    progress, file, _ = _progress(terminal=False)
    with progress:
        _a_sweep(progress)
    assert file.getvalue() == "half [way]\n"


def test_quiet_progress_takes_everything_and_says_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with QuietProgress() as progress:
        _a_sweep(progress)
    said = capsys.readouterr()
    assert said.out + said.err == ""


def test_rounds_add_up() -> None:
    progress, _, _ = _progress(terminal=False)
    progress.started(2, 20.0)
    progress.started(3, 30.0)
    assert progress.words() == "0 of 5, 50 s left"


def test_a_lower_loss_is_better() -> None:
    progress = SweepProgress(Console(file=io.StringIO()), Metric("loss", False), Clock())
    progress.started(1, 9.0)
    for loss in (0.9, 0.3, 0.5):
        progress.unit_progress("u", 0.1, loss)
    assert "best loss 0.3" in progress.words()


def test_time_left_follows_the_pace_kept_as_more_is_done() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    assert left.seconds() is None
    left.units, left.predicted = 10, 100.0
    assert left.seconds() == 100.0
    clock.now, left.done = 180.0, 9.0  # twice as slow as predicted
    assert left.seconds() == pytest.approx(18.0)
    clock.now, left.done = 200.0, 10.0
    assert left.seconds() == 0.0
