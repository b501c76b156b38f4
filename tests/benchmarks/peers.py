"""How others train: a DataLoader loop, Lightning, and JAX with vmap over 16 models."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Data = Callable[[], tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor], Tensor]
Program = Callable[[], tuple[int, float]]  # trains a while: how many samples, in how many seconds
RATE, MOMENTUM = 0.02, 0.9
LANES = 16
CHUNK = 16  # steps between looks at the clock


def dataloader(
    data: Data, model: Callable[[], nn.Module], batch_size: int, loss: Loss = F.cross_entropy
) -> Program:
    """The loop of every tutorial."""
    loader = DataLoader(TensorDataset(*data()), batch_size, shuffle=True, drop_last=True)
    net = model().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    batches = iter(loader)

    def steps() -> tuple[int, float]:
        nonlocal batches
        began = time.perf_counter()
        for _ in range(CHUNK):
            batch = next(batches, None)
            if batch is None:
                batches = iter(loader)
                batch = next(batches)
            inputs, targets = batch
            optimizer.zero_grad()
            loss(net(inputs), targets).backward()
            optimizer.step()
        return CHUNK * batch_size, time.perf_counter() - began

    return steps


def lightning(
    data: Data, model: Callable[[], nn.Module], batch_size: int, loss: Loss = F.cross_entropy
) -> Program:
    """Lightning's Trainer, told to do nothing but train; its start is not counted."""
    import lightning as L

    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = model()

        def training_step(self, batch: Any, _index: int) -> Tensor:
            inputs, targets = batch
            return loss(self.net(inputs), targets)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=RATE, momentum=MOMENTUM)

    loader = DataLoader(TensorDataset(*data()), batch_size, shuffle=True, drop_last=True)

    class Timed(L.Callback):
        began = ended = 0.0

        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            self.began = self.began or time.perf_counter()

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            self.ended = time.perf_counter()

    def steps() -> tuple[int, float]:
        count = max(CHUNK, min(200, 20_000 // batch_size))
        trainer = L.Trainer(
            max_steps=count,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accelerator="cpu",
        )
        timed = Timed()
        trainer.callbacks.append(timed)
        trainer.fit(Module(), loader)
        return count * batch_size, timed.ended - timed.began

    return steps


def jax(
    data: Data, model: Callable[[], nn.Module], batch_size: int, loss: Loss = F.cross_entropy
) -> Program:
    """16 multilayer perceptrons by vmap, many steps by scan, compiled once."""
    import jax
    import jax.numpy as jnp

    inputs, targets = (jnp.asarray(part.numpy()) for part in data())
    sizes = [p.shape for p in model().parameters() if p.dim() == 2]
    key = jax.random.PRNGKey(0)
    weights = [
        (jax.random.normal(key, (LANES, shape[1], shape[0])) * 0.03, jnp.zeros((LANES, shape[0])))
        for shape in sizes
    ]
    rates = jnp.tile(jnp.array([0.01, 0.02, 0.05, 0.1]), LANES // 4)

    def entropy(params: Any, x: Any, y: Any) -> Any:
        for number, (weight, bias) in enumerate(params):
            x = x @ weight + bias
            if number < len(params) - 1:
                x = jax.nn.relu(x)
        return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()

    def one(params: Any, momentum: Any, rows: Any, rate: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            params, momentum = carry
            grads = jax.grad(entropy)(params, inputs[row], targets[row])
            momentum = jax.tree.map(lambda m, g: MOMENTUM * m + g, momentum, grads)
            return (jax.tree.map(lambda p, m: p - rate * m, params, momentum), momentum), None

        return jax.lax.scan(step, (params, momentum), rows)[0]

    run = jax.jit(jax.vmap(one), donate_argnums=(0, 1))
    state = (weights, jax.tree.map(jnp.zeros_like, weights))
    generator = torch.Generator().manual_seed(0)
    per_lane = len(inputs) // batch_size * batch_size

    def steps() -> tuple[int, float]:
        nonlocal state
        began = time.perf_counter()
        count = max(1, min(CHUNK, per_lane // batch_size))
        rows = torch.stack(
            [
                torch.randperm(len(inputs), generator=generator)[: count * batch_size]
                for _ in range(LANES)
            ]
        )
        shaped = jnp.asarray(rows.view(LANES, count, batch_size).numpy())
        state = run(*state, shaped, rates)
        jax.block_until_ready(state)
        return count * batch_size * LANES, time.perf_counter() - began

    return steps


PEERS: dict[str, Callable[[Data, Callable[[], nn.Module], int, Loss], Program]] = {
    "DataLoader": dataloader,
    "Lightning": lightning,
    "JAX": jax,
}
