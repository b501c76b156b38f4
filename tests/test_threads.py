"""What a process that trains does with its threads."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from tests.train_setup import group, recipe, trained

TINY = """
import torch
from bsx.train.threads import take_threads

take_threads(2)
numbers = torch.full((2**20,), 1e-30)  # as many as several threads take
print(int((numbers * 1e-12).count_nonzero()), torch.get_num_threads())
"""


def can_flush() -> bool:
    """Say whether this processor can take such numbers as zero; leave it as it was."""
    able = torch.set_flush_denormal(True)
    torch.set_flush_denormal(False)
    return able


needs_flushing = pytest.mark.skipif(not can_flush(), reason="the processor keeps subnormal numbers")


@needs_flushing
def test_on_every_thread_numbers_too_small_to_be_normal_are_zero() -> None:
    told = subprocess.run([sys.executable, "-c", TINY], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["0", "2"]


@needs_flushing
@pytest.mark.parametrize("trainer", ["loop", "lanes"])
def test_a_process_that_trained_takes_them_as_zero(trainer: str) -> None:
    assert float(torch.tensor(1e-30) * 1e-12) != 0
    trained(group(recipe(steps=2), [(0.01, 0)], trainer))
    assert float(torch.tensor(1e-30) * 1e-12) == 0
