"""Reports of sweeps that are made up or faked, and HTML read strictly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

from bsx.render.report.markup import VOID
from bsx.render.report.page import html
from bsx.render.report.parts import Part, Report
from bsx.schema import Analysis, Comparison, Sweep, SweepConfig
from bsx.store import Store
from tests import fakes
from tests.render import sample

MADE = "2026-01-02T03:04:05+00:00"
HOSTILE = "</script><script>document.title='stolen'</script><img src=x onerror=alert(1)>\"'&amp;"


def page(*parts: Part, comparisons: Sequence[Comparison] = ()) -> str:
    """Return the report of parts."""
    return html(Report(parts, comparisons, "bsx report", MADE))


def of(analysis: Analysis, sweep: Sweep | None = None, label: str = "") -> Part:
    """Return a made-up part, without curves."""
    return Part(label, sweep or sample.sweep(), analysis, (), None, "bsx sweep --dataset digits")


def faked(folder: Path, asked: SweepConfig, label: str = "", *, fresh: bool = True) -> Part:
    """Run a sweep of the fake world, if it is ``fresh``, and return it as a part."""
    if fresh:
        fakes.run_sweep(folder, asked)
    with Store(folder) as store:
        sweep = store.sweep()
        runs = store.runs(sweep.sweep_id)
    return Part(label, sweep, fakes.analysed(folder), runs, None, "bsx sweep")


def named(name: str) -> Part:
    """Return the troubled sample in which everything that a user names has this name."""
    sweep = sample.sweep()
    config = replace(
        sweep.config,
        name=name,
        dataset=replace(sweep.config.dataset, name=name, args={name: name}),
        model=replace(sweep.config.model, name=name, args={"x": name}),
    )
    metric = replace(sweep.facts.metric, name=name)
    facts = replace(sweep.facts, dataset_name=name, metrics=(metric,))
    analysis = sample.troubled()
    targets = tuple(replace(target, metric=name) for target in analysis.targets)
    sweep = replace(sweep, config=config, facts=facts, environment={name: name})
    return replace(of(replace(analysis, metric=name, targets=targets), sweep, name), command=name)


@dataclass
class Read(HTMLParser):
    """What a page is made of; every element is closed where it was opened."""

    tags: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    refers: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    @classmethod
    def page(cls, text: str) -> Read:
        """Read a page to its end."""
        found = cls()
        found.feed(text)
        found.close()
        assert found.open == []
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            elif name in ("aria-labelledby", "aria-describedby"):
                self.refers += (value or "").split()
            elif name == "href" and (value or "").startswith("#"):
                self.refers.append((value or "")[1:])

    def handle_endtag(self, tag: str) -> None:
        """See that it ends what is open."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take note of text that people read."""
        if not {"script", "style"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that people read."""
        return "".join(self.texts)


def assert_sound(text: str) -> Read:
    """Assert that a page is well made, and that nothing in it is fetched."""
    found = Read.page(text)
    assert len(found.ids) == len(set(found.ids))
    assert set(found.refers) <= set(found.ids)
    for landmark in ("header", "nav", "main", "footer", "h1"):
        assert found.tags.count(landmark) == 1
    assert found.tags.count("script") == 1
    fetching = {"src", "srcset", "data", "poster", "action", "formaction", "xlink:href"}
    assert not [a for a in found.attributes if a[1] in fetching]
    assert not [a for a in found.attributes if a[1].startswith("on")]
    links = [value for _, name, value in found.attributes if name == "href"]
    assert all(link.startswith(("#", "data:,")) for link in links)
    assert "@import" not in text
    heads = [tag for tag, name, _ in found.attributes if name == "scope"]
    assert len(heads) == found.tags.count("th")
    assert found.tags.count("caption") == found.tags.count("table")
    return found
