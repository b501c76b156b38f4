"""One run on several devices at once: the plain loop, each step of which they take together.

Every device has the whole model and takes its share of every batch. The gradients of the shares are
summed, each with the weight of its samples, so that the sum is the gradient of the whole batch's
mean loss whatever the shares are; then all take the same optimizer step. Batch sizes, learning
rates and curves mean what they mean on one device. What is drawn on the way (dropout) is drawn by
each device for itself, anew at each step, and so differs from what one device draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from bsx.schema import Group, Record, Report
from bsx.train.keeper import Follower, Keeper
from bsx.train.loop import Gradient, backward, checkpoints_of, reporting, train_run, trained
from bsx.train.ranks import Rank, together
from bsx.train.session import Clock, Session


def train(group: Group, report: Report) -> Iterator[Sequence[Record]]:
    """Train every run of the group, one after another, each on all devices."""
    yield from together(_train, group, report)


def _train(group: Group, rank: Rank, report: Report) -> Iterator[tuple[Record, ...]]:
    session = Session(group)
    for run, report_run in reporting(session, group, report):
        clock = Clock(session.device)
        kept = checkpoints_of(group, run)
        if rank.number == 0:
            keeper = Keeper(kept, session.steps, report_run, clock)
        else:
            keeper = Follower(kept, session.steps, lambda _fraction, _best: None, clock)
        gradient = shared_gradient(session, rank, run.seed)
        record = train_run(session, run, keeper, clock, gradient=gradient)
        yield (*keeper.notices, record)
        keeper.done()


def shared_gradient(session: Session, rank: Rank, seed: int) -> Gradient:
    """Return what leaves the gradient of a whole batch in the model, and returns its mean loss."""

    def gradient(step: int, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        torch.manual_seed(_seed_of(seed, step, rank.number))
        part = rank.share(len(inputs))
        weight = (part.stop - part.start) / len(inputs)
        loss = torch.zeros((), device=inputs.device, dtype=session.dtype)
        if weight:
            loss = backward(session, model, inputs[part], targets[part])
        return _summed(model, loss, weight, rank)

    return gradient


def _summed(model: nn.Module, loss: Tensor, weight: float, rank: Rank) -> Tensor:
    """Sum gradients and losses over the devices, each with its weight; return the loss.

    A parameter that no device has a gradient of keeps none.
    """
    parameters = trained(model)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    there = torch.tensor([p.grad is not None for p in parameters]).to(loss)
    flat = torch.cat(
        [loss.reshape(1) * weight, there, *(g.reshape(-1) * weight for g in gradients)]
    )
    rank.sum(flat)
    any_there = flat[1 : 1 + len(parameters)].tolist()
    start = 1 + len(parameters)
    for parameter, has_one in zip(parameters, any_there, strict=True):
        end = start + parameter.numel()
        parameter.grad = flat[start:end].view_as(parameter) if has_one else None
        start = end
    return flat[0].clone()


def _seed_of(seed: int, step: int, device: int) -> int:
    mixed = hashlib.blake2b(f"{seed} {step} {device}".encode(), digest_size=4)
    return int.from_bytes(mixed.digest(), "big")
