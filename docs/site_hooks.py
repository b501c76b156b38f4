"""What the docs site needs beside the pages: links that lead out of ``docs/`` lead to its start."""

from __future__ import annotations

import re
from typing import Any

_README = re.compile(r"\]\(\.\./README\.md(#[\w-]+)?\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page whose links stay within the site."""
    return _README.sub("](index.md)", markdown).replace("](scripts)", "](scripts/iterations.sh)")
