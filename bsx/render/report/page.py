"""The page: sections in the order in which people read them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from bsx import __version__
from bsx.render import comparison as compared
from bsx.render import phrases, wording
from bsx.render.report import arms, colors, sections, tables
from bsx.render.report.markup import GENERATOR, Markup, join, prose, tag
from bsx.render.report.parts import Part, Report
from bsx.render.report.section import Section

# Nothing is fetched, whatever stands on the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_POINTS = 64  # of a curve; fewer where there are several sweeps
_LEAST_POINTS = 20


def html(report: Report) -> str:
    """Return the report as one HTML document."""
    title = _title(report)
    several = len(report.parts) > 1
    most = max(_LEAST_POINTS, _POINTS // len(report.parts))
    found = [
        sections.sections(part, f"s{n}-" if several else "", most)
        for n, part in enumerate(report.parts)
    ]
    body = join(
        tag("a", "Skip to the recommendation", href="#main", class_="skip"),
        tag("header", _head(report, title), class_="top"),
        tag("div", _navigation(report, found), _main(report, found), class_="frame"),
        tag("footer", _foot(report)),
        tag("div", id="tip", aria_hidden="true"),
        tag("script", _raw("script.js")),
    )
    return "<!doctype html>\n" + tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="generator", content=f"{GENERATOR} {__version__}"),
            tag("title", title),
            tag("link", rel="icon", href="data:,"),
            tag("style", Markup(colors.ramp()), _raw("style.css")),
        ),
        tag("body", body),
        lang="en",
    )


def _raw(name: str) -> Markup:
    """Return a file of this package as it is: style and script hold nothing of a user's."""
    return Markup(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _title(report: Report) -> str:
    names = [_name(part) for part in report.parts]
    return f"Batch-size report: {phrases.listed(list(dict.fromkeys(names)))}"


def _name(part: Part) -> str:
    config, facts = part.sweep.config, part.sweep.facts
    if config.name:
        return phrases.clean(config.name)
    if config.command is not None:
        return _program(config.command.program.text)
    return f"{_short(config.model.name)} on {_short(facts.dataset_name)}"


def _program(text: str) -> str:
    """Return the name of a program: of its script, where one is named."""
    words = text.split()
    return _short(next((word for word in words if word.endswith(".py")), words[0]))


def _short(name: str) -> str:
    """Return a name without the folders in which it lies: ``idx:/data/mnist`` is mnist."""
    return phrases.clean(name).rstrip("/").rpartition("/")[2] or phrases.clean(name)


def _head(report: Report, title: str) -> Markup:
    first = report.parts[0].sweep
    told = first.created[:10] or "unknown date"
    ids = phrases.listed([part.sweep.sweep_id for part in report.parts])
    kind = "sweep" if len(report.parts) == 1 else "sweeps"
    return join(
        tag("p", "bsx", tag("span", " · the batch-size explorer"), class_="brand"),
        tag("h1", title.removeprefix("Batch-size report: ")),
        tag("p", f"Batch-size report of {kind} {ids}, begun {told}", class_="sub"),
        tag("button", "Dark mode", type="button", id="theme", aria_pressed="false", hidden=True),
    )


def _navigation(report: Report, found: Sequence[Sequence[Section]]) -> Markup:
    items: list[Markup] = []
    for part, of in zip(report.parts, found, strict=True):
        links = [tag("li", tag("a", one.title, href=f"#{one.key}")) for one in of]
        if len(report.parts) == 1:
            items += links
        else:
            items.append(tag("li", tag("span", part.label), tag("ol", links)))
    if report.comparisons:
        items.insert(0, tag("li", tag("a", "Comparison", href="#comparison")))
    return tag("nav", tag("ol", items), aria_label="Sections")


def _main(report: Report, found: Sequence[Sequence[Section]]) -> Markup:
    parts: list[Markup] = []
    if report.comparisons:
        parts.append(_comparison(report))
    for n, (part, of) in enumerate(zip(report.parts, found, strict=True)):
        several = len(report.parts) > 1
        if several:
            parts.append(tag("h2", part.label, class_="arm", id=f"arm-{n}"))
        parts += [
            _section(one, "h3" if several else "h2", f"arm-{n}" if several else "") for one in of
        ]
    return tag("main", parts, id="main", tabindex=-1)


def _section(one: Section, heading: str, within: str = "") -> Markup:
    """Return a section; of several sweeps it is named after that which it is of, too."""
    return tag(
        "section",
        tag(heading, one.title, id=f"{one.key}-heading"),
        one.content,
        id=one.key,
        class_=one.kind or None,
        aria_labelledby=f"{within} {one.key}-heading".strip(),
    )


def _comparison(report: Report) -> Markup:
    metric = report.parts[0].sweep.facts.metric
    content: list[Markup] = [*arms.figures(report)]
    for n, one in enumerate(report.comparisons):
        said = wording.sentence(compared.critical(one))
        content.append(tag("p", tag("strong", f"{one.second} against {one.first}: "), said))
        content.append(
            tables.of_grid(compared.grid(one, metric), f"comparison-{n}")
            if one.sizes
            else tag("p", prose(compared.NOTHING_SHARED))
        )
    if any(one.sizes for one in report.comparisons):
        content.append(tag("p", compared.READING, class_="note"))
    return _section(Section("comparison", "Comparison", join(content)), "h2")


def _foot(report: Report) -> Markup:
    return tag(
        "p",
        f"Written by bsx {__version__} on {report.made[:16].replace('T', ' ')} UTC by ",
        tag("code", report.command),
        ". One file, nothing is fetched.",
    )
