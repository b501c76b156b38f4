"""Evaluation in chunks: what is held at once stays small, whatever the task."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bsx.data import Samples
from bsx.tasks import build_task
from bsx.train import evaluate as module
from bsx.train.evaluate import evaluate


def test_a_language_model_is_evaluated_a_fixed_number_of_tokens_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EVALUATION_BATCH", 64)
    task = build_task("language-modelling")
    tokens = torch.arange(50 * 16).view(50, 16) % 7
    chunks: list[int] = []
    kept: list[int] = []
    observe = task.observe

    def forward(inputs: Tensor) -> Tensor:
        chunks.append(len(inputs))
        return torch.nn.functional.one_hot(inputs, 7).float()

    def watched(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        notes = dict(observe(outputs, targets))
        kept.append(sum(note.numel() for note in notes.values()))
        return notes

    monkeypatch.setattr(task, "observe", watched)
    found = evaluate(forward, Samples(tokens, (tokens + 1) % 7), task)
    assert set(chunks[:-1]) == {4}
    assert sum(chunks) == 50
    assert max(kept) <= 3 * 4  # three numbers a sample, not 16 × 7 a sample
    assert float(found["accuracy"]) == 0


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_size_of_the_chunks_does_not_change_a_classification(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, targets = torch.randn(101, 6), torch.arange(101) % 6
    task = build_task("classification", output_size=6)
    whole = evaluate(lambda x: 2 * x, Samples(inputs, targets), task)
    monkeypatch.setattr(module, "EVALUATION_BATCH", batch)
    parts = evaluate(lambda x: 2 * x, Samples(inputs, targets), task)
    assert {name: float(value) for name, value in parts.items()} == {
        name: float(value) for name, value in whole.items()
    }
