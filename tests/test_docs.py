"""What README and docs say is so: blocks and scripts run, printed output is compared, links lead.

Markers before a code block, as HTML comments:

    not run: REASON           the block is left alone
    file: NAME                the block is written to NAME, for the blocks after it
    output varies: REASON     the block runs, its output is not compared

Blocks of one page run in its order, in one folder. ``console`` blocks have commands after ``$ ``
and what they print; without any output the commands are only run. ``python`` blocks without a
marker run as a script; ``text`` is no code.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.processes import environment as without_settings
from tests.faults.processes import wait_until
from tests.test_architecture import ANYTHING, TABLE

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = sorted((ROOT / "docs" / "scripts").glob("*.sh"))
SHELL = ("bash", "sh", "console")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


_BLOCK = re.compile(
    r"(?:^<!-- (?P<marker>[^\n]*?) -->\n+)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARKERS = ("not run", "file", "output varies")


@dataclass(frozen=True)
class Block:
    """A code block and what its marker says."""

    language: str
    body: str
    marker: str = ""
    text: str = ""

    @property
    def commands(self) -> list[tuple[str, str]]:
        """The commands, each with the output that stands below it."""
        if self.language != "console":
            return [(self.body, "")]
        parts = re.split(r"^\$ ", self.body, flags=re.MULTILINE)[1:]
        pairs = [part.partition("\n") for part in parts]
        return [(command, output) for command, _, output in pairs]


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in its order."""
    found = []
    for match in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        marker, _, text = (match["marker"] or "").partition(": ")
        known = marker in _MARKERS
        found.append(
            Block(
                match["language"],
                match["body"],
                marker if known else "",
                text.strip() if known else "",
            )
        )
    return found


def run(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, in a shell that finds bsx."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BSX_")}
    environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
        "BSX_THREADS": "1",
        **more,
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
    )


def checked(command: str, folder: Path, **more: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = run(command, folder, **more)
    assert done.returncode == 0, f"{command}\nexit code {done.returncode}\n{done.stderr}"
    return done.stdout


def squeezed(text: str) -> str:
    """Return the text without trailing spaces and empty lines around it."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


@pytest.fixture(scope="module")
def warm_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PATH on which ``bsx`` has its imports behind it."""
    folder = tmp_path_factory.mktemp("warm")
    command = [sys.executable, "-m", "tests.warm_program", str(folder)]
    server = subprocess.Popen(command, env=without_settings())
    try:
        wait_until((folder / "bsx").exists, what="the program")
        yield os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_code_blocks_of_a_page_run_in_its_order(
    page: Path, tmp_path: Path, warm_path: str
) -> None:
    # To import torch, for the program and once more for its workers, takes longer than these
    # sweeps: on two pages both do.
    real = page.name in ("README.md", "probe.md")
    more = {} if real else {"BSX_EXECUTOR": "inline", "PATH": warm_path}
    for block in blocks(page):
        if block.marker == "file":
            (tmp_path / block.text).write_text(block.body, encoding="utf-8")
        elif block.language == "python" and not block.marker:
            checked(f"python - <<'END'\n{block.body}\nEND", tmp_path, **more)
        elif block.language in SHELL and block.marker != "not run":
            for command, expected in block.commands:
                printed = checked(command, tmp_path, **more)
                if expected.strip() and block.marker != "output varies":
                    assert squeezed(printed) == squeezed(expected), command


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_run(script: Path, tmp_path: Path) -> None:
    assert os.access(script, os.X_OK), f"chmod +x {script}"
    printed = checked(str(script), tmp_path)
    assert printed.strip()


def test_iterations_script_prints_what_the_arithmetic_says(tmp_path: Path) -> None:
    printed = checked(str(ROOT / "docs" / "scripts" / "iterations.sh"), tmp_path)
    first = printed.splitlines()[0]
    assert first == "batch size 128: 35190 iterations, the first 1955 to warm up"


def test_every_block_that_is_not_run_says_why() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.marker in _MARKERS:
                assert block.text, f"{page.name}: {block.marker} without a reason or name"


def test_every_block_runs_or_is_a_file_or_says_why_not() -> None:
    for page in PAGES:
        for block in blocks(page):
            runs = block.language in (*SHELL, "python")
            assert runs or block.language == "text" or block.marker, f"{page.name}: {block.body}"


def test_python_and_toml_blocks_are_files_that_parse() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "python":
                compile(block.body, page.name, "exec")
            elif block.language == "toml":
                tomllib.loads(block.body)


def test_console_blocks_show_the_output_of_what_is_always_the_same() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "console" and not block.marker:
                silent = [command for command, output in block.commands if not output.strip()]
                assert not silent, f"{page.name}: run docs/capture.py"


# --- links ------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _without_code(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def _without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in _anchors(file), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_captured_blocks_are_well_formed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    opened = re.findall(r"^<!-- captured: (bsx .+) -->$", text, re.MULTILINE)
    whole = re.findall(
        r"^<!-- captured: (bsx .+) -->\n```text\n\$ \1\n.*?^```\n<!-- end -->$",
        text,
        re.MULTILINE | re.DOTALL,
    )
    assert opened == whole


# --- README, CI, architecture -----------------------------------------------------------------


def test_readme_has_the_two_commands_one_line_each() -> None:
    commands = [block.body for block in blocks(ROOT / "README.md") if "venv" in block.body]
    begin = "python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt"
    assert commands == [f"{begin} . && bsx sweep\n", f"{begin} -e '.[dev]' && pytest\n"]


def test_what_the_chinese_quick_start_quotes_are_lines_of_readme() -> None:
    lines = set((ROOT / "README.md").read_text(encoding="utf-8").splitlines())
    page = (ROOT / "docs" / "quickstart.zh.md").read_text(encoding="utf-8")
    quoted = page.partition("摘自 README")[2].partition("```text\n")[2].partition("```")[0]
    assert quoted.startswith("Convergence: ")
    assert [line for line in quoted.splitlines() if line not in lines] == []


def test_ci_runs_the_test_command_of_readme(tmp_path: Path) -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -E '(.+?)' README\.md", script)
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    (found,) = (line for line in lines if re.search(pattern, line))
    assert found.endswith("-e '.[dev]' && pytest")
    assert 'eval "$command"' in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_constraints_pin_every_dependency() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert re.fullmatch(r"[\d.]+((a|b|rc|post)\d+)?", version), line
            pins[name.lower().replace("_", "-")] = version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
        *project["build-system"]["requires"],
    ]
    names = {re.split(r"[<>=!~\[; ]", need)[0].lower() for need in needed}
    assert names <= pins.keys()
    assert "bsx" not in pins


def import_table() -> str:
    """Return the table of tests/test_architecture.py as the page shows it."""
    lines = ["| Room | May import |", "| --- | --- |"]
    for room, known in TABLE.items():
        lines.append(f"| {room} | {', '.join(sorted(known)) or 'nothing'} |")
    return "\n".join(lines)


def test_architecture_page_shows_the_import_table() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- import table -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert match is not None
    assert match[1].strip() == import_table(), f"write there:\n{import_table()}"


def test_architecture_page_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = set(TABLE) | (ANYTHING - {"__init__"})
    missing = [r for r in rooms if f"  {r}/" not in text and f"  {r}.py" not in text]
    assert not missing
