"""images:DIR: folders of pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bsx.errors import ConfigError
from tests.data.opening import opened, refused, sizes

EACH = 20


def picture(path: Path, array: np.ndarray) -> Path:
    """Write a picture."""
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def pictures(folder: Path, each: int = EACH, classes: str = "ab", size: Any = (6, 5)) -> Path:
    """Write folders of pictures, a colour a class."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(classes):
        for i in range(each):
            array = generator.integers(0, 60, (*size, 3)).astype(np.uint8)
            array[..., number % 3] += 180
            picture(folder / name / f"{i}.png", array)
    return folder


def test_each_folder_is_a_class(tmp_path: Path) -> None:
    splits = opened(f"images:{pictures(tmp_path, classes='abc')}")
    assert sizes(splits) == (48, 6, 6)
    assert splits.input_shape == (3, 6, 5)
    assert splits.classes == 3
    for part in (splits.train, splits.validation, splits.test):
        brightest = part.inputs.mean(dim=(2, 3)).argmax(dim=1)
        assert torch.equal(brightest, part.targets)


def test_train_val_and_test_folders_are_official_parts(tmp_path: Path) -> None:
    pictures(tmp_path / "train")
    pictures(tmp_path / "test", each=5)
    assert sizes(opened(f"images:{tmp_path}")) == (35, 5, 10)
    pictures(tmp_path / "val", each=3)
    assert sizes(opened(f"images:{tmp_path}")) == (40, 6, 10)


def test_pictures_are_resized_and_made_grey(tmp_path: Path) -> None:
    name = f"images:{pictures(tmp_path)}"
    assert opened(name, resize=8).input_shape == (3, 8, 8)
    assert opened(name, resize=(4, 9), channels=1).input_shape == (1, 4, 9)
    for resize in (0, "x", (1, 2, 3), (2, 2.5), 10**9):
        assert "resize=" in refused(name, ConfigError, resize=resize)
    assert "give 3 (colour) or 1 (grey)" in refused(name, ConfigError, channels=4)


def test_pictures_of_other_kinds_and_modes_are_read(tmp_path: Path) -> None:
    pictures(tmp_path)
    picture(tmp_path / "a" / "grey.png", np.zeros((6, 5), np.uint8))
    picture(tmp_path / "a" / "clear.png", np.zeros((6, 5, 4), np.uint8))
    picture(tmp_path / "b" / "photo.JPG", np.zeros((6, 5, 3), np.uint8))
    (tmp_path / "a" / ".DS_Store").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    assert sum(sizes(opened(f"images:{tmp_path}"))) == 2 * EACH + 3


def test_pictures_of_several_sizes_are_refused_with_the_file(tmp_path: Path) -> None:
    pictures(tmp_path)
    odd = picture(tmp_path / "b" / "odd.png", np.zeros((7, 5, 3), np.uint8))
    said = refused(f"images:{tmp_path}")
    assert f"{odd}: it is 7×5, the first picture 6×5" in said
    assert opened(f"images:{tmp_path}", resize=6).input_shape == (3, 6, 6)


@pytest.mark.parametrize("keep", [0, 20, -60])
def test_a_broken_picture_is_refused_with_the_file(tmp_path: Path, keep: int) -> None:
    file = pictures(tmp_path) / "a" / "3.png"
    file.write_bytes(file.read_bytes()[:keep])
    assert str(file) in refused(f"images:{tmp_path}")


def test_folders_without_classes_or_pictures_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    assert "no folders in it" in refused(f"images:{tmp_path}")
    (tmp_path / "loose.png").write_bytes(b"x")
    assert "no folders in it" in refused(f"images:{tmp_path}")
    pictures(tmp_path, classes="a")
    assert "there is one class, a" in refused(f"images:{tmp_path}")
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'}: there are no pictures" in refused(f"images:{tmp_path}")


def test_a_class_that_only_the_test_folder_has_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path / "train")
    pictures(tmp_path / "test", classes="abc")
    assert "the training part has no class of this name" in refused(f"images:{tmp_path}")


def test_a_name_without_a_folder_says_what_it_needs(tmp_path: Path) -> None:
    assert refused("images", ConfigError) == "images needs a folder: --dataset images:DIR"
    assert "no such folder" in refused(f"images:{tmp_path / 'x'}", ConfigError)


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert "pip install 'bsx[images]'" in refused(f"images:{tmp_path}")
