"""What comes first, the recommendation, and what to beware of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bsx.render import advice, branched, compared, explain, numbers, phrases
from bsx.render.report import tables
from bsx.render.report.markup import Markup, join, prose, tag
from bsx.render.report.parts import Part
from bsx.render.report.section import Section
from bsx.render.targets import cautions_in_full
from bsx.schema import Analysis, BatchSizeSummary, Estimate, Metric


def section(part: Part, prefix: str) -> Section:
    """Return the recommendation, or why there is none."""
    sweep, analysis = part.sweep, part.analysis
    if analysis.branched is not None:
        return _of_branches(part, prefix)
    recommendation = analysis.recommendation
    if recommendation is None:
        content = tag("p", prose(advice.no_recommendation(sweep, analysis)))
        return Section(f"{prefix}recommendation", "No recommendation", content, "card none")
    reason, *others = advice.explanation(sweep, analysis, recommendation)
    costs = compared.costs(sweep, analysis)
    content = join(
        tag("p", advice.headline(analysis, recommendation), class_="headline"),
        tag("p", prose(reason), class_="lead"),
        _tiles(part),
        tag("ul", [tag("li", prose(line)) for line in others]) if others else None,
        tables.of_grid(costs, f"{prefix}costs") if costs else None,
        _beware(part, prefix),
    )
    return Section(f"{prefix}recommendation", "Recommendation", content, "card")


def _of_branches(part: Part, prefix: str) -> Section:
    found = part.analysis.branched
    assert found is not None
    latest = next((p for p in reversed(found.points) if p.critical_batch_size), None)
    tiles = []
    if latest is not None:
        size = numbers.estimate(latest.critical_batch_size, numbers.whole)
        tiles.append(("critical batch size at the last point", *_split(size)))
    content = join(
        tag("p", branched.warmup_sentence(found), class_="lead"),
        _tiles_of(tiles) if tiles else None,
        _beware(part, prefix),
    )
    return Section(f"{prefix}recommendation", "How large a batch may be", content, "card")


def _beware(part: Part, prefix: str) -> Markup | None:
    count = len(explain.cautions(part.sweep, part.analysis))
    if not count:
        return None
    noun = "caution" if count == 1 else "cautions"
    return tag("p", tag("a", f"{count} {noun}", href=f"#{prefix}cautions"), " to read with this.")


# --- the numbers that matter --------------------------------------------------------------------


def _tiles(part: Part) -> Markup | None:
    """Return what the recommended size comes to, in a few large numbers."""
    analysis = part.analysis
    chosen = analysis.recommendation
    row = next(
        (s for s in analysis.batch_sizes if chosen and s.batch_size == chosen.batch_size), None
    )
    if row is None:
        return None
    found: list[tuple[str, str, str]] = []
    if row.to_target and analysis.targets:
        goal = phrases.goal(vars(analysis.targets[0]))
        first = row.to_target[0]
        found += _tile(f"iterations to {goal}", first.steps, numbers.whole)
        found += _tile(f"time to {goal}", first.seconds, numbers.duration)
    found += _of_quality(part, row)
    if row.speed:
        found += _tile("samples per second", row.speed.samples_per_second, numbers.si)
    found += _critical(analysis)
    return _tiles_of(found) if found else None


def _of_quality(part: Part, row: BatchSizeSummary) -> list[tuple[str, str, str]]:
    metric = part.sweep.facts.metric_named(part.analysis.metric)
    if metric is None or row.final is None:
        return []
    found = row.final.test.get(metric.name) or row.final.validation.get(metric.name)
    split = "test" if row.final.test.get(metric.name) else "validation"
    name = f"{split} {phrases.clean(metric.name)} at the end"
    taken, best = part.analysis.recommendation, row.final
    if taken is not None and (taken.learning_rate, taken.tuned) != (best.learning_rate, best.tuned):
        name += f", at learning rate {numbers.learning_rate(best.learning_rate, 6)}"
        name += phrases.tuned(best.tuned)
    return _tile(name, found, _form(metric))


def _form(metric: Metric) -> numbers.Form:
    return numbers.percent if metric.bounded else numbers.significant


def _critical(analysis: Analysis) -> list[tuple[str, str, str]]:
    if not analysis.targets:
        return []
    return _tile("critical batch size", analysis.targets[0].critical_batch_size, numbers.whole)


def _tile(name: str, found: Estimate | None, form: numbers.Form) -> list[tuple[str, str, str]]:
    if found is None or (found.value is None and found.censored_at is None):
        return []
    return [(name, *_split(numbers.estimate(found, form)))]


def _split(text: str) -> tuple[str, str]:
    value, opening, rest = text.partition(" (")
    return value, (opening + rest).strip().strip("()")


def _tiles_of(found: Sequence[tuple[str, str, str]]) -> Markup:
    return tag(
        "dl",
        [
            tag("div", tag("dt", name), tag("dd", value, tag("span", interval) if interval
                                            else None))
            for name, value, interval in found
        ],
        class_="tiles",
    )  # fmt: skip


# --- cautions -----------------------------------------------------------------------------------


def cautions(part: Part, prefix: str) -> Section | None:
    """Return what to beware of, each with what it means for who reads the numbers."""
    shown = replace(part.analysis, cautions=cautions_in_full(part.analysis))
    lines = explain.cautions(part.sweep, shown)
    if not lines:
        return None
    content = tag("ul", [tag("li", prose(line)) for line in lines], class_="cautions")
    return Section(f"{prefix}cautions", "Cautions", content)
