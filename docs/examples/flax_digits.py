"""Handwritten digits by JAX and Flax: a program in another framework is swept as it is.

    bsx sweep --train-samples 1437 --metric accuracy \
        --command "python flax_digits.py --batch-size {batch_size} --lr {lr} --seed {seed}"

It takes jax, flax, optax and scikit-learn: pip install flax scikit-learn
"""

import argparse
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class MLP(nn.Module):
    """One hidden layer."""

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """Return logits, shape (batch, 10)."""
        return nn.Dense(10)(nn.relu(nn.Dense(64)(inputs)))


def load() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the parts, standardized by the training part."""
    inputs, labels = load_digits(return_X_y=True)
    kept, test_inputs, kept_labels, test_labels = train_test_split(
        inputs, labels, test_size=180, random_state=0, stratify=labels
    )
    train_inputs, val_inputs, train_labels, val_labels = train_test_split(
        kept, kept_labels, test_size=180, random_state=0, stratify=kept_labels
    )
    mean, deviation = train_inputs.mean(), train_inputs.std()
    parts = {
        "train": (train_inputs, train_labels),
        "val": (val_inputs, val_labels),
        "test": (test_inputs, test_labels),
    }
    return {name: ((x - mean) / deviation, y) for name, (x, y) in parts.items()}


def main() -> None:
    """Train, and report after each of a growing number of steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()

    parts = load()
    inputs, labels = parts["train"]
    model, optimizer = MLP(), optax.sgd(args.lr, momentum=0.9)
    weights = model.init(jax.random.key(args.seed), jnp.asarray(inputs[:1]))
    state = optimizer.init(weights)

    def loss_of(weights: dict, x: jax.Array, y: jax.Array) -> jax.Array:
        scores = model.apply(weights, x)
        return optax.softmax_cross_entropy_with_integer_labels(scores, y).mean()

    @jax.jit
    def step_of(weights: dict, state: tuple, x: jax.Array, y: jax.Array) -> tuple:
        loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, loss

    @jax.jit
    def accuracy_of(weights: dict, x: jax.Array, y: jax.Array) -> jax.Array:
        return (model.apply(weights, x).argmax(axis=1) == y).mean()

    generator = np.random.default_rng(args.seed)
    order, report_at = np.empty(0, dtype=int), 1
    for step in range(1, args.steps + 1):
        while len(order) < args.batch_size:  # one epoch after another, without a tail
            order = np.concatenate([order, generator.permutation(len(inputs))])
        rows, order = order[: args.batch_size], order[args.batch_size :]
        weights, state, loss = step_of(weights, state, inputs[rows], labels[rows])
        if step >= report_at or step == args.steps:
            report_at = max(step + 1, int(step * 1.1))
            report = {"step": step, "loss": float(loss)}
            report["val_accuracy"] = float(accuracy_of(weights, *parts["val"]))
            report["val_loss"] = float(loss_of(weights, *parts["val"]))
            print(json.dumps(report), flush=True)
    last = {"step": args.steps, "test_accuracy": float(accuracy_of(weights, *parts["test"]))}
    print(json.dumps(last), flush=True)


if __name__ == "__main__":
    main()
