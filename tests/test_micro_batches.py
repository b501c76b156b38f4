"""Micro-batches: what a batch is cut into, and what BatchNorm makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.models import GhostBatchNorm, build_model, ghost_size
from bsx.train.batches import passes
from tests.here import Shell, assert_trained, here

__all__ = ["here"]  # a fixture

BATCHED = ["--dataset", "blobs", "--model-arg", "hidden=8", "--model-arg", "norm=batch"]
GHOST = ["--dataset", "blobs", "--model-arg", "hidden=8", "--model-arg", "norm=ghost"]


@given(st.integers(1, 200), st.integers(1, 250))
def test_passes_cover_the_batch_in_order_and_none_is_of_one_sample(samples: int, size: int) -> None:
    found = [range(samples)[part] for part in passes(samples, size)]
    assert [row for part in found for row in part] == list(range(samples))
    assert all(len(part) == size for part in found[:-1])
    assert len(found[-1]) <= size + 1
    if size > 1 and samples > 1:
        assert min(map(len, found)) > 1


def test_a_batch_without_micro_batches_is_one_pass() -> None:
    assert passes(7, None) == [slice(0, 7)]


def cautions(document: dict[str, Any]) -> dict[int, str]:
    """Return batch size → what is said of BatchNorm there."""
    found = [c for c in document["cautions"] if c["code"] == "batchnorm_of_micro_batch"]
    return {caution["batch_size"]: caution["message"] for caution in found}


@pytest.mark.parametrize("model", ["mlp", "tests.test_micro_batches:in_the_loop"])
def test_sizes_whose_batchnorm_sees_a_part_of_the_batch_are_named(model: str, here: Shell) -> None:
    options = [*BATCHED, "--model", model, "--micro-batch-size", "4", "--batch-sizes", "4,5,12"]
    found = here.swept(*options)  # 5 = 4 + 1: the last sample joins the others
    assert_trained(found)
    said = cautions(found)
    assert list(said) == [5, 12]
    assert "BatchNorm sees 4 samples at a time" in said[12]
    assert "Ghost BatchNorm in chunks of 4" in said[12]


def test_ghost_batchnorm_is_named_only_where_its_chunks_are_cut(here: Shell) -> None:
    whole = ["--model-arg", "ghost_size=4", "--micro-batch-size", "8", "--batch-sizes", "16"]
    cut = ["--model-arg", "ghost_size=8", "--micro-batch-size", "4", "--batch-sizes", "16"]
    assert cautions(here.swept(*GHOST, *whole)) == {}
    assert list(cautions(here.swept(*GHOST, *cut))) == [16]


def test_without_batchnorm_nothing_is_said(here: Shell) -> None:
    assert cautions(here.swept("--dataset", "blobs", "--micro-batch-size", "4")) == {}


def test_a_micro_batch_of_one_is_refused_under_batchnorm_before_training(here: Shell) -> None:
    code, out, err = here.bsx("sweep", *BATCHED, "--micro-batch-size", "1")
    assert (code, out) == (2, "")
    assert "--micro-batch-size 1: BatchNorm cannot train on one sample" in err
    assert not (here.folder / "bsx-runs").exists()
    assert_trained(here.swept("--dataset", "blobs", "--micro-batch-size", "1"))


def test_the_chunk_of_a_model_is_that_of_all_its_norms() -> None:
    def sizes(**args: Any) -> int | None:
        return ghost_size(build_model("mlp", args, input_shape=(5,), output_size=3, seed=0))

    assert sizes(norm="ghost", ghost_size=6, depth=2) == 6
    assert sizes(norm="batch") is sizes(norm="layer") is None
    mixed = build_model("mlp", {"norm": "batch"}, input_shape=(5,), output_size=3, seed=0)
    mixed.append(GhostBatchNorm(3, 6))  # type: ignore[operator]
    assert ghost_size(mixed) is None


def in_the_loop(input_shape: tuple[int, ...], output_size: int, **args: Any) -> Any:
    """Return the MLP, with a hook that keeps it from being stacked."""
    model = build_model("mlp", args, input_shape=input_shape, output_size=output_size, seed=0)
    model.register_forward_hook(lambda *_: None)
    return model
