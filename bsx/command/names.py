"""What the fields that a program reports are called, and which way a metric is better."""

from __future__ import annotations

import re

from bsx.errors import ConfigError
from bsx.schema import Metric

LOSS = "loss"

# The parts that a field may belong to
POSITION, TRAIN, VALIDATION, TEST, PLAIN, OTHER = (
    "position", "train", "validation", "test", "plain", "other",
)  # fmt: skip

_POSITIONS = {
    **dict.fromkeys(
        ("step", "steps", "global_step", "iteration", "iterations", "iter", "update"), "step"
    ),
    **dict.fromkeys(("epoch", "epochs"), "epoch"),
    **dict.fromkeys(("samples", "samples_seen", "examples", "examples_seen"), "samples"),
    **dict.fromkeys(("seconds", "train_seconds", "elapsed", "elapsed_seconds"), "seconds"),
}
_PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev"), VALIDATION),
    "test": TEST,
}
_SAME = {"acc": "accuracy", "top1": "accuracy"}
# What programs report beside, which says nothing of how good the model is
_HOUSEKEEPING = frozenset(
    (
        *("lr", "learning_rate", "momentum", "weight_decay", "grad_norm", "gradient_norm", "seed"),
        *("batch_size", "steps_per_epoch", "rank", "world_size", "memory", "throughput", "flos"),
        *("time", "date", "timestamp", "wall_time", "runtime", "eta", "total_flos"),
        *("tokens", "num_tokens", "num_input_tokens_seen"),
    )
)
_HOUSEKEEPING_END = ("_per_second", "_runtime", "_time", "_seconds", "_memory", "_bytes", "_norm")

_LOWER = re.compile(
    r"(^|_)(loss|error|err|mse|mae|rmse|nll|perplexity|ppl|wer|cer|bpc|bpb|entropy|brier)(_|$)"
)
_UNIT = re.compile(
    r"(^|_)(accuracy|top\d*|f1|auc|auroc|auprc|precision|recall|iou|miou|dice|map|specificity|"
    r"sensitivity)(_|$)"
)
_HIGHER = re.compile(r"(^|_)(r2|bleu|rouge\w*|psnr|ssim|kappa|mcc|likelihood)(_|$)")


def place(field: str) -> tuple[str, str]:
    """Return the part that a field belongs to, and its name there.

    ``val_acc`` gives (validation, accuracy), ``loss`` (plain, loss), ``global_step`` (position,
    step), ``lr`` (other, lr).
    """
    name = re.sub(r"[^a-z0-9]+", "_", field.strip().lower()).strip("_")
    if name in _POSITIONS:
        return POSITION, _POSITIONS[name]
    part, _, rest = name.partition("_")
    if part in _PARTS and rest:
        if _is_housekeeping(rest) or rest in _POSITIONS:
            return OTHER, name
        return _PARTS[part], _SAME.get(rest, rest)
    if not name or _is_housekeeping(name):
        return OTHER, name
    return PLAIN, _SAME.get(name, name)


def part(word: str) -> str | None:
    """Return the part that a word stands for: val for validation; None for any other word."""
    return _PARTS.get(word)


def _is_housekeeping(name: str) -> bool:
    return name in _HOUSEKEEPING or name.endswith(_HOUSEKEEPING_END)


def validation_name(field: str, flag: str) -> str:
    """Return the name under which a validation metric is kept.

    Raises:
        ConfigError: for a field that is no validation metric.
    """
    part, name = place(field)
    if part not in (VALIDATION, PLAIN):
        raise ConfigError(f"{flag}: quality is judged on validation; name a metric of it")
    return name


def metric(text: str, flag: str) -> Metric:
    """Read ``NAME``, ``NAME:max`` or ``NAME:min``.

    Accuracy and its like are known to lie in [0, 1], higher being better; losses and errors to be
    better lower. What is said with max or min may take any value.

    Raises:
        ConfigError: where it cannot be told which way is better.
    """
    field, colon, way = text.partition(":")
    name = validation_name(field, f"{flag} {text}")
    known = known_metric(name)
    if colon:
        if way not in ("max", "min"):
            raise ConfigError(f"{flag} {text}: write {field}:max or {field}:min")
        # A share that has to be told which way is better is in per cent: else its name says it
        in_percent = way == "max" and known is not None and known.bounded
        return Metric(name, higher_is_better=way == "max", percent=in_percent)
    if known is None:
        raise ConfigError(
            f"{flag} {text}: say which way is better, --metric {field}:max or --metric {field}:min"
        )
    return known


def known_metric(name: str) -> Metric | None:
    """Return the metric that a name stands for; None where it does not say which way is better."""
    if _LOWER.search(name):
        return Metric(name, higher_is_better=False)
    if _UNIT.search(name):
        return Metric(name, higher_is_better=True, bounded=True)
    if _HIGHER.search(name):
        return Metric(name, higher_is_better=True)
    return None
