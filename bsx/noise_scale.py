"""The gradient noise scale of a training loop of one's own: a few lines to add, nothing changed.

This file reads gradients and keeps squared norms; :mod:`bsx.stats.noise_scale` estimates. It writes
neither to parameters nor to their ``.grad``, and draws no random number.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

import torch
from torch import Tensor

from bsx.errors import ConfigError
from bsx.stats.noise_scale import GradientNoise, effective_sizes, gradient_noise

Draw = tuple[float, float, float, float]  # squared norms (small, big), batch sizes (small, big)
_HALF = (torch.float16, torch.bfloat16)


class NoiseScale:
    """Measures B_simple = tr Σ/‖G‖², in samples, from the gradients of a training loop.

    The loss must be a *mean* over the samples. Call :meth:`observe` once for each step, when
    ``.grad`` is complete and before it is clipped and before ``optimizer.step()``::

        noise = bsx.NoiseScale(model.parameters(), batch_size=64)
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss_function(model(inputs), targets).backward()
            noise.observe(len(inputs))
            optimizer.step()
        print(noise.estimate())

    The gradients g_i of ``steps_per_draw`` = k consecutive steps are compared with their mean ḡ,
    as gradients of one size and of k times that size: ‖G‖² = (k·‖ḡ‖² − mean ‖g_i‖²)/(k − 1) and
    tr Σ = B·k/(k − 1)·(mean ‖g_i‖² − ‖ḡ‖²). That takes the parameters for fixed during the k
    steps. They are not: what G changes meanwhile counts as noise, and each step removes what its
    own noise added, so that ‖G‖² comes out too small and the noise scale too large, more so at a
    high learning rate, with momentum, and with more steps.

    Where a step has several micro-batches, call :meth:`after_micro_batch` after each backward pass,
    too. Their gradients are of the very same parameters, so this has no such error.

    Args:
        parameters: what is trained: ``model.parameters()``.
        batch_size: samples in a step's gradient; may be left to :meth:`observe`.
        steps_per_draw: k above; of no effect with micro-batches.
        every: measure one draw of so many and let the others pass, to save time.
        window: :meth:`estimate` uses so many of the last draws.
        training_samples: size of a finite training set whose epochs are drawn without replacement,
            as loaders do. ‖G‖² is then corrected by tr Σ/N, which matters where N is not far
            above the noise scale. A draw that would reach into the next epoch is dropped, since
            batches of two epochs do not know each other.

    Memory: one copy of the gradients. Numbers stay on their device until an estimate is asked for
    or the window is full, so nothing waits for it.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        batch_size: int | None = None,
        *,
        steps_per_draw: int = 4,
        every: int = 1,
        window: int = 200,
        training_samples: int | None = None,
    ) -> None:
        self._parameters = _checked(parameters)
        self._batch_size = None if batch_size is None else _whole("batch_size", batch_size, 1)
        if training_samples is not None:
            training_samples = _whole("training_samples", training_samples, 2)
        self._training_samples = training_samples
        self._steps_per_draw = _whole("steps_per_draw", steps_per_draw, 2)
        self._every, self._window = _whole("every", every, 1), _whole("window", window, 2)
        self._sum: list[Tensor | None] = [None] * len(self._parameters)
        self.reset()

    def reset(self) -> None:
        """Forget all draws."""
        self._draws: deque[Draw] = deque(maxlen=self._window)
        self._pending: list[tuple[Tensor, Tensor, float, float]] = []
        self._skipped = 0
        self._by_micro_batches = False
        self._position = 0  # steps since the last measured draw began
        self._seen = 0  # samples of this epoch, where its length is known
        self._micro_batches = 0  # of this step, measured or not
        self._begin()

    @torch.no_grad()
    def after_micro_batch(self, samples: int, weight: float = 1.0) -> None:
        """Read what the micro-batch just passed backward has added to ``.grad``.

        Args:
            samples: how many it has.
            weight: the factor before its mean loss, such as 1/4 in ``(loss / 4).backward()``. One
                that is the same for all micro-batches may be left out: ‖G‖² and tr Σ are then in
                other units, and their ratio is the same.
        """
        samples = _whole("samples", samples, 1)
        if not (math.isfinite(weight) and weight > 0):
            raise ConfigError(f"weight={weight}: give the positive factor before the mean loss")
        if not self._by_micro_batches:
            if self._sizes or self._position:
                raise ConfigError(
                    "after_micro_batch() came after steps without it: call it after every "
                    "backward pass, or reset() first"
                )
            self._by_micro_batches = True
        self._micro_batches += 1
        if self._position:
            return
        sums, gradients = self._gradients()
        torch._foreach_sub_(sums, gradients)  # what was there less what is: the new part, negative
        self._sizes.append(samples)
        self._weights.append(weight)
        self._squares.append(_square(sums) / weight**2)
        torch._foreach_copy_(sums, gradients)

    @torch.no_grad()
    def observe(self, samples: int | None = None) -> None:
        """Read the gradient of a step; nothing is changed.

        Args:
            samples: how many this step's batch has, where it may differ from ``batch_size``: the
                last batch of an epoch may be smaller.
        """
        if self._by_micro_batches:
            self._end_of_micro_batches(samples)
            return
        size = self._batch_size if samples is None else samples
        if size is None:
            raise ConfigError("unknown batch size: give batch_size, or observe(len(inputs))")
        size = _whole("samples", size, 1)
        if self._training_samples is not None:
            self._within_epoch(size, self._training_samples)
        if self._position < self._steps_per_draw:
            sums, gradients = self._gradients()
            self._sizes.append(size)
            self._weights.append(1.0)
            self._squares.append(_square(gradients))
            torch._foreach_add_(sums, gradients)
            if len(self._sizes) == self._steps_per_draw:
                self._keep()
        self._position = (self._position + 1) % (self._steps_per_draw * self._every)

    def estimate(self) -> GradientNoise:
        """Estimate ‖G‖², tr Σ and the noise scale, with intervals, from the window of draws.

        A noise scale without a value cannot be resolved: its ``method`` says why. More draws help.
        """
        self._collect()
        small, big, small_size, big_size = (
            [draw[column] for draw in self._draws] for column in range(4)
        )
        return gradient_noise(
            small, big, small_size, big_size, training_samples=self._training_samples
        )

    @property
    def draws(self) -> int:
        """How many draws the window holds."""
        self._collect()
        return len(self._draws)

    @property
    def skipped(self) -> int:
        """How many draws were left out because a gradient was not finite."""
        self._collect()
        return self._skipped

    # --- what is kept ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self._sizes: list[int] = []
        self._weights: list[float] = []
        self._squares: list[Tensor] = []
        for kept in self._sum:
            if kept is not None:
                kept.zero_()

    def _within_epoch(self, size: int, samples: int) -> None:
        """Count the samples of the epoch, of so many; where a new one begins, begin a new draw."""
        if self._seen == 0 and not self._sizes and self._steps_per_draw * size > samples:
            most = samples // size
            remedy = f"steps_per_draw={most}" if most > 1 else "no training_samples"
            raise ConfigError(
                f"training_samples={samples}: {self._steps_per_draw} steps of {size} samples, "
                f"which make a draw, do not fit into an epoch; give {remedy}"
            )
        if self._seen + size > samples:
            self._seen = 0
            if self._sizes:
                self._begin()
                self._position = 0
        self._seen += size

    def _end_of_micro_batches(self, samples: int | None) -> None:
        if self._micro_batches == 0:
            raise ConfigError(
                "a step without micro-batches came after steps with them: call "
                "after_micro_batch(samples) after every backward pass"
            )
        measured = self._position == 0
        if measured and samples is not None and samples != sum(self._sizes):
            raise ConfigError(
                f"observe({samples}): the micro-batches of this step have {sum(self._sizes)} "
                "samples; after_micro_batch() takes its own micro-batch's"
            )
        self._micro_batches = 0
        self._position = (self._position + 1) % self._every
        if measured and len(self._sizes) > 1:
            self._keep()
        elif measured:
            self._begin()  # one micro-batch gives one batch size, not two

    def _gradients(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the kept sums and the gradients of all parameters that have one."""
        sums, gradients = [], []
        for index, parameter in enumerate(self._parameters):
            gradient = parameter.grad
            if gradient is None:
                continue
            if gradient.layout != torch.strided:
                raise ConfigError(
                    "a gradient is sparse: build the embedding with sparse=False, or leave its "
                    "parameters out"
                )
            kept = self._sum[index]
            if kept is None:
                dtype = torch.float32 if gradient.dtype in _HALF else gradient.dtype
                kept = self._sum[index] = torch.zeros_like(gradient, dtype=dtype)
            sums.append(kept)
            gradients.append(gradient)
        if not gradients:
            raise ConfigError(
                "no parameter has a gradient: call this after loss.backward() and before "
                "optimizer.zero_grad()"
            )
        return sums, gradients

    def _keep(self) -> None:
        """End a draw: the parts' squared norms, and that of their weighted mean."""
        sums = [kept for kept in self._sum if kept is not None]
        sizes = effective_sizes(self._sizes, self._weights)
        small = torch.stack(self._squares).mean()
        big = _square(sums) / sum(self._weights) ** 2
        self._pending.append((small, big, *sizes))
        self._begin()
        if len(self._pending) >= self._window:
            self._collect()

    def _collect(self) -> None:
        """Fetch the numbers from their device."""
        if not self._pending:
            return
        norms = torch.stack([norm for draw in self._pending for norm in draw[:2]]).tolist()
        pairs = zip(norms[::2], norms[1::2], self._pending, strict=True)
        for small, big, (_, _, *sizes) in pairs:
            if math.isfinite(small) and math.isfinite(big):
                self._draws.append((small, big, sizes[0], sizes[1]))
            else:
                self._skipped += 1
        self._pending = []


def _square(tensors: list[Tensor]) -> Tensor:
    """Return the sum of all squares, in at least single precision."""
    wide = any(tensor.dtype == torch.float64 for tensor in tensors)
    norms = torch._foreach_norm(tensors, 2, torch.float64 if wide else torch.float32)
    device = norms[0].device
    return torch.stack([norm.to(device) for norm in norms]).square().sum()


def _checked(parameters: Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, torch.nn.Module | Tensor):
        kind = type(parameters).__name__
        raise ConfigError(f"parameters is a {kind}: give model.parameters()")
    found = list(parameters)
    if not found or not all(isinstance(parameter, Tensor) for parameter in found):
        raise ConfigError("parameters must be tensors, at least one: give model.parameters()")
    return found


def _whole(name: str, number: int, least: int) -> int:
    """Return a count; of NumPy or torch it may be, too."""
    try:
        whole = int(number)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or whole != number:
        raise ConfigError(f"{name}={number!r}: give a whole number")
    if whole < least:
        raise ConfigError(f"{name}={number}: must be at least {least}")
    return whole
