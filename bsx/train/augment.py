"""Images varied on the device while they are trained on: flipped, shifted, with noise.

What happens to a batch depends on the run's seed and the step alone: the plain loop and the lanes
vary alike, lanes of one seed see the same images, and a run taken up again goes on as it would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from bsx.data import WAYS, check_augmentation

NOISE = 0.1  # standard deviation, in units of the standardized inputs
PADDING = 8  # an image is shifted by up to an eighth of its side: 4 pixels of 32


class Augmentation:
    """Varies the batches of the runs of ``seeds``.

    Args:
        ways: any of *flip* (left to right, every second time), *crop* (padded with zeros, the
            mean of standardized inputs, and cut out at a random place) and *noise* (Gaussian).
        input_shape: of one sample: (channels, height, width); noise takes any.

    Raises:
        ConfigError: for an unknown way, or one that these samples cannot be varied in.
    """

    def __init__(
        self,
        ways: Sequence[str],
        input_shape: tuple[int, ...],
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        check_augmentation(ways, input_shape)
        self.ways = tuple(way for way in WAYS if way in ways)
        self.seeds = tuple(seeds)
        self._generator = torch.Generator(device)

    def __call__(self, inputs: Tensor, step: int) -> Tensor:
        """Return ``inputs`` of batch number ``step`` varied; they stay as they were.

        Args:
            inputs: (seeds, batch, *input_shape), in the order of ``seeds``; lanes that share a
                seed take their copy afterwards.
        """
        if not self.ways:
            return inputs
        varied = torch.empty_like(inputs)
        for place, seed in enumerate(self.seeds):
            self._generator.manual_seed(_seed_of(seed, step))
            varied[place] = self._vary(inputs[place])
        return varied

    def one(self, inputs: Tensor, step: int) -> Tensor:
        """Return a batch of a single run varied: (batch, *input_shape)."""
        return self(inputs.unsqueeze(0), step)[0]

    def _vary(self, batch: Tensor) -> Tensor:
        if "flip" in self.ways:
            batch = self._flipped(batch)
        if "crop" in self.ways:
            batch = self._cropped(batch)
        if "noise" in self.ways:
            noise = torch.randn(
                batch.shape, generator=self._generator, device=batch.device, dtype=batch.dtype
            )
            batch = batch + NOISE * noise
        return batch

    def _flipped(self, batch: Tensor) -> Tensor:
        chosen = self._whole(2, len(batch), batch.device).bool()
        return torch.where(chosen[:, None, None, None], batch.flip(-1), batch)

    def _cropped(self, batch: Tensor) -> Tensor:
        count, channels, height, width = batch.shape
        high, wide = _padding(height), _padding(width)
        padded = F.pad(batch, (wide, wide, high, high))
        down = self._whole(2 * high + 1, count, batch.device)
        right = self._whole(2 * wide + 1, count, batch.device)
        rows = down[:, None] + torch.arange(height, device=batch.device)  # (batch, height)
        columns = right[:, None] + torch.arange(width, device=batch.device)  # (batch, width)
        at = torch.arange(count, device=batch.device)[:, None, None, None]
        channel = torch.arange(channels, device=batch.device)[None, :, None, None]
        return padded[at, channel, rows[:, None, :, None], columns[:, None, None, :]]

    def _whole(self, below: int, count: int, device: torch.device) -> Tensor:
        return torch.randint(below, (count,), generator=self._generator, device=device)


def _padding(side: int) -> int:
    return max(1, (side + PADDING // 2) // PADDING)


def _seed_of(seed: int, step: int) -> int:
    """Mix seed and step into 32 bits, apart from those that the order of samples is drawn from."""
    mixed = hashlib.blake2b(f"augment {seed} {step}".encode(), digest_size=4)
    return int.from_bytes(mixed.digest(), "big")
