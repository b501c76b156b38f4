"""Text: the next character at every position, and what is refused."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from bsx.data import open_dataset
from bsx.data.text import text
from bsx.errors import BsxError, ConfigError, DataError

REAL = Path(os.environ.get("BSX_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A file of twenty alphabets."""
    file = tmp_path / "letters.txt"
    file.write_text(ALPHABET * 20)
    return file


def test_targets_are_one_character_ahead_of_the_inputs(written: Path) -> None:
    made = text(str(written), context=8)
    assert made.inputs.dtype == made.targets.dtype == torch.int64
    assert made.inputs.shape == made.targets.shape
    assert made.inputs.shape[1:] == (8,)
    assert torch.equal((made.inputs + 1) % 26, made.targets)
    assert made.inputs[0].tolist() == list(range(8))
    assert (made.task, made.output_size, made.classes) == ("language-modelling", 26, None)


def test_every_character_is_predicted_once_where_the_stride_is_the_context(written: Path) -> None:
    made = text(str(written), context=8)
    assert made.parts is not None
    train = made.targets[made.parts["train"]].flatten()
    assert train.tolist() == [(i + 1) % 26 for i in range(len(train))]


def test_a_smaller_stride_gives_overlapping_samples(written: Path) -> None:
    made = text(str(written), context=8, stride=3)
    assert made.inputs[:3, 0].tolist() == [0, 3, 6]


def test_the_parts_follow_each_other_and_share_no_character(tmp_path: Path) -> None:
    file = tmp_path / "once.txt"
    file.write_text("".join(chr(0x4E00 + i) for i in range(900)), encoding="utf-8")
    made = text(str(file), context=5, stride=2)
    assert made.parts is not None
    seen = {
        part: torch.cat([made.inputs[rows], made.targets[rows]], dim=1)
        for part, rows in made.parts.items()
    }
    assert seen["train"].max() < seen["validation"].min()
    assert seen["validation"].max() < seen["test"].min()
    assert len(seen["validation"]) == pytest.approx(0.1 * len(made.inputs), abs=3)


def test_through_the_front_door_token_ids_stay_whole_numbers(written: Path) -> None:
    splits = open_dataset(f"text:{written}", {"context": 8}, validation=0.2, test=0.2, seed=0)
    assert splits.output_size == 26
    assert splits.train.inputs.dtype == torch.int64
    assert splits.input_shape == (8,)


def test_packed_text_is_read_like_plain_text(written: Path) -> None:
    packed = written.with_suffix(".txt.gz")
    packed.write_bytes(gzip.compress(written.read_bytes()))
    assert torch.equal(text(str(packed)).inputs, text(str(written)).inputs)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"good\nna\xefve", "line 2 (byte 7) is no utf-8"),
        (b"too short", "give a longer text or a smaller context"),
        (b"aaaaaaaa" * 99, "the one character 'a'"),
    ],
)
def test_text_that_cannot_be_used_is_refused_with_place_and_remedy(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    with pytest.raises(DataError) as refused:
        text(str(file))
    assert said in str(refused.value)
    assert f"--dataset text:{file}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_encoding_may_be_given(tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("naïve ".encode("latin-1") * 50)
    assert text(str(file), context=4, encoding="latin-1").output_size == 6


@pytest.mark.parametrize(
    "options", [{"context": 0}, {"stride": 0}, {"stride": 1.5}, {"encoding": "klingon"}]
)
def test_options_that_cannot_be_meant_are_refused(written: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"--dataset-arg {next(iter(options))}"):
        text(str(written), **options)


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(BsxError, match=r"text:nowhere\.txt"):
        text("nowhere.txt")


@pytest.mark.skipif(not (REAL / "tiny-shakespeare").is_dir(), reason="the real data are not here")
def test_tiny_shakespeare_has_65_characters() -> None:
    made = text(str(REAL / "tiny-shakespeare" / "input.txt"))
    assert made.output_size == 65
    assert made.parts is not None
    assert len(made.parts["train"]) > 13_000
