"""Optimizers are checked before any compute is spent, and without torch's compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from bsx.errors import ConfigError
from bsx.optim import build_optimizer, try_optimizer

PARAMETERS = [torch.zeros(3, 2), torch.zeros(2)]
ALL = (
    *("sgd", "adam", "adamw", "adamax", "nadam", "radam"),
    *("rmsprop", "rprop", "adagrad", "adadelta", "asgd"),
)


@pytest.mark.parametrize("name", ALL)
def test_what_passes_the_check_trains(name: str) -> None:
    try_optimizer(name, {}, PARAMETERS)
    params = [torch.nn.Parameter(p.clone()) for p in PARAMETERS]
    for param in params:
        param.grad = torch.ones_like(param)
    build_optimizer(name, {}, params, lr=0.1).step()
    assert all(bool((param != 0).all()) for param in params)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        *((name, {}) for name in ALL),
        ("adam", {"amsgrad": True}),
        ("adamw", {"amsgrad": True, "weight_decay": 0.1}),
        ("rmsprop", {"centered": True}),
        ("rmsprop", {"momentum": 0.9}),
        ("rmsprop", {"momentum": 0.9, "centered": True}),
        ("muon", {}),
    ],
)
def test_what_it_is_said_to_keep_is_what_it_keeps(name: str, args: dict[str, Any]) -> None:
    params = [torch.nn.Parameter(torch.zeros(20, 30)), torch.nn.Parameter(torch.zeros(30))]
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer = build_optimizer(name, args, params, lr=0.1)
    optimizer.step()
    kept = [v for of in optimizer.state.values() for v in of.values()]
    each = sum(v.numel() for v in kept if isinstance(v, torch.Tensor)) / 630
    assert try_optimizer(name, args, [p.detach() for p in params]) == pytest.approx(each, abs=0.02)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("sgd", {"momentum": -1}),
        ("sgd", {"momentum": "x"}),
        ("sgd", {"nesterov": True}),
        ("sgd", {"momentun": 0.9}),
        ("adam", {"betas": (2, 0.9)}),
        ("adam", {"betas": (0.9, 0.99, 0.999)}),
        ("adam", {"betas": 3}),
        ("adam", {"eps": -1}),
        ("adamax", {"betas": (0.9,)}),
        ("rmsprop", {"alpha": -2}),
        ("rprop", {"etas": (2, 1)}),
        ("adagrad", {"lr_decay": -1}),
        ("adadelta", {"rho": 2}),
        ("asgd", {"lambd": "q"}),
    ],
)
def test_arguments_that_would_fail_are_refused(name: str, args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=name):
        try_optimizer(name, args, PARAMETERS)


def test_the_check_of_torchs_own_does_not_import_its_compiler() -> None:
    asked = (
        "import sys, torch; from bsx.optim import try_optimizer; "
        "try_optimizer('sgd', {'momentum': 0.9}, [torch.zeros(2)]); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
