"""A section of the page."""

from __future__ import annotations

from dataclasses import dataclass

from bsx.render.report.markup import Markup


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; ``key`` is its anchor."""

    key: str
    title: str
    content: Markup
    kind: str = ""
