"""Write docs/bsx.1, the man page, from the commands; it cannot drift.

python docs/make_man.py            write it; show it by: man docs/bsx.1
python docs/make_man.py --check    exit 1 where it is out of date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bsx
from bsx.cli.app import COMMANDS, load_command

FILE = Path(__file__).parent / "bsx.1"


def page() -> str:
    """Return the text of the man page."""
    lines = [
        f'.TH BSX 1 "" "bsx {bsx.__version__}" "User Commands"',
        ".SH NAME",
        "bsx \\- the batch-size explorer: which batch size should you use?",
        ".SH SYNOPSIS",
        ".B bsx",
        "[\\-\\-version] [\\-\\-help] COMMAND [OPTIONS]",
        ".SH COMMANDS",
    ]
    for name, (_, said) in COMMANDS.items():
        lines += [".TP", f".B {_roff(name)}", _roff(said)]
    for name in COMMANDS:
        lines += _command(f"bsx {name}", load_command(name))
    lines += [
        ".SH ENVIRONMENT",
        "Every option of bsx sweep can be given as a variable: BSX_SEEDS for \\-\\-seeds. Flags "
        "win over the environment, the environment over a TOML file.",
        ".SH EXIT STATUS",
        "0 done; 1 internal error, or \\-\\-get found nothing; 2 usage or configuration; 3 data or "
        "storage unusable; 4 stopped, the same command goes on; 5 finished, some units failed.",
    ]
    return "\n".join(lines) + "\n"


def _command(path: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", {})
    yield f".SH {_roff(path.upper())}"
    yield from _help(command.help or "")
    for name, child in inner.items():
        yield f".SS {_roff(f'{path} {name}')}"
        yield from _help(child.help or "")
        yield from _options(child)
    if not inner:
        yield from _options(command)


def _help(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.replace("\b", "")):
        joined = " ".join(paragraph.split())
        if joined.startswith("$ "):
            yield from (".PP", ".nf", f"    {_roff(joined)}", ".fi")
        elif joined:
            yield from (".PP", _roff(joined))


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        meta = parameter.metavar or ""
        is_argument = type(parameter).__name__.endswith("Argument")
        names = meta or parameter.name.upper() if is_argument else ", ".join(parameter.opts)
        shown = names if is_argument or not meta else f"{names} {meta}"
        said = " ".join((getattr(parameter, "help", "") or "").split())
        yield from (".TP", f".B {_roff(shown)}", _roff(said) or "\\&")


def _roff(text: str) -> str:
    """Return text that roff takes as it is."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def main(args: Sequence[str]) -> int:
    """Write the file, or with ``--check`` compare it."""
    if "--check" not in args:
        FILE.write_text(page(), encoding="utf-8")
        return 0
    return int(not FILE.exists() or FILE.read_text(encoding="utf-8") != page())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
