"""What is asked about a program of the user's, however it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bsx.config import read_arms, read_sweep
from bsx.errors import ConfigError
from bsx.schema import Command, LearningRates, Metric, SweepConfig, TargetSpec

TEXT = "sh {batch_size} {lr} {seed}"
ACCURACY = Metric("accuracy", higher_is_better=True, bounded=True)


def asked(**flags: Any) -> SweepConfig:
    return read_sweep({"command": TEXT, "train_samples": "100", **flags}, {}, None)[0]


def command_of(config: SweepConfig) -> Command:
    assert config.command is not None
    return config.command


MEANT: list[tuple[str, Any, Callable[[SweepConfig], Any], Any]] = [
    ("train_samples", "50", lambda c: command_of(c).program.train_samples, 50),
    ("metrics_from", "csv:a:b.csv", lambda c: command_of(c).program.reports, "csv:a:b.csv"),
    ("timeout", "2m", lambda c: command_of(c).timeout_seconds, 120.0),
    ("metric", "val_acc", lambda c: command_of(c).metrics, (ACCURACY,)),
    (
        "metric",
        "reward:max,accuracy",
        lambda c: command_of(c).metrics,
        (Metric("reward", higher_is_better=True), ACCURACY),
    ),
    ("drop_last", True, lambda c: c.tail, "drop"),
    ("threads", "1", lambda c: c.threads, 1),
    ("executor", "workers", lambda c: c.executor, "workers"),
]


@pytest.mark.parametrize(("key", "given", "arrives", "expected"), MEANT)
def test_a_setting_arrives_from_flag_variable_and_file(
    key: str, given: Any, arrives: Callable[[SweepConfig], Any], expected: Any, tmp_path: Path
) -> None:
    assert arrives(asked(**{key: given})) == expected
    base = {"command": TEXT} if key == "train_samples" else {"command": TEXT, "train_samples": "9"}
    by_variable, _ = read_sweep(base, {f"BSX_{key.upper()}": str(given).lower()}, None)
    assert arrives(by_variable) == expected
    file = tmp_path / "sweep.toml"
    file.write_text(f"{key} = {'true' if given is True else repr(str(given))}")
    assert arrives(read_sweep(base, {}, file)[0]) == expected


def test_without_a_metric_the_first_target_is_judged_by_or_else_the_loss() -> None:
    by_target = asked(target=("val_accuracy=0.9",))
    assert command_of(by_target).metrics == (ACCURACY,)
    assert by_target.targets == (TargetSpec("accuracy", 0.9),)
    assert command_of(asked()).metrics == (Metric("loss", higher_is_better=False),)


def test_a_direction_that_was_told_holds_for_targets_too() -> None:
    config = asked(metric="reward:max", target=("reward=3",))
    assert command_of(config).metrics == (Metric("reward", higher_is_better=True),)


def test_units_run_in_this_process_unless_asked_otherwise() -> None:
    """The program is a process of its own already, and workers would import torch."""
    assert asked().executor == "inline"


def test_a_program_without_a_rate_has_one_that_is_its_own() -> None:
    config = asked(command="sh {batch_size}")
    assert config.learning_rates == LearningRates("fixed", (1.0,), "none")
    assert config.seeds == 1


def test_sources_are_the_python_files_in_the_command_and_those_named(tmp_path: Path) -> None:
    script, other = tmp_path / "train.py", tmp_path / "a, b.yaml"
    script.write_text("x = 1")
    other.write_text("y")
    config = asked(command=f"sh {script} {{batch_size}}", source=(str(other),))
    before = dict(command_of(config).program.sources)
    assert before.keys() == {str(script), str(other)}
    script.write_text("x = 2")
    after = command_of(asked(command=f"sh {script} {{batch_size}}", source=(str(other),)))
    assert after.program.sources[str(script)] != before[str(script)]
    assert after.program.sources[str(other)] == before[str(other)]


@pytest.mark.parametrize("key", ["dataset", "model", "momentum", "schedule", "subset", "device"])
def test_what_the_program_decides_is_refused(key: str) -> None:
    given = {"dataset": "wine", "model": "mlp", "momentum": "0.5", "schedule": "cosine",
             "subset": "10", "device": "cpu"}  # fmt: skip
    with pytest.raises(ConfigError, match=f"--{key} has no meaning with --command"):
        asked(**{key: given[key]})


def test_what_the_program_decides_cannot_be_varied_either() -> None:
    flags = {"command": TEXT, "train_samples": "9", "vary": ("model=mlp,cnn",)}
    with pytest.raises(ConfigError, match="--vary model=mlp has no meaning with --command"):
        read_arms(flags, {}, None)


def test_tensorboard_is_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="pip install tensorboard"):
        asked(metrics_from="tensorboard:runs")
