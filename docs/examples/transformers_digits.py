"""Hugging Face's Trainer on the digits: bsx reads the lines that the Trainer prints anyway.

    bsx sweep --train-samples 1437 --metric accuracy \
        --command "python transformers_digits.py --batch-size {batch_size} --lr {lr} --seed {seed}"

The Trainer prints its metrics with the epoch and without the step: at a small batch size give
``eval_steps`` that are few to the epoch, as a curve needs points. It takes
``pip install 'transformers[torch]'``.
"""

import argparse

import torch
from pytorch_digits import load  # the same data, beside this file
from torch import nn
from transformers import Trainer, TrainingArguments


class Digits(nn.Module):
    """The MLP, as the Trainer calls it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, inputs, labels):
        """Return loss and outputs."""
        outputs = self.model(inputs)
        return {"loss": nn.functional.cross_entropy(outputs, labels), "logits": outputs}


def items(inputs: torch.Tensor, targets: torch.Tensor) -> list[dict]:
    """Return one dict a sample."""
    return [{"inputs": x, "labels": y} for x, y in zip(inputs, targets, strict=True)]


def accuracy(prediction) -> dict:
    """Return what the Trainer prints as ``eval_accuracy``."""
    return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}


def main() -> None:
    """Train, with an evaluation every 10 steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    data = load()
    settings = TrainingArguments(
        output_dir="trainer-output",
        per_device_train_batch_size=args.batch_size,
        learning_rate=args.lr,
        lr_scheduler_type="constant",
        optim="sgd",
        optim_args="momentum=0.9",
        max_steps=args.steps,
        seed=args.seed,
        eval_strategy="steps",
        eval_steps=10,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    Trainer(
        Digits(),
        settings,
        train_dataset=items(*data["train"]),
        eval_dataset=items(*data["val"]),
        compute_metrics=accuracy,
    ).train()


if __name__ == "__main__":
    main()
