"""Put what bsx really prints into README.md and the tutorial.

    python docs/capture.py                                    the commands as they stand
    python docs/capture.py --with "--batch-sizes 8..64"       with options added to each sweep

Filled are blocks `<!-- captured: COMMAND -->` … `<!-- end -->`, and `console` blocks, whose
commands stand after `$ `. A block marked `<!-- file: NAME -->` is written to that file before.
Commands run in order, all in one temporary folder, 80 columns wide; a captured command that stands
on both pages runs once. Run it on an idle machine: speed is captured too.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The tutorial first: it looks at a dry run before anything is stored.
FILES = (ROOT / "docs" / "tutorial.md", ROOT / "README.md")
BLOCK = re.compile(
    r"^<!-- captured: (?P<captured>.+?) -->\n.*?^<!-- end -->$"
    r"|^<!-- file: (?P<name>.+?) -->\n```\w*\n(?P<content>.*?)^```$"
    r"|^```console\n(?P<console>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


def _block(match: re.Match[str], folder: Path, more: Sequence[str], known: dict[str, str]) -> str:
    if match["name"]:
        (folder / match["name"]).write_text(match["content"], encoding="utf-8")
        return match[0]
    if match["console"]:
        commands = re.findall(r"^\$ (.+)$", match["console"], re.MULTILINE)
        parts = [f"$ {c}\n{_output(shlex.split(c), folder, stderr=False)}" for c in commands]
        return "```console\n" + "\n".join(part.rstrip("\n") + "\n" for part in parts) + "```"
    command = match["captured"]
    if command not in known:
        words = shlex.split(command)
        extra = more if words[:2] == ["bsx", "sweep"] else ()
        known[command] = _output([*words, *extra], folder)
    shown = f"```text\n$ {command}\n{known[command]}```"
    return f"<!-- captured: {command} -->\n{shown}\n<!-- end -->"


def _output(words: Sequence[str], folder: Path, *, stderr: bool = True) -> str:
    """Run a command; return what it prints, no line over 80 columns."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("BSX_")},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if stderr else subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        said = done.stdout + (done.stderr or "")
        raise SystemExit(f"capture: {shlex.join(words)} ended with {done.returncode}:\n{said}")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    wrapped = [part for line in lines for part in _wrapped(line)]
    return "".join(f"{line}\n" for line in wrapped)


def _wrapped(line: str, width: int = 80) -> list[str]:
    """Break a long line at words, as a terminal does not: cautions are lines of any length."""
    parts = []
    while len(line) > width and " " in line[1:width]:
        cut = line.rindex(" ", 1, width + 1)
        parts.append(line[:cut])
        line = "  " + line[cut + 1 :]
    return [*parts, line]


def main(args: Sequence[str]) -> int:
    """Fill the blocks of every file."""
    more = shlex.split(args[1]) if len(args) == 2 and args[0] == "--with" else []
    if args and not more:
        print(__doc__, file=sys.stderr)  # noqa: T201
        return 2
    known: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in FILES:
            text = file.read_text(encoding="utf-8")
            filled = BLOCK.sub(partial(_block, folder=folder, more=more, known=known), text)
            file.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
