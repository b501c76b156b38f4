"""Lightning on the digits, read from the csv file that its CSVLogger writes.

    bsx sweep --train-samples 1437 --metric accuracy --metrics-from csv:logs/digits/metrics.csv \
        --command "python lightning_digits.py --batch-size {batch_size} --lr {lr} --seed {seed}"
"""

import argparse

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger
from pytorch_digits import load  # the same data, beside this file
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Digits(lightning.LightningModule):
    """The MLP, with what Lightning wants to know."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))

    def training_step(self, batch, _index):
        """Return the loss of a batch."""
        inputs, targets = batch
        return nn.functional.cross_entropy(self.model(inputs), targets)

    def validation_step(self, batch, _index):
        """Log what bsx reads: ``val_loss`` and ``val_accuracy``."""
        inputs, targets = batch
        outputs = self.model(inputs)
        self.log("val_loss", nn.functional.cross_entropy(outputs, targets))
        self.log("val_accuracy", (outputs.argmax(dim=1) == targets).float().mean())

    def configure_optimizers(self):
        """Return the optimizer."""
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)


def main() -> None:
    """Train, with a validation every 10 steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()

    lightning.seed_everything(args.seed)
    data = load()
    train = DataLoader(TensorDataset(*data["train"]), batch_size=args.batch_size, shuffle=True)
    validation = DataLoader(TensorDataset(*data["val"]), batch_size=1000)
    trainer = lightning.Trainer(
        max_steps=args.steps,
        max_epochs=-1,
        check_val_every_n_epoch=None,  # count steps, not epochs
        val_check_interval=10,
        logger=CSVLogger(".", name="logs", version="digits"),
        log_every_n_steps=10,
        enable_checkpointing=False,
        enable_progress_bar=False,
        accelerator="cpu",
    )
    trainer.fit(Digits(args.lr), train, validation)


if __name__ == "__main__":
    main()
