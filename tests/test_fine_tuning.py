"""Fine-tuning: a VGG from given weights on images in CIFAR-10's binary format, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bsx.models import build_model
from tests.here import Shell, assert_trained, here
from tests.models.test_initialize import written

__all__ = ["here"]  # a fixture

CLASSES = 10
VGG = {"width": 8}
OTHER_NAMES = np.random.default_rng(1).permutation(CLASSES)  # what fine-tuning calls the classes


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy pictures (count, 3, 32, 32), a coarse pattern a class somewhere in each."""
    patterns = np.random.default_rng(7).normal(size=(CLASSES, 3, 8, 8)).repeat(2, 2).repeat(2, 3)
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    values = 128 + 60 * generator.normal(size=(count, 3, 32, 32))
    for picture, label, (down, right) in zip(
        values, labels, generator.integers(0, 17, (count, 2)), strict=True
    ):
        picture[:, down : down + 16, right : right + 16] += 60 * patterns[label]
    return values.clip(0, 255).astype(np.uint8), labels


def cifar10(folder: Path) -> str:
    """Write the official files of the binary version with few pictures; name the data set."""
    for seed in range(6):
        images, labels = pictures(60, seed)
        rows = np.concatenate([OTHER_NAMES[labels, None], images.reshape(60, -1)], axis=1)
        name = f"data_batch_{seed + 1}.bin" if seed < 5 else "test_batch.bin"
        (folder / name).write_bytes(rows.astype(np.uint8).tobytes())
    return f"cifar10:{folder}"


def pretrained() -> dict[str, Tensor]:
    """Return the weights of a VGG that tells the patterns apart."""
    images, labels = pictures(600, seed=99)
    inputs = torch.tensor(images, dtype=torch.float32)
    inputs, targets = (inputs - inputs.mean()) / inputs.std(), torch.tensor(labels)
    model = build_model("vgg", VGG, input_shape=(3, 32, 32), output_size=CLASSES, seed=3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for rows in torch.randperm(6000, generator=torch.Generator().manual_seed(0)).split(60):
        loss = nn.functional.cross_entropy(model(inputs[rows % 600]), targets[rows % 600])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()


def accuracies(document: dict[str, Any]) -> list[float]:
    """Return the accuracy on the test part at each batch size."""
    assert_trained(document)
    return [row["final"]["test"]["accuracy"]["value"] for row in document["batch_sizes"]]


@pytest.mark.slow
def test_a_vgg_from_given_weights_is_fine_tuned_and_its_frozen_part_stays_as_it_was(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[nn.Module] = []

    def watched(*args: Any, **options: Any) -> nn.Module:
        trained.append(build_model(*args, **options))
        return trained[-1]

    monkeypatch.setattr("bsx.train.session.build_model", watched)
    weights = pretrained()
    file = written(weights, here.folder / "weights.safetensors")
    question = ["--dataset", cifar10(here.folder), "--model", "vgg", "--model-arg", "width=8",
                "--batch-sizes", "8,24", "--steps", "25", "--lr", "0.03"]  # fmt: skip
    start = ["--init-from", file, "--without-head", "--freeze", "features.*"]

    tuned = accuracies(here.swept(*question, *start))
    frozen = {name: value for name, value in weights.items() if name.startswith("features.")}
    free = dict(trained[0].named_parameters())
    assert len(trained) >= 4  # two sizes, two seeds
    for model in trained:
        for name, parameter in model.named_parameters():
            assert parameter.requires_grad == (name not in frozen)
            if name in frozen:
                assert torch.equal(parameter, frozen[name]), name
    drawn = build_model("vgg", VGG, input_shape=(3, 32, 32), output_size=CLASSES, seed=0)
    assert not torch.equal(free["classifier.weight"], drawn.get_parameter("classifier.weight"))

    scratch = accuracies(here.swept(*question))
    assert min(tuned) > 0.7
    assert max(scratch) < 0.4
