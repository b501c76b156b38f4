"""Slow, obvious versions of what bsx does cleverly, written without bsx's own rooms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class HandWritten:
    """What the hand-written loop saw."""

    steps: list[int] = field(default_factory=list)
    train_losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    samples_seen: list[int] = field(default_factory=list)


def train_by_hand(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    order_of: Callable[[int], Tensor],
    batch_size: int,
    seed: int,
    evaluate_at: list[int],
    drop_last: bool = False,
) -> HandWritten:
    """Train as a tutorial would, evaluating after the steps ``evaluate_at``.

    ``order_of`` gives the order of the samples in an epoch.
    """
    inputs, targets = train
    samples = len(targets)
    seen = HandWritten()
    torch.manual_seed(seed)
    step = epoch = samples_seen = 0
    losses: list[float] = []
    model.train()
    while step < evaluate_at[-1]:
        order = order_of(epoch)
        for start in range(0, samples, batch_size):
            rows = order[start : start + batch_size]
            if drop_last and len(rows) < batch_size:
                continue
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs[rows]), targets[rows])
            loss.backward()
            optimizer.step()
            step += 1
            samples_seen += len(rows)
            losses.append(loss.item())
            if step in evaluate_at:
                model.eval()
                with torch.no_grad():
                    outputs = model(validation[0])
                    values = F.cross_entropy(outputs, validation[1], reduction="none")
                    right = outputs.argmax(dim=1) == validation[1]
                model.train()
                seen.steps.append(step)
                seen.train_losses.append(sum(losses) / len(losses))
                seen.validation_losses.append(values.double().mean().item())
                seen.accuracies.append(right.double().mean().item())
                seen.samples_seen.append(samples_seen)
                losses = []
            if step == evaluate_at[-1]:
                break
        epoch += 1
    return seen


def batches_by_hand(order: list[int], batch_size: int, tail: str) -> list[list[int]]:
    """Cut one epoch's order into batches under a tail rule."""
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if len(batches) > 1 and len(batches[-1]) < batch_size:
        last = batches.pop()
        if tail == "keep":
            batches.append(last)
        elif tail == "merge":
            batches[-1] = batches[-1] + last
    return batches


def growing_by_hand(
    order_of: Callable[[int], list[int]],
    batch_size: int,
    tail: str,
    batches: int,
    factor_of: Callable[[float], float],
    most: int,
) -> list[tuple[list[int], float]]:
    """Put batches of an epoch together where the rate would decay: (rows, factor on the rate).

    ``factor_of`` gives the schedule's factor from the share of the ``batches`` that is done,
    ``most`` how many may stand together.
    """
    made = []
    done = epoch = 0
    while done < batches:
        waiting = batches_by_hand(order_of(epoch), batch_size, tail)[: batches - done]
        while waiting:
            factor = factor_of(done / batches)
            times = 1
            while times < most and (times + 1) * factor < 1 + 1e-9:
                times += 1
            together, waiting = waiting[:times], waiting[times:]
            made.append(([row for batch in together for row in batch], factor * len(together)))
            done += len(together)
        epoch += 1
    return made


def train_on_by_hand(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: tuple[Tensor, Tensor],
    batches: list[tuple[list[int], float]],
    *,
    rate: float,
    seed: int,
) -> list[float]:
    """Train on these batches, each with its factor on the rate; return the loss of each."""
    losses = []
    torch.manual_seed(seed)
    model.train()
    for rows, factor in batches:
        for group in optimizer.param_groups:
            group["lr"] = rate * factor
        optimizer.zero_grad()
        loss = F.cross_entropy(model(train[0][rows]), train[1][rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


def gradient_by_hand(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor
) -> list[Tensor]:
    """Return the gradient of one batch, a tensor a parameter."""
    return list(torch.autograd.grad(loss(model(inputs), targets), list(model.parameters())))
