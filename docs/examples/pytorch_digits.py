"""Plain PyTorch on the digits: a training script as one writes it, with one line for bsx.

    bsx sweep --train-samples 1437 --metric accuracy \
        --command "python pytorch_digits.py --batch-size {batch_size} --lr {lr} --seed {seed}"

The line is the ``print`` in ``main``. Model, data and split are those of ``bsx sweep --dataset
digits --model mlp``, so that the two can be compared.
"""

import argparse
import json
import time

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


def load() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return training, validation and test samples, standardized by the training part."""
    images, labels = load_digits(return_X_y=True)
    images, test_images, labels, test_labels = train_test_split(
        images, labels, test_size=180, random_state=0, stratify=labels
    )
    images, val_images, labels, val_labels = train_test_split(
        images, labels, test_size=180, random_state=0, stratify=labels
    )
    mean, spread = images.mean(), images.std()

    def tensors(inputs, targets):
        scaled = torch.tensor((inputs - mean) / spread, dtype=torch.float32)
        return scaled, torch.tensor(targets)

    return {
        "train": tensors(images, labels),
        "val": tensors(val_images, val_labels),
        "test": tensors(test_images, test_labels),
    }


@torch.no_grad()
def evaluate(model: nn.Module, part: str, inputs: torch.Tensor, targets: torch.Tensor) -> dict:
    """Return loss and accuracy on one part."""
    outputs = model(inputs)
    accuracy = (outputs.argmax(dim=1) == targets).float().mean()
    loss = nn.functional.cross_entropy(outputs, targets)
    return {f"{part}_loss": loss.item(), f"{part}_accuracy": accuracy.item()}


def main() -> None:
    """Train; report at steps that grow by a few per cent, at which curves are read best."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    data = load()
    inputs, targets = data["train"]
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    step, report_at, seconds = 0, 1, 0.0
    while step < args.steps:
        for rows in torch.randperm(len(inputs)).split(args.batch_size):
            began = time.perf_counter()
            loss = nn.functional.cross_entropy(model(inputs[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seconds += time.perf_counter() - began
            step += 1
            if step >= report_at or step == args.steps:
                report_at = max(step + 1, int(step * 1.05))
                validation = evaluate(model, "val", *data["val"])
                report = {"step": step, "seconds": seconds, "loss": loss.item(), **validation}
                print(json.dumps(report))  # the one line that bsx needs
            if step == args.steps:
                break
    ends = evaluate(model, "train", inputs, targets) | evaluate(model, "test", *data["test"])
    print(json.dumps({"step": step, **ends}))


if __name__ == "__main__":
    main()
