"""Wheel and sdist are built, installed apart and used; the site and the man page are whole."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def ran(*command: str, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed; return what it printed."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("BSX_")}
    done = subprocess.run(
        command, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_wheel_and_sdist_install_and_run_in_an_environment_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    ran(sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path), cwd=ROOT)
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    inside = zipfile.ZipFile(wheel).namelist()
    assert "bsx/py.typed" in inside
    assert any(name.endswith("share/man/man1/bsx.1") for name in inside)
    assert not [name for name in inside if name.startswith(("tests/", "docs/"))]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "tests/test_packaging.py", "mkdocs.yml"} <= names

    home = tmp_path / "venv"
    ran(sys.executable, "-m", "venv", "--system-site-packages", str(home), cwd=tmp_path)
    (libraries,) = home.glob("lib/python*/site-packages")
    others = [p for p in sys.path if p.endswith("site-packages")]  # torch is not installed again
    (libraries / "others.pth").write_text("\n".join(others))
    python = str(home / "bin" / "python")
    install = ("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--force-reinstall")
    ran(python, *install, str(wheel), cwd=tmp_path)
    bsx = str(home / "bin" / "bsx")
    steps = ("calc", "--samples", "1024", "--batch-size", "8", "--epochs", "10", "--get")
    assert ran(bsx, *steps, "total-iterations", cwd=tmp_path) == "1280\n"
    asked = "batch_sizes=[8, 32], steps=5, seeds=2, learning_rate=0.1, threads=1"
    program = (
        "import bsx; print(bsx.__file__); "
        f"print(bsx.sweep(dataset='wine', model='logistic', executor='inline', {asked}).status)"
    )
    where, status = ran(python, "-c", program, cwd=tmp_path).split()
    assert Path(where).is_relative_to(home) and status == "complete"
    assert (home / "share" / "man" / "man1" / "bsx.1").is_file()


@pytest.mark.slow
def test_the_site_builds_and_every_link_in_it_leads_somewhere(tmp_path: Path) -> None:
    pytest.importorskip("material")
    build = ("-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site"))
    ran(sys.executable, *build, cwd=ROOT, NO_MKDOCS_2_WARNING="1")
    assert "临界批大小" in (tmp_path / "site" / "glossary" / "index.html").read_text("utf-8")


def test_the_man_page_is_up_to_date() -> None:
    maker: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "make_man.py"))
    written = (ROOT / "docs" / "bsx.1").read_text(encoding="utf-8")
    assert written == maker["page"](), "run: python docs/make_reference.py"
