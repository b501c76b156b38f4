"""The house's walls: who may know whom, as a table, against every import there is."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "bsx"

# Room → what it may import: rooms of bsx, and libraries. A room imports itself freely. ``room/``
# means the package face alone, no submodule of it; ``base`` of execute is its contract.
TABLE: dict[str, set[str]] = {
    "errors": set(),
    "kills": set(),
    "files": set(),
    "streams": set(),
    "processes": set(),
    "separators": set(),
    "schema": {"arithmetic"},
    "arithmetic": {"errors"},
    "registry": {"errors", "files"},
    "literals": set(),
    "parse": {"errors", "arithmetic", "literals", "schema"},
    "settings": {"errors", "arithmetic", "schema", "parse"},
    "command": {"errors", "files", "kills", "schema", "tensorboard"},
    "exchange": {"errors", "files", "schema", "command", "separators", "pyarrow", "tensorboard",
                 "mlflow", "wandb"},
    "space": {"schema"},
    "config": {"errors", "files", "arithmetic", "schema", "registry", "literals", "parse",
               "settings", "command", "space"},
    "store": {"errors", "files", "arithmetic", "schema"},
    "stats": {"errors", "schema", "numpy", "scipy"},
    "tuning": {"errors", "schema", "arithmetic", "space", "stats"},
    "plan": {"errors", "schema", "arithmetic", "stats", "registry", "tuning"},
    "data": {"errors", "files", "schema", "arithmetic", "registry", "literals", "separators",
             "numpy", "torch", "sklearn"},
    "models": {"errors", "files", "schema", "arithmetic", "registry", "numpy", "torch"},
    "tasks": {"errors", "schema", "arithmetic", "registry", "numpy", "torch"},
    "optim": {"errors", "schema", "arithmetic", "registry", "numpy", "torch"},
    "tryout": {"errors", "schema", "registry", "data/", "tasks/", "torch"},
    "facts": {"errors", "arithmetic", "schema", "registry", "data/", "models/", "tasks/", "optim/",
              "tryout", "numpy", "torch"},
    "states": {"files", "schema"},
    "train": {"errors", "files", "streams", "processes", "arithmetic", "schema", "registry",
              "states", "data/", "models/", "tasks/", "optim/", "torch"},
    "measure": {"errors", "arithmetic", "schema", "registry", "data/", "models/", "tasks/",
                "optim/", "train", "torch", "numpy", "scipy"},
    "execute": {"errors", "schema", "registry", "streams", "processes", "kills", "ray",
                "submitit"},
    "engines": {"files", "schema", "plan", "execute.base"},
    "doctor": {"data/", "errors", "execute", "facts", "registry", "store", "torch"},
    "diagnostics": {"plan", "schema", "store"},
    "retries": {"schema", "execute.base"},
    "outcomes": {"schema", "plan", "store", "diagnostics", "execute.base"},
    "conductor": {"errors", "schema", "plan", "store", "engines", "diagnostics", "outcomes",
                  "retries", "states", "execute.base"},
    "sweeping": {"changes", "command", "conductor", "execute.base", "facts", "outcomes", "plan",
                 "schema", "store"},
    "probe": {"arithmetic", "execute.base", "plan", "schema", "stats"},
    "noise_scale": {"errors", "stats", "torch"},
    "recommend": {"schema", "stats"},
    "analyze": {"schema", "stats", "arithmetic", "recommend"},
    "comparing": {"schema", "stats", "analyze"},
    "arms": {"schema"},
    "changes": {"schema"},
    "pictures": {"schema"},
    "render": {"arithmetic", "arms", "errors", "literals", "schema", "pictures", "rich", "IPython",
               "matplotlib"},
}  # fmt: skip
ANYTHING = {"api", "cli", "__init__", "__main__"}
LIBRARIES = {"torch", "numpy", "scipy", "sklearn", "rich", "typer", "matplotlib", "tensorboard",
             "IPython", "pandas", "pyarrow", "mlflow", "wandb",
             "ray", "submitit"}  # fmt: skip
# Libraries that one file alone may know
ONLY_IN = {
    "matplotlib": {"render/plots.py", "render/legends.py"},
    "ray": {"execute/ray.py"},
    "submitit": {"execute/slurm.py", "execute/job.py"},
}
# What is imported to print, to help, or to be forked from must stay light when it is imported.
LIGHT = {"cli", "__init__", "__main__"}

MOST_LINES = 350
MOST_FUNCTION_LINES = 80


@dataclass(frozen=True)
class Import:
    """One import statement's module, as ``bsx.room.module`` or as a library."""

    file: Path
    line: int
    module: str
    names: tuple[str, ...]
    at_top: bool

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file.relative_to(HOUSE.parent)}:{self.line}"


def room_of(file: Path) -> str:
    """Return the room that a file belongs to."""
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


@cache
def files() -> tuple[Path, ...]:
    """Return every file of the house."""
    return tuple(sorted(HOUSE.rglob("*.py")))


@cache
def tree(file: Path) -> ast.Module:
    """Parse a file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(file: Path) -> Iterator[Import]:
    """Yield every import of a file, those inside functions and for type checkers included."""
    lazy = {
        id(inner)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _for_types_only(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree(file)):
        at_top = id(node) not in lazy
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, (), at_top)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: name the module in full"
            names = tuple(alias.name for alias in node.names)
            if node.module == "bsx":
                for name in names:
                    module = "bsx" if name.startswith("__") else f"bsx.{name}"
                    yield Import(file, node.lineno, module, (), at_top)
            else:
                assert node.module is not None
                yield Import(file, node.lineno, node.module, names, at_top)


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        "TYPE_CHECKING" in (getattr(part, "id", ""), getattr(part, "attr", ""))
        for part in ast.walk(node.test)
    )


def allowed(room: str, module: str) -> bool:
    """Say whether files of ``room`` may import ``module``."""
    root, _, rest = module.partition(".")
    if root in sys.stdlib_module_names or module == "bsx":
        return True
    if root != "bsx":
        return root in TABLE[room]
    target, _, inner = rest.partition(".")
    if target == room or target in TABLE[room] or rest in TABLE[room]:
        return True
    return f"{target}/" in TABLE[room] and not inner


@cache
def everything_imported() -> tuple[Import, ...]:
    """Return every import of the house: sought by the tests, not by whoever collects them."""
    return tuple(found for file in files() for found in imports(file))


def test_every_room_stands_in_the_table() -> None:
    assert {room_of(file) for file in files()} == set(TABLE) | ANYTHING


def test_every_import_is_allowed_by_the_table() -> None:
    wrong = [
        f"{found.place}: {room_of(found.file)} imports {found.module}"
        for found in everything_imported()
        if room_of(found.file) not in ANYTHING and not allowed(room_of(found.file), found.module)
    ]
    assert wrong == []


def test_only_declared_libraries_are_imported() -> None:
    roots = {found.module.partition(".")[0] for found in everything_imported()} - set(
        sys.stdlib_module_names
    )
    assert roots - {"bsx"} <= LIBRARIES


def test_some_libraries_are_known_to_one_file_alone() -> None:
    for library, places in ONLY_IN.items():
        found = {
            str(one.file.relative_to(HOUSE))
            for one in everything_imported()
            if one.module.partition(".")[0] == library
        }
        assert found <= places, library


def test_the_command_line_imports_inside_of_its_functions() -> None:
    heavy = ("torch", "numpy", "scipy", "sklearn", "matplotlib", "bsx.stats", "bsx.facts",
             "bsx.data", "bsx.models", "bsx.train", "bsx.measure", "bsx.analyze", "bsx.conductor",
             "bsx.plan", "bsx.probe")  # fmt: skip
    wrong = [
        f"{found.place}: {found.module}"
        for found in everything_imported()
        if room_of(found.file) in LIGHT and found.at_top and found.module.startswith(heavy)
    ]
    assert wrong == []


def test_rooms_do_not_import_each_other_in_a_circle() -> None:
    knows: dict[str, set[str]] = defaultdict(set)
    for found in everything_imported():
        if found.module.startswith("bsx.") and found.at_top:
            knows[room_of(found.file)].add(found.module.split(".")[1])
    seen: dict[str, str] = {}

    def visit(room: str, way: tuple[str, ...]) -> None:
        assert room not in way, " → ".join((*way, room))
        if seen.get(room) == "done":
            return
        for other in sorted(knows[room] - {room}):
            visit(other, (*way, room))
        seen[room] = "done"

    for room in list(knows):
        visit(room, ())


def test_no_private_name_is_imported_from_another_room() -> None:
    wrong = [
        f"{found.place}: {name} of {found.module}"
        for found in everything_imported()
        for name in found.names
        if found.module.startswith("bsx.")
        and found.module.split(".")[1] != room_of(found.file)
        and name.startswith("_")
        and not name.startswith("__")
    ]
    assert wrong == []


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(HOUSE)))
def test_files_and_functions_can_be_read_in_one_go(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{lines} lines"
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{node.name} has {length} lines"


def test_nothing_below_render_and_the_command_line_prints() -> None:
    wrong = []
    for file in files():
        if room_of(file) in {"render", "cli", "streams"}:
            continue
        for node in ast.walk(tree(file)):
            prints = isinstance(node, ast.Name) and node.id == "print"
            writes = isinstance(node, ast.Attribute) and node.attr in {"stdout", "stderr"}
            if prints or writes:
                wrong.append(f"{file.relative_to(HOUSE)}:{node.lineno}")  # type: ignore[attr-defined]
    assert wrong == []


def test_the_errors_a_person_may_see_are_caught_by_the_program_alone() -> None:
    """A ConfigError that is swallowed would be a finding that nobody made."""
    wrong = []
    for file in files():
        for node in ast.walk(tree(file)):
            if not isinstance(node, ast.ExceptHandler) or node.type is None:
                continue
            caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            sends = file.name in ("workers.py", "relay.py")  # it rises again in the coordinator
            if "BsxError" in caught and not raises and not sends and file.name != "app.py":
                wrong.append(f"{file.relative_to(HOUSE)}:{node.lineno}")
    assert wrong == []


def test_everything_public_says_what_it_is() -> None:
    """Functions of a few lines may speak for themselves."""
    missing = []
    for file in files():
        if not tree(file).body:
            continue  # an empty __init__
        if not ast.get_docstring(tree(file)):
            missing.append(str(file.relative_to(HOUSE)))
        for node in tree(file).body:
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
                and (node.end_lineno or 0) - node.lineno > 10
            ):
                missing.append(f"{file.relative_to(HOUSE)}:{node.name}")
    assert missing == []
