"""Options of commands, made from the settings: the command line cannot drift from the config."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bsx.cli.completion import completing
from bsx.settings import SETTINGS, Setting

# Of every command that draws
Plots = Annotated[
    Path | None,
    typer.Option(
        "--plots",
        help="Draw figures for a paper into this folder, each as SVG, PNG and PDF.",
        metavar="DIR",
    ),
]


# What a setting of runs means to a command that reads stored ones again
AS_READ = {"metric": "Metric that quality is judged by, one of those that were measured."}
_READING = next(setting.panel for setting in SETTINGS if setting.key == "target")


def with_settings(
    keys: Iterable[str] | None = None,
    helps: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command an option for each setting (those of ``keys``, else all), as ``**flags``.

    ``helps``: what a setting means to this command, where that is something else than elsewhere.
    Values arrive as typed; :mod:`bsx.config` reads them.
    """
    wanted = None if keys is None else set(keys)
    told = helps or {}
    settings = [
        replace(s, help=told.get(s.key, s.help), panel=_READING if s.key in told else s.panel)
        for s in SETTINGS
        if wanted is None or s.key in wanted
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        options = [_parameter(setting) for setting in settings]
        hints = {p.name: p.annotation for p in (*own, *options)}
        command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        command.__annotations__ = hints | {"return": None}
        return command

    return decorate


def warn_of_variables(environ: Mapping[str, str]) -> None:
    """Say on stderr which ``BSX_…`` variables mean nothing: a misspelt one would go unnoticed."""
    known = [setting.variable for setting in SETTINGS]
    for name in sorted(environ.keys() - {*known, "BSX_TRACEBACK"}):
        if name.startswith("BSX_"):
            near = difflib.get_close_matches(name, known, n=2, cutoff=0.8)
            hint = f"did you mean {' or '.join(near)}?" if near else "see `bsx sweep --help`"
            shown = "".join(c if c.isprintable() else "?" for c in name)
            typer.echo(f"bsx: warning: {shown} is no setting and is ignored; {hint}", err=True)


def _parameter(setting: Setting) -> inspect.Parameter:
    flags = setting.flags or (setting.flag,)
    kind: Any = bool if setting.switch else list[str] | None if setting.repeatable else str | None
    default = setting.default
    shown = not setting.switch and default is not None
    option = typer.Option(
        *flags,
        help=setting.help + (f"  (default: {_shown(default)})" if shown else ""),
        metavar=None if setting.switch else setting.metavar,
        rich_help_panel=setting.panel,
        show_default=False,
        autocompletion=completing(setting),
    )
    return inspect.Parameter(
        setting.key,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if setting.switch else None,
        annotation=Annotated[kind, option],
    )


def _shown(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)
