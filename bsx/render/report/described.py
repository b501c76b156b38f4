"""Configuration and environment, and how to run the same again and to cite it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bsx import __version__
from bsx.render import numbers, phrases, trained
from bsx.render.report.markup import Markup, join, tag
from bsx.render.report.parts import Part
from bsx.render.report.section import Section
from bsx.schema import plain

_PAPERS = (
    ("The three regimes and the protocol", "Shallue et al. 2019", "arXiv:1811.03600"),
    ("Critical batch size, noise scale", "McCandlish et al. 2018", "arXiv:1812.06162"),
    ("20 % overhead version", "Zhang et al. 2024", "arXiv:2410.21676"),
)


def configuration(part: Part, prefix: str) -> Section:
    """Return what was trained, and on what."""
    sweep = part.sweep
    told = trained.described(sweep, part.analysis.branched)
    content = join(
        _pairs("What was trained", told),
        _pairs("Where", _flat(sweep.environment)) if sweep.environment else None,
        tag(
            "details",
            tag("summary", "Every setting"),
            _pairs("Every setting", _flat(_settings(part))),
        ),
    )
    return Section(f"{prefix}configuration", "Configuration and environment", content)


def _settings(part: Part) -> Mapping[str, Any]:
    found: dict[str, Any] = plain(part.sweep.config)
    found.pop("origins", None)
    return found


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested values as (name, text) pairs."""
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found += _flat(value, f"{name}.")
        elif value is not None and value not in ("", {}, []):
            found.append((name, _text(value)))
    return found


def _text(value: object) -> str:
    if isinstance(value, str):
        return phrases.clean(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return phrases.clean(json.dumps(value)) if isinstance(value, Mapping) else str(value)


def _pairs(caption: str, pairs: list[tuple[str, str]]) -> Markup:
    rows = [
        tag("tr", tag("th", phrases.spelled(name), scope="row"), tag("td", text))
        for name, text in pairs
    ]
    return tag("table", tag("caption", caption), tag("tbody", rows), class_="pairs")


def reproduction(part: Part, prefix: str) -> Section:
    """Return the command that runs the same again, and how to cite it."""
    sweep = part.sweep
    year = sweep.created[:4] or "n.d."
    citation = (
        f"bsx, the batch-size explorer, version {__version__}; sweep {sweep.sweep_id}, {year}."
    )
    content: list[Markup | None] = []
    if part.command is None:
        content.append(tag("p", _why_no_command(part)))
    else:
        content += [
            tag(
                "p", "The same sweep again, from any folder in which the names in it mean the same:"
            ),
            tag("pre", tag("code", part.command), tabindex=0),
        ]
    fingerprint = sweep.facts.fingerprint
    known = [
        ("sweep", sweep.sweep_id),
        ("data", f"{phrases.clean(sweep.facts.dataset_name)}, fingerprint {fingerprint}"),
        ("runs", numbers.count(len(part.runs))),
    ]
    content += [
        _pairs("What tells it apart", known),
        tag("p", "To cite the result:"),
        tag("pre", tag("code", citation), tabindex=0),
        tag("p", "What its method rests on:"),
        tag("ul", [tag("li", f"{what}: {who}, {where}") for what, who, where in _PAPERS]),
    ]
    return Section(f"{prefix}reproduce", "Cite and reproduce", join(*content))


def _why_no_command(part: Part) -> str:
    command = part.sweep.config.command
    if command is not None and command.program.elsewhere:
        return "These curves were measured elsewhere, and not by bsx."
    return "The sweep was asked for from Python, with objects that no command can name."
