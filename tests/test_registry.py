"""Names → things, found when they are asked for and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bsx import registry
from bsx.errors import ConfigError

LISTING = """
import sys
from bsx import registry
for kind in ("model", "dataset", "optimizer", "task", "trainer", "executor"):
    for name in registry.targets(kind):
        registry.locate(kind, name), registry.summary(kind, name)
assert "logistic" in registry.targets("model")
print([name for name in ("torch", "numpy", "scipy", "sklearn") if name in sys.modules])
"""


def test_listing_imports_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_every_built_in_says_in_a_line_what_it_is(kind: str) -> None:
    for name, target in registry.targets(kind).items():
        if target.startswith("bsx."):
            assert registry.summary(kind, name).endswith((".", "0.")) or ":" in (
                registry.summary(kind, name)
            ), name


@pytest.mark.parametrize("kind", ["model", "dataset", "optimizer", "task", "trainer", "measure"])
def test_every_name_leads_to_something(kind: str) -> None:
    for name in registry.targets(kind):
        assert callable(registry.load(kind, name))


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("model", "logistc", "did you mean logistic"),
        ("dataset", "breast_cancer", "did you mean breast-cancer?"),
        ("dataset", "my.churn.csv", "--dataset csv:my.churn.csv"),
        ("optimizer", "adma", "did you mean adam"),
        ("model", "zzzzzz", "see `bsx list models`"),
        ("model", "", "no such model"),
        ("model", ":", "no such model"),
        ("model", "net.py:", "no such model"),
        ("model", "torch.nn:Linera", "did you mean Linear"),
        ("model", "torchh.nn:Linear", "cannot import torchh.nn"),
        ("model", "no_such_file.py:Net", "there is no file no_such_file.py"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(kind: str, name: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        registry.load(kind, name)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"--{kind} {name}")


def test_of_a_file_without_an_attribute_those_it_has_are_named_without_running_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "net.py"
    file.write_text("class Net: pass\ndef small(): pass\ndef _own(): pass\nraise SystemExit\n")
    for text, said in [
        (file.read_text(), f"--model {file}:NAME; it defines Net, small"),
        ("class Net: pass\n", f"--model {file}:Net; it defines Net"),
        ("x = 1\n", f"--model {file}:NAME"),
        ("x = (", "it is no valid Python (line 1"),
    ]:
        file.write_text(text)
        with pytest.raises(ConfigError) as refused:
            registry.load("model", str(file))
        assert said in str(refused.value)
    with pytest.raises(ConfigError, match="cannot read it"):
        registry.load("model", "not_there.py")


def test_a_file_is_loaded_once_and_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_net.py").write_text("WIDTH = 7\n")
    file = tmp_path / "net.py"
    file.write_text(
        "import neighbour_of_net\n"
        "class Outer:\n    class Inner:\n        width = neighbour_of_net.WIDTH\n"
    )
    inner = registry.load("model", f"{file}:Outer.Inner")
    assert inner.width == 7
    assert registry.load("model", f"{file}:Outer").Inner is inner


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0\n", "fails when imported: ZeroDivisionError"),
        ("def broken(:\n", "fails when imported: SyntaxError"),
        ("import no_such_module_at_all\n", "cannot import"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    for _ in range(2):  # the second time it must not be found half made
        with pytest.raises(ConfigError) as refused:
            registry.load("model", f"{file}:Net")
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)


def test_the_source_of_a_users_file_is_hashed(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("a = 1\n")
    first = registry.source_hash("model", f"{file}:a")
    assert first is not None
    assert registry.source_hash("model", f"{file}:b") == first
    file.write_text("a = 2\n")
    assert registry.source_hash("model", f"{file}:a") != first
    assert registry.source_hash("model", "mlp") is None
    with pytest.raises(ConfigError, match="cannot read"):
        registry.source_hash("model", f"{tmp_path}/gone.py:a")


def test_a_folder_named_as_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.py").mkdir()
    with pytest.raises(ConfigError):
        registry.load("model", f"{tmp_path}/net.py:Net")
    with pytest.raises(ConfigError):
        registry.source_hash("model", f"{tmp_path}/net.py:Net")
