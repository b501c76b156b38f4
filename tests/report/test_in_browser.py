"""Reports in a real browser: seen, used by keyboard, checked for accessibility."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from bsx.comparing import Arm, compare
from bsx.schema import BatchSizes
from tests import fakes
from tests.fakes import Truth
from tests.render import measured, sample
from tests.report.browser import AXE, CHROMIUM, DRIVER, Browser, browser
from tests.report.made import HOSTILE, faked, named, of, page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver on the PATH"
    ),
]
PAGES = ("sweep", "troubled", "measured", "arms", "hostile")
WINDOWS = tuple(itertools.product((1280, 390), (False, True)))
RUN_AXE = """
const [done] = [...arguments].slice(-1);
axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations.map(
  v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.target + " " + n.failureSummary).join("; ")}`)),
  error => done([String(error)]));
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write a page of every kind."""
    folder = tmp_path_factory.mktemp("pages")
    asked = fakes.config(batch_sizes=BatchSizes((4, 16, 64, 256)), seeds=2)
    other = fakes.config(Truth(critical=256.0), batch_sizes=BatchSizes((16, 64, 256)), seeds=2)
    sweep = faked(folder / "one", asked, "plain")
    parts = [sweep, faked(folder / "two", other, "normed")]
    recipes = fakes.plan.recipes
    arms = [
        Arm(p.label, p.sweep.config, p.sweep.facts, recipes(p.sweep.config, p.sweep.facts),
            tuple(p.runs), ()) for p in parts
    ]  # fmt: skip
    texts = {
        "sweep": page(sweep),
        "troubled": page(of(sample.troubled())),
        "measured": page(of(measured.analysis())),
        "arms": page(*parts, comparisons=[compare(*arms)]),
        "hostile": page(named(HOSTILE)),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_an_error_and_fetches_nothing(
    name: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(1280)
    chromium.open(pages[name])
    assert chromium.log("browser") == []
    assert {url for url in chromium.fetched() if not url.startswith("data:")} == {
        pages[name].as_uri()
    }
    assert chromium.run("return document.title").startswith("Batch-size report: ")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_a_phone(
    name: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(390)
    chromium.open(pages[name])
    assert chromium.run("return document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", ["sweep", "measured"])
def test_the_table_of_quality_has_room_on_a_screen_of_1280(
    name: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(1280)
    chromium.open(pages[name])
    found = chromium.run(
        "return [...document.querySelectorAll('.table .scroll')].filter(e => "
        "e.scrollWidth > e.clientWidth).map(e => [e.innerText, e.scrollWidth, e.clientWidth])"
    )
    assert not [of for of in found if of[0].startswith("Quality")]


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: see .ci/run")
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_in_either_width_and_either_colour(
    name: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    for width, dark in WINDOWS if name == "sweep" else [WINDOWS[PAGES.index(name) % 4]]:
        chromium.window(width, dark=dark)
        chromium.open(pages[name])
        chromium.run(AXE.read_text(encoding="utf-8"))
        if name != "sweep":  # thousands of fields more, which are alike
            chromium.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert chromium.wait(RUN_AXE) == [], (width, dark)


def test_dark_mode_follows_the_system_until_it_is_switched(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    seen = {}
    for dark in (False, True):
        chromium.window(1280, dark=dark)
        chromium.open(pages["sweep"])
        seen[dark] = chromium.run(ground)
        chromium.run("document.getElementById('theme').click()")
        pressed = chromium.run("return document.getElementById('theme').ariaPressed")
        assert pressed == str(not dark).lower()
        seen[not dark, "switched"] = chromium.run(ground)
    assert seen[True] != seen[False]
    assert seen[True, "switched"] == seen[True]
    assert seen[False, "switched"] == seen[False]


def test_a_table_is_sorted_by_a_press_of_its_heading(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(1280)
    chromium.open(pages["sweep"])
    table = "const table = document.querySelector('#tables table'); "
    first = table + "return [...table.tBodies[0].rows].map(row => row.cells[0].textContent)"
    before = chromium.run(first)
    press = (
        table + "table.querySelector('th button').click(); return table.rows[0].cells[0].ariaSort"
    )
    assert chromium.run(press) == "ascending"
    assert chromium.run(press) == "descending"
    assert chromium.run(first) == before[::-1]


def test_points_are_walked_by_arrows_and_say_their_values(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(1280)
    chromium.open(pages["sweep"])
    says = "const tip = document.getElementById('tip'); "
    says += "return tip.classList.contains('on') ? tip.textContent : ''"
    label = "return document.activeElement.getAttribute('aria-label')"
    chromium.run("document.querySelector('#theme').focus()")
    chromium.press("tab")
    for _ in range(40):
        if chromium.run("return document.activeElement.matches('svg .p')"):
            break
        chromium.press("tab")
    first = chromium.run(label)
    assert first.startswith("batch size 4: iterations")
    assert chromium.run(says) == first
    chromium.press("right")
    second = chromium.run(label)
    assert second.startswith("batch size 16: iterations")
    assert chromium.run(says) == second
    chromium.press("escape")
    assert chromium.run(says) == ""


def test_pointing_at_a_curve_says_its_size_and_its_value(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(1280)
    chromium.open(pages["sweep"])
    place = chromium.run(
        "const svg = document.querySelector('#curves figure > svg');"
        "svg.scrollIntoView({block: 'center'});"
        "const mark = svg.querySelector('.t .m').getBoundingClientRect();"
        "return [mark.x + mark.width / 2, mark.y + mark.height / 2]"
    )
    chromium.point(*place)
    said = chromium.run("return document.getElementById('tip').textContent")
    assert said.startswith("batch size 4, 2,000 iterations: ")
    assert chromium.run("return document.querySelectorAll('.dot').length") == 1


def test_curves_are_switched_from_iterations_to_seconds_without_script(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(1280)
    chromium.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(pages["sweep"])
    finally:
        chromium.devtools("Emulation.setScriptExecutionDisabled", value=False)
    shown = "return [...document.querySelectorAll('.view')].filter(v => v.offsetHeight)"
    shown += ".map(v => v.className)"
    assert chromium.run(shown) == ["figures view v-steps"]
    assert chromium.run("return document.querySelectorAll('figure svg title').length") > 20
    assert chromium.run("return document.getElementById('theme').hidden")
    chromium.run("document.querySelector('input[value=seconds]').click()")
    assert chromium.run(shown) == ["figures view v-seconds"]


def test_in_print_the_page_is_light_and_without_what_is_pressed(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.window(800, dark=True, media="print")
    chromium.open(pages["sweep"])
    shown = "return document.querySelector(arguments[0]).offsetHeight > 0"
    assert not chromium.run(shown, "nav")
    assert not chromium.run(shown, "#theme")
    assert chromium.run(shown, "#recommendation")
    ground = chromium.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"


def test_what_a_user_names_runs_nothing(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.window(1280)
    chromium.open(pages["hostile"])
    assert chromium.run("return document.title") != "stolen"
    assert chromium.run("return document.images.length") == 0
    assert HOSTILE[:20] in chromium.run("return document.querySelector('h1').textContent")
