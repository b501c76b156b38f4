"""What the shell offers at Tab: names of data sets, models and optimizers, words, stored sweeps.

A completion never fails and never imports what is slow: where something cannot be known, nothing is
offered, and the shell offers files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bsx.settings import Setting

Offers = list[tuple[str, str]]  # (word, what it is)
_KINDS = ("dataset", "model", "optimizer")


def completing(setting: Setting) -> Callable[[str], Offers] | None:
    """Return what completes the values of a setting; None where any text may stand."""
    if setting.key in _KINDS:
        return lambda incomplete: _beginning(incomplete, _named(setting.key))
    choices = setting.choices
    if not choices:
        return None
    return lambda incomplete: _beginning(incomplete, ((word, "") for word in choices))


def formats(incomplete: str) -> Offers:
    """Complete ``--format``."""
    from bsx.render.formats import Format

    return _beginning(incomplete, ((str(form), "") for form in Format))


def stored_sweeps(ctx: Any, incomplete: str) -> Offers:
    """Complete a stored sweep: by its name where it has one, and by its id."""
    folder = (ctx.params or {}).get("store") or os.environ.get("BSX_STORE") or "bsx-runs"
    with suppress(Exception):  # a store that cannot be read is no reason to disturb who types
        return _beginning(incomplete, _sweeps(folder))
    return []


def _sweeps(folder: str) -> Iterator[tuple[str, str]]:
    from bsx.store import Store

    if not Store.exists(folder):
        return
    with Store(folder) as store:
        for sweep in reversed(store.sweeps()):
            said = f"{sweep.config.model.name} on {sweep.config.dataset.name}, {sweep.status}"
            if sweep.config.name:
                yield sweep.config.name, said
            yield sweep.sweep_id, said


def _named(kind: str) -> Iterator[tuple[str, str]]:
    from bsx import registry

    for name in registry.targets(kind):
        yield name, registry.summary(kind, name)


def _beginning(incomplete: str, offers: Iterable[tuple[str, str]]) -> Offers:
    return [(word, said) for word, said in offers if word.startswith(incomplete)]
