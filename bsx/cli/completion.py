"""What the shell offers at Tab: names of data sets, models and optimizers, words, stored sweeps.

A completion never fails and never imports what is slow: where something cannot be known, nothing is
offered, and the shell offers files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bsx.settings import Setting

Offers = list[tuple[str, str]]  # (word, what it is)
_KINDS = ("dataset", "model", "optimizer")
_LOGS = ("tensorboard:", "mlflow:")  # a folder follows
_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_PLAIN = re.compile(r"[^\w@%+=:,./-]")  # what is else, a shell may take for its own


def completing(setting: Setting) -> Callable[[str], Offers] | None:
    """Return what completes the values of a setting; None where any text may stand."""
    if setting.key in _KINDS:
        return lambda incomplete: _beginning(incomplete, _named(setting.key))
    choices = _LOGS if setting.key == "log" else setting.choices
    return words(*choices) if choices else None


def words(*choices: str) -> Callable[[str], Offers]:
    """Return what completes an option that takes one of these words."""
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
            if sweep.config.name and sweep.config.name.isprintable():
                yield sweep.config.name, said
            yield sweep.sweep_id, said


def _named(kind: str) -> Iterator[tuple[str, str]]:
    from bsx import registry

    for name in registry.targets(kind):
        yield name, registry.summary(kind, name)


def _beginning(incomplete: str, offers: Iterable[tuple[str, str]]) -> Offers:
    return [(_as_typed(word), said) for word, said in offers if word.startswith(incomplete)]


def _as_typed(word: str) -> str:
    """Return a word as it is to stand on the command line; bash takes it as it is offered."""
    if os.environ.get("_BSX_COMPLETE") != "complete_bash":
        return word  # other shells quote by themselves
    return _PLAIN.sub(lambda found: f"\\{found[0]}", word)


def of_shell(args: Sequence[str]) -> None:
    """See to it that ``--show-completion zsh`` writes the script of that shell.

    Raises:
        ConfigError: for a word that is no shell, or one after --install-completion.
    """
    from bsx.errors import ConfigError

    flag, *shell = args[:2]
    if not shell or shell[0].startswith("-"):
        return
    if flag == "--install-completion":
        raise ConfigError(
            f"{flag} {shell[0]}: it installs for the shell in which it is typed, and takes no "
            f"other; `bsx --show-completion {shell[0]}` prints the script"
        )
    if shell[0] not in _SHELLS:
        raise ConfigError(
            f"{flag} {shell[0]}: give one of {', '.join(_SHELLS)}, or none for the shell in which "
            "it is typed"
        )
    os.environ["_BSX_COMPLETE"] = f"source_{shell[0]}"
