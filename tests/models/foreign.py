"""Models as other libraries write them: their own names for sizes, objects for outputs."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn


class Output(SimpleNamespace):
    """What a Hugging Face model returns: an object with logits in it."""


class Classifier(nn.Module):
    """A model with num_classes and in_chans, as timm has them, and logits in an object."""

    def __init__(self, num_classes: int = 1000, in_chans: int = 3, title: str = "") -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_chans, 4, 3)
        self.classifier = nn.Linear(4, num_classes)
        self.title = title

    def forward(self, pixel_values: Tensor) -> Output:
        """Return the logits, and more."""
        features = torch.relu(self.convolution(pixel_values)).mean(dim=(2, 3))
        return Output(loss=None, logits=self.classifier(features))


class Pretrained:
    """A class with a factory of its own, which takes anything by name."""

    @classmethod
    def from_config(cls, *args: Any, **kwargs: Any) -> nn.Module:
        """Build the classifier."""
        return Classifier(num_classes=kwargs["num_labels"], in_chans=kwargs["channels"])


def perceptron(sizes: tuple[int, ...], context: int = 0) -> nn.Module:
    """Return layers between these sizes."""
    pairs = itertools.pairwise(sizes)
    return nn.Sequential(nn.Flatten(), *(nn.Linear(a, b) for a, b in pairs))
