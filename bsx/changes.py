"""What a person changed since an earlier sweep: data, and files that were named.

Changed content has another identity, so that nothing of the earlier sweep is used. That would look
as if its results were lost; here is found what to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bsx.schema import Sweep

Thing = tuple[object, ...]  # what is named, as it is called first; then how it was asked for


def changed(now: Sweep, before: Sequence[Sweep]) -> list[tuple[str, str]]:
    """Return (what, sweep id) of all that had another content when a sweep used it last.

    ``before``: the stored sweeps, the newest last.
    """
    last: dict[Thing, tuple[object, str]] = {}
    for sweep in before:
        last |= {thing: (content, sweep.sweep_id) for thing, content in _contents(sweep)}
    return [
        (str(thing[0]), last[thing][1])
        for thing, content in _contents(now)
        if thing in last and last[thing][0] != content
    ]


def _contents(sweep: Sweep) -> Iterator[tuple[Thing, object]]:
    """Yield what a sweep was made of, with the identity of its content."""
    config = sweep.config
    if config.command is not None:
        for path, content in config.command.program.sources.items():
            yield (path,), content
        return
    data, start = config.dataset, config.initialization
    asked = (str(sorted(data.args.items())), config.split, config.sampling.subset)
    yield (f"the data of {data.name}", *asked), (data.source, sweep.facts.fingerprint)
    for one in (config.model, config.optimizer):
        yield (one.name,), one.source
    if start.file is not None:
        yield (start.file,), start.source
