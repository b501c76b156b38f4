"""``bsx sweep --log``: runs in experiment trackers while the sweep goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from bsx.cli.exporting import summary_of
from bsx.cli.output import analyzed
from bsx.schema import Recipe, Sweep, Watcher
from bsx.store import Store

if TYPE_CHECKING:
    from bsx.exchange.trackers import LiveLog


def open_logs(places: Sequence[tuple[str, str]], sweep: Sweep, store: Store) -> LiveLog | None:
    """Open the trackers of a sweep, before anything is trained; None without any.

    Raises:
        ConfigError: where a library is not installed.
        DataError: where one cannot be written to.
    """
    if not places:
        return None
    from bsx.exchange.trackers import LiveLog, start

    trackers = [start(kind, where, sweep) for kind, where in places]
    return LiveLog(cache(lambda: store.sweep(sweep.sweep_id)), trackers)


@contextmanager
def logged(
    log: LiveLog | None, store: Store, recipes: Sequence[Recipe], watcher: Watcher
) -> Iterator[Watcher]:
    """Yield who watches: what is stored is logged, and at the end all of the sweep."""
    if log is None:
        yield watcher
        return
    from bsx.exchange.trackers import LoggedWatcher

    log.tell = watcher.announce
    try:
        yield LoggedWatcher(watcher, log)
        sweep = store.sweep(log.sweep.sweep_id)
        log.finish(store.runs(sweep.sweep_id))
        log.summarize(summary_of(sweep, analyzed(store, sweep, recipes)))
    finally:
        log.close()
