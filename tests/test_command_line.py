"""The command that asks for a sweep again, read back."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import pytest

from bsx.cli.app import load_command, run
from bsx.config import command_line, read_sweep

COMMANDS = [
    "",
    "--dataset wine --model logistic --batch-sizes 4..128 --target accuracy=0.95 --seeds 3",
    "--reference-batch-size 256",
    "--model-arg hidden=128,64 --model-arg norm=batch --optimizer adam --weight-decay 0.01",
    "--optimizer sgd --momentum 0 --optimizer-arg nesterov=false --label-smoothing 0.1",
    "--learning-rate 0.1 --learning-rate-rule sqrt --base-batch-size 32",
    "--learning-rate 0.01,0.1 --scout --epochs 3 --min-steps 50 --samples-seen 100000",
    "--learning-rate 0.1 --momentum-rule half-life --base-batch-size 32",
    "--steps 100 --clip-norm 1.0 --l2 0.001 --schedule cosine --warmup 0.1 --drop-last",
    "--tune learning-rate,momentum --trials 16 --search momentum=0.8..0.99",
    "--method branched --batch-sizes 16,32,64 --branch-points 3",
    "--validation-fraction 0.2 --split-seed 7 --subset 500 --order by-class --augment flip",
    "--target accuracy=0.97,0.9 --confirm 3 --tolerance 0.01 --objective cost --price-per-hour 2.5",
    "--noise-scale --sharpness --min-steps 20 --name 'a b' --full-batch",
    "--loss mse --metric accuracy,top-3 --freeze 'head.*' --init he",
    "--decay batch-size --schedule step --grow-to 512 --base-batch-size 64",
    f"--command '{sys.executable} -c pass {{batch_size}} {{lr}} {{seed}}' --train-samples 500 "
    "--metric loss:min --timeout 90s",
    f"--command '{sys.executable} -c pass {{batch_size}}' --train-samples 500 --metric acc:max",
    f"--command '{sys.executable} -c pass {{batch_size}} {{lr}} {{epochs}}' --train-samples 500 "
    "--metric acc:max --source tests/here.py --epochs 4 --learning-rate 0.1,0.2",
]


@pytest.mark.parametrize("given", COMMANDS)
def test_the_command_of_a_sweep_asks_for_the_same_sweep(given: str) -> None:
    first, _ = read_sweep(flags_of(given), {}, None)
    again = command_line(first)
    assert again is not None
    assert again.startswith("bsx sweep")
    second, _ = read_sweep(flags_of(again.removeprefix("bsx sweep")), {}, None)
    assert second.question() == first.question()
    of_reading = ("tolerance", "aim", "price_per_hour", "confirm", "measures", "audit_base", "name",
                  "reference_batch_size")  # fmt: skip
    for name in of_reading:
        assert getattr(second, name) == getattr(first, name), name


def test_what_is_the_default_is_not_said() -> None:
    config, _ = read_sweep({}, {}, None)
    assert command_line(config) == "bsx sweep"


def flags_of(line: str) -> dict[str, Any]:
    """Read flags as the program does."""
    context = load_command("sweep").make_context("sweep", shlex.split(line))
    return {k: v for k, v in context.params.items() if k not in ("file", "more_seeds", "report")}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["swep"], "no such command 'swep'; did you mean sweep? see `bsx --help`"),
        (["xyzzy"], "no such command 'xyzzy'; see `bsx --help`"),
        (["list", "metrics"], "the metrics depend on the task"),
        (["sweep", "--batch-sizes", "16", "64"], "--batch-sizes 16,64"),
        (["list", "model"], "did you mean 'models'? see `bsx list --help`"),
        (["calc", "--smaples", "8"], "no such option: --smaples; did you mean --samples or"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(
    args: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(args) == 2
    assert said in capfd.readouterr().err
