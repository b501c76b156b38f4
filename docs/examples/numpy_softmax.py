"""Softmax regression on made-up clusters, in NumPy alone: any program can be swept.

    bsx sweep --train-samples 2000 --metric accuracy \
        --command "python numpy_softmax.py --batch-size {batch_size} --lr {lr} --seed {seed}"
"""

import argparse
import json

import numpy as np

SAMPLES, FEATURES, CLASSES = 2000, 20, 5


def data(
    rng: np.random.Generator, centers: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``count`` points around the centers."""
    labels = rng.integers(CLASSES, size=count)
    return centers[labels] + rng.normal(size=(count, FEATURES)), labels


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return probabilities, row by row."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def main() -> None:
    """Train, and report after each of a growing number of steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()

    world = np.random.default_rng(0)  # the data are the same for every seed
    centers = world.normal(scale=0.55, size=(CLASSES, FEATURES))
    inputs, labels = data(world, centers, SAMPLES)
    held_out, held_out_labels = data(world, centers, 2000)

    rng = np.random.default_rng(args.seed)
    weights = rng.normal(scale=0.5, size=(FEATURES, CLASSES))
    report_at = 1
    for step in range(1, args.steps + 1):
        rows = rng.choice(SAMPLES, size=args.batch_size, replace=False)
        error = softmax(inputs[rows] @ weights)
        error[np.arange(len(rows)), labels[rows]] -= 1
        weights -= args.lr * inputs[rows].T @ error / len(rows)
        if step >= report_at or step == args.steps:
            report_at = max(step + 1, int(step * 1.1))
            chances = softmax(held_out @ weights)
            own = chances[np.arange(len(held_out_labels)), held_out_labels]
            report = {
                "step": step,
                "val_loss": float(-np.log(own + 1e-12).mean()),
                "val_accuracy": float((chances.argmax(axis=1) == held_out_labels).mean()),
            }
            print(json.dumps(report))


if __name__ == "__main__":
    main()
