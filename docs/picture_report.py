"""Take the pictures of a report that the docs show, in a headless Chromium.

    python docs/picture_report.py report.html docs/pictures/report-digits

writes report-digits-1280-light.png, …-dark.png, …-390-light.png, …-390-dark.png and, of what
stands further down, …-curves.png and …-rates.png, each of a few dozen kilobytes.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.report.browser import Browser, browser

SIZES = {1280: 1560, 390: 1500}  # width → height, in pixels
SECTIONS = {"curves": "#curves", "rates": "#rates"}
WIDE = 1000  # of a section by itself, in pixels: two figures beside one another
COLORS = 200


def main(page: Path, prefix: str) -> None:
    """Take every picture of one report."""
    with tempfile.TemporaryDirectory() as profile, browser(Path(profile)) as window:
        for width, height in SIZES.items():
            for dark in (False, True):
                window.window(width, height, dark=dark)
                window.open(page.absolute())
                save(window, f"{prefix}-{width}-{'dark' if dark else 'light'}.png")
        for name, selector in SECTIONS.items():
            window.window(WIDE, 2000)
            window.open(page.absolute())
            window.run(
                "const found = document.querySelector(arguments[0]);"
                "document.body.replaceChildren(found);"
                "document.body.style.padding = '16px'; found.style.margin = 0",
                selector,
            )
            height = window.run("return document.querySelector('section').offsetHeight + 32")
            window.window(WIDE, height)
            save(window, f"{prefix}-{name}.png")


def save(window: Browser, name: str) -> None:
    """Save what the window shows, with few colours: letters and lines need no more."""
    image = Image.open(io.BytesIO(window.picture())).convert("RGB")
    image.quantize(COLORS, dither=Image.Dither.NONE).save(name, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
