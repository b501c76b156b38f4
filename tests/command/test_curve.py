"""Reports become a curve, whatever the fields are called."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.command.curve import Reading, is_divergence, read_curve
from bsx.command.names import metric, place
from bsx.command.reports import Report
from bsx.errors import ConfigError
from bsx.schema import Metric
from tests.command.programs import ACCURACY, recipe

LOSS = Metric("loss", higher_is_better=False)
NAMES = st.sampled_from(
    ("step", "epoch", "samples", "seconds", "loss", "train_loss", "val_loss", "accuracy", "f1",
     "val_accuracy", "test_acc", "lr", "x")
)  # fmt: skip


def read(*values: dict[str, float], judged: Metric = ACCURACY, **changes: object) -> Reading:
    """Read reports that came a second apart, of runs with 100 steps an epoch."""
    reports = [Report(one, float(second)) for second, one in enumerate(values, start=1)]
    return read_curve(reports, recipe(**changes), 1000, judged)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("val_acc", ("validation", "accuracy")),
        ("validation/accuracy", ("validation", "accuracy")),
        ("eval_loss", ("validation", "loss")),
        ("Val Loss", ("validation", "loss")),
        ("accuracy", ("plain", "accuracy")),
        ("loss", ("plain", "loss")),
        ("train_loss", ("train", "loss")),
        ("train/loss", ("train", "loss")),
        ("test_accuracy", ("test", "accuracy")),
        ("global_step", ("position", "step")),
        ("learning_rate", ("other", "learning_rate")),
        ("eval_samples_per_second", ("other", "eval_samples_per_second")),
        ("train_seconds", ("position", "seconds")),
    ],
)
def test_fields_are_known_by_the_names_that_programs_give_them(
    field: str, expected: tuple[str, str]
) -> None:
    assert place(field) == expected


def test_a_line_gives_a_point() -> None:
    found = read({"step": 50, "train_loss": 0.7, "val_loss": 0.6, "val_accuracy": 0.8,
                  "seconds": 1.5})  # fmt: skip
    (point,) = found.points
    assert (point.step, point.epoch, point.samples_seen) == (50, 0.5, 500)
    assert (point.train_loss, point.validation_loss) == (0.7, 0.6)
    assert (point.metrics, point.train_seconds) == ({"accuracy": 0.8}, 1.5)
    assert found.final["validation"] == {"loss": 0.6, "accuracy": 0.8}


def test_time_of_arrival_stands_in_for_the_programs_own_clock() -> None:
    found = read({"step": 1, "accuracy": 0.1}, {"step": 2, "accuracy": 0.2})
    assert [point.train_seconds for point in found.points] == [1.0, 2.0]


def test_the_training_loss_of_a_point_is_the_mean_since_the_one_before() -> None:
    found = read({"step": 1, "loss": 3}, {"step": 2, "loss": 1}, {"step": 2, "val_acc": 0.5},
                 {"step": 3, "loss": 7}, {"step": 4, "val_acc": 0.6})  # fmt: skip
    assert [(p.step, p.train_loss) for p in found.points] == [(2, 2.0), (4, 7.0)]


def test_epochs_alone_give_steps_and_a_first_epoch_of_0_counts_from_0() -> None:
    one = read({"epoch": 1, "accuracy": 0.1}, {"epoch": 2, "accuracy": 0.2})
    zero = read({"epoch": 0, "accuracy": 0.1}, {"epoch": 1, "accuracy": 0.2})
    half = read({"epoch": 0.5, "accuracy": 0.1}, {"epoch": 1.0, "accuracy": 0.2})
    assert [p.step for p in one.points] == [p.step for p in zero.points] == [100, 200]
    assert [p.step for p in half.points] == [50, 100]


def test_samples_alone_give_steps() -> None:
    assert [p.step for p in read({"samples": 95, "accuracy": 0.1}).points] == [10]


def test_a_last_smaller_batch_is_counted_with_its_own_samples() -> None:
    found = read({"step": 5, "accuracy": 0.1}, batch_size=300)  # 4 steps an epoch: 300 300 300 100
    assert found.points[0].samples_seen == 1300


def test_a_plain_metric_belongs_to_training_where_validation_has_its_own() -> None:
    found = read({"epoch": 1, "loss": 0.1, "accuracy": 0.99, "val_loss": 0.3, "val_accuracy": 0.9})
    (point,) = found.points
    assert (point.train_loss, point.validation_loss, point.metrics) == (0.1, 0.3, {"accuracy": 0.9})
    assert found.final["train"] == {"loss": 0.1, "accuracy": 0.99}


def test_a_loss_that_is_all_there_is_can_be_judged_by() -> None:
    found = read({"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}, judged=LOSS)
    assert [p.validation_loss for p in found.points] == [3.0, 2.0]


def test_test_metrics_need_no_place() -> None:
    found = read({"step": 1, "accuracy": 0.5}, {"test_accuracy": 0.4})
    assert found.final["test"] == {"accuracy": 0.4}
    assert len(found.points) == 1


def test_what_is_not_reported_is_left_open() -> None:
    found = read({"step": 1, "accuracy": 0.5}, {"step": 2, "f1": 0.4, "accuracy": 0.6})
    assert math.isnan(found.points[0].metrics["f1"])
    assert math.isnan(found.points[0].validation_loss)
    assert found.final["validation"] == {"accuracy": 0.6, "f1": 0.4}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "reported no metrics"),
        ([{"lr": 0.1, "step": 1}], "reported no metrics"),
        ([{"accuracy": 0.5}], "without a step"),
        ([{"step": 1, "f1": 0.5}], "it reports f1"),
        ([{"step": 1, "accuracy": 97.0}], "between 0 and 1"),
    ],
)
def test_reports_without_a_curve_in_them_are_explained(
    values: list[dict[str, float]], said: str
) -> None:
    found = read(*values)
    assert found.points == ()
    assert said in str(found.trouble)


@given(st.lists(st.dictionaries(NAMES, st.floats(), max_size=6), max_size=8))
def test_any_numbers_give_a_curve_or_a_reason(values: list[dict[str, float]]) -> None:
    found = read(*values)
    assert bool(found.points) != bool(found.trouble)
    steps = [point.step for point in found.points]
    assert steps == sorted(set(steps))
    assert all(step > 0 for step in steps)
    assert all(math.isfinite(v) for part in found.final.values() for v in part.values())


@pytest.mark.parametrize("field", ["loss", "train_loss", "val_accuracy"])
def test_what_is_no_longer_finite_is_a_divergence(field: str) -> None:
    assert is_divergence(Report({"step": 1.0, field: math.nan}, None), "accuracy")
    assert not is_divergence(Report({"step": 1.0, "grad_norm": math.inf, "f1": math.nan}, None),
                             "accuracy")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("val_accuracy", ACCURACY),
        ("accuracy:max", Metric("accuracy", higher_is_better=True, percent=True)),
        ("accuracy:min", Metric("accuracy", higher_is_better=False)),
        ("perplexity", Metric("perplexity", higher_is_better=False)),
        ("reward:max", Metric("reward", higher_is_better=True)),
        ("top5", Metric("top5", higher_is_better=True, bounded=True)),
    ],
)
def test_a_metric_is_known_or_told_to_be_better_one_way(text: str, expected: Metric) -> None:
    assert metric(text, "--metric") == expected


@pytest.mark.parametrize("text", ["reward", "reward:up", "train_loss", "lr"])
def test_a_metric_of_which_nothing_is_known_must_be_told(text: str) -> None:
    with pytest.raises(ConfigError, match="--metric"):
        metric(text, "--metric")
