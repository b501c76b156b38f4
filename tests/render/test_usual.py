"""The heading of a sweep tells what of its training is not as by default."""

from __future__ import annotations

import dataclasses

import pytest

from bsx.config import read_sweep
from bsx.render import trained
from bsx.render.usual import unusual
from tests.render import sample


def told(**flags: object) -> str:
    return unusual(read_sweep(flags, {}, None)[0])


def test_what_is_as_usual_is_not_told() -> None:
    assert told() == ""
    assert told(schedule="constant", metric="f1", label_smoothing=0.0) == ""


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"schedule": "cosine", "warmup": 0.05}, "schedule cosine, warmup 0.05"),
        ({"clip_norm": 1.0, "l1": 1e-5, "l2": 1e-4}, "clip-norm 1, l1 1e-5, l2 0.0001"),
        ({"micro_batch_size": 32}, "micro-batch-size 32"),
        ({"precision": "bfloat16"}, "precision bfloat16"),
        ({"schedule": "step", "decay": "batch-size"}, "schedule step, decay batch-size"),
        ({"loss": "mse"}, "loss mse"),
        ({"label_smoothing": 0.1}, "label-smoothing 0.1"),
        ({"init": "he", "freeze": ["layers.0.*"]}, "init he, freeze layers.0.*"),
        ({"subset": 500, "order": "sequential"}, "subset 500, order sequential"),
        ({"augment": "flip,crop"}, "augment flip,crop"),
        ({"split_seed": 3, "test_fraction": 0.2}, "test-fraction 0.2, split-seed 3"),
        ({"drop_last": True}, "drop-last"),
        (
            {"evaluation_spacing": 1.01, "evaluation_samples": 5000},
            "evaluation-spacing 1.01, evaluation-samples 5000",
        ),
    ],
)
def test_what_was_asked_of_training_is_told_by_the_names_of_the_options(
    flags: dict[str, object], text: str
) -> None:
    assert told(**flags) == text


def test_two_sweeps_with_other_schedules_have_other_headings() -> None:
    sweep = sample.sweep()
    training = dataclasses.replace(sweep.config.training, schedule="cosine")
    other = sample.sweep(training=training)
    assert ("training", "schedule cosine") in trained.described(other)
    assert "training" not in dict(trained.described(sweep))
