"""Classification: one class a sample."""

from __future__ import annotations

import re
from typing import ClassVar

from torch import Tensor

from bsx.errors import ConfigError
from bsx.tasks import metrics
from bsx.tasks.base import MetricSpec, Notes
from bsx.tasks.learned import Learned
from bsx.tasks.losses import Loss, binary, cross_entropy, mse, one_hot

_TOP = re.compile(r"top-([1-9]\d*)")
_USUAL_K = 5


class Classification(Learned):
    """One class out of several: outputs (…, n, classes), targets (n,)."""

    name = "classification"
    losses: ClassVar[dict[str, Loss]] = {
        "cross-entropy": cross_entropy,
        "binary": one_hot(binary),
        "mse": one_hot(mse),
    }

    def measurable(
        self, output_size: int | None, asked: str
    ) -> tuple[tuple[MetricSpec, ...], dict[str, MetricSpec]]:
        """Return the metrics; AUROC of more than two classes, sort upon sort, is on request."""
        two = output_size == 2
        tops = {name: int(name[4:]) for name in re.split(r"[,\s]+", asked) if _TOP.fullmatch(name)}
        if output_size is not None:
            for name, k in tops.items():
                if k >= output_size:
                    raise ConfigError(
                        f"--metric {name}: with {output_size} classes it is always 1; "
                        f"give top-K with K below {output_size}"
                    )
        if output_size is not None and output_size > _USUAL_K:
            tops.setdefault(f"top-{_USUAL_K}", _USUAL_K)
        self._tops = tops
        usual = ("accuracy", *tops, "balanced-accuracy", "f1", *(("auroc",) if two else ()))
        on_request = {} if two else {"auroc": metrics.spec(self.name, "auroc")}
        return metrics.specs(self.name, *usual), on_request

    def observe(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Keep what was right, counts of each class, and the outputs if AUROC is measured."""
        classes = outputs.shape[-1]
        shared = targets.expand(outputs.shape[:-1])
        guess = metrics.likeliest(outputs)
        right = guess == shared
        notes = {
            "loss": self.sample_losses(outputs, targets),
            "accuracy": metrics.column(right),
            "hits": metrics.counts(guess, classes, right),
            "predicted": metrics.counts(guess, classes),
        }
        for name, k in self._tops.items():
            notes[name] = metrics.column(metrics.in_top(outputs, shared, k))
        if "auroc" in self._measured:
            notes["outputs"] = outputs
        return notes

    def values(self, notes: Notes, targets: Tensor) -> dict[str, Tensor]:
        """Return the metrics of the joined notes."""
        hits, predicted = notes["hits"].sum(dim=-2), notes["predicted"].sum(dim=-2)
        present = metrics.counts(targets, hits.shape[-1]).squeeze(-2)
        found = {name: metrics.mean(notes[name]) for name in ("accuracy", *self._tops)}
        found["balanced-accuracy"] = metrics.balanced_accuracy(hits, present)
        found["f1"] = metrics.macro_f1(hits, predicted, present)
        if "outputs" in notes and "auroc" not in self.undefined(targets):
            found["auroc"] = _auroc(notes["outputs"], targets)
        return found

    def undefined(self, targets: Tensor) -> frozenset[str]:
        """Return what means nothing on these targets: AUROC, where all are of one class."""
        return frozenset({"auroc"} if bool((targets == targets[0]).all()) else ())


def _auroc(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the area of class 1 of two, or the mean of each class against the rest."""
    scores = outputs.double().log_softmax(dim=-1)
    classes = outputs.shape[-1]
    if classes == 2:
        margin = outputs[..., 1:].double() - outputs[..., :1].double()
        return metrics.macro_auroc(margin, (targets == 1).unsqueeze(-1))
    numbers = targets.new_tensor(range(classes))
    return metrics.macro_auroc(scores, targets.unsqueeze(-1) == numbers)
