"""The settings of a branched sweep, and what does not go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bsx.arithmetic import DEFAULT_BASE
from bsx.errors import ConfigError
from bsx.schema import Branching

# How the rate of a branch follows its size: of gradient descent with it (Goyal et al. 2017), of
# optimizers that divide by the size of the gradient with its root (Malladi et al. 2022).
_RULES = {
    **dict.fromkeys(("sgd", "asgd"), "linear"),
    **dict.fromkeys(("adam", "adamw", "adamax", "nadam", "radam", "rmsprop", "adagrad"), "sqrt"),
}
_ITS_OWN = ("branch_points", "branch_samples")

# Setting → why it does not go with branches, and what to do.
_IDLE = {
    "command": "bsx must hold the state of a run to branch off it, and cannot hold that of a "
    "program; leave one of the two out",
    "vary": "one sweep each tells of its branches; run the command once for each value",
    "full_batch": "name the size with --batch-sizes, if it is a multiple of the base",
    "drop_last": "batches go on over the end of an epoch and leave no tail; leave it out",
    "class_skew": "what a batch holds would follow its size; leave it out",
    "tune": "branches take everything but the batch size from one run; tune that with an ordinary "
    "sweep at the base batch size, and give what it found",
    **dict.fromkeys(
        ("noise_scale", "gradients", "sharpness"),
        "it is measured along the runs of an ordinary sweep; run one for that",
    ),
    "halving": "the rates of the trunk are few and its runs short; leave it out",
    "grow_to": "a schedule is constant here; leave it out",
    "objective": "nothing is recommended here; leave it out",
    "price_per_hour": "nothing is recommended here; leave it out",
    "reference_batch_size": "no target is reached here; leave it out",
}


def branched(
    values: Mapping[str, Any], origins: Mapping[str, str]
) -> tuple[Branching | None, Mapping[str, Any]]:
    """Return what was asked of branches, and the values as the sweep of the trunk has them.

    None where branches were not asked for.

    Raises:
        ConfigError: for what does not go with branches, or only with them.
    """
    if values["method"] != "branched":
        for key in _ITS_OWN:
            if origins[key] != "default":
                raise ConfigError(f"{origins[key]} has no meaning without --method branched")
        return None, values
    _check(values, origins)
    base, sizes = _sizes(values)
    rule = _rule(values)
    asked = Branching(
        base, rule, values["saturation"], values["branch_points"], values["branch_samples"]
    )
    rescaled = (values["momentum_rule"], values["weight_decay_rule"]) != ("fixed", "fixed")
    return asked, {
        **values,
        "batch_sizes": sizes,
        "learning_rate_rule": None,  # one size is tuned: there is none to follow
        "saturation": None,
        "base_batch_size": base if rescaled else None,
    }


def _check(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    for key, why in _IDLE.items():
        if origins[key] != "default" and values[key]:
            raise ConfigError(f"--method branched and {origins[key]}: {why}")
    if values["schedule"] != "constant" or values["warmup"] or values["decay"] != "rate":
        key = next(k for k in ("schedule", "warmup", "decay") if origins[k] != "default")
        raise ConfigError(
            f"--method branched and {origins[key]} {values[key]}: branches of one point differ in "
            "their rates as their sizes tell; a rate that also changes on the way would be mixed "
            "up with that; leave it out"
        )


def _sizes(values: Mapping[str, Any]) -> tuple[int, tuple[int, ...] | None]:
    """Return the base batch size, and all sizes if they were given."""
    given, base = values["batch_sizes"], values["base_batch_size"]
    if given is None:
        return base or DEFAULT_BASE, None
    base = base or min(given)
    sizes = tuple(sorted({base, *given}))
    if sizes[0] < base:
        raise ConfigError(
            f"--base-batch-size {base}: branches take larger sizes than the run that they go on "
            f"from; leave {sizes[0]} out of --batch-sizes, or start from it"
        )
    odd = [size for size in sizes if size % base]
    if odd:
        raise ConfigError(
            f"--batch-sizes: {odd[0]} is no multiple of the base batch size {base}, so that its "
            f"branch could not see the same samples; give multiples, such as {base}.."
        )
    if len(sizes) < 2:
        raise ConfigError(
            f"--method branched: there is only the base batch size {base}; give larger ones, too, "
            f"e.g. --batch-sizes {base},{2 * base},{4 * base}"
        )
    return base, sizes


def _rule(values: Mapping[str, Any]) -> str:
    rule, optimizer = values["learning_rate_rule"], values["optimizer"]
    if rule == "tuned":
        raise ConfigError(
            "--learning-rate-rule tuned: the rate of a branch follows from that of the trunk; give "
            "linear, sqrt, saturating or none"
        )
    if (rule == "saturating") != (values["saturation"] is not None):
        raise ConfigError(
            "--learning-rate-rule saturating and --saturation belong together; give both or none"
        )
    if rule is None and optimizer not in _RULES:
        raise ConfigError(
            f"--method branched: how the rate of {optimizer} follows the batch size is not known "
            "here; give --learning-rate-rule linear, sqrt or none"
        )
    return str(rule or _RULES[optimizer])
