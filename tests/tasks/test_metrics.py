"""Metrics against scikit-learn's and against hand-computed ones; lanes against a loop over them."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import Tensor

from bsx.schema import Objective
from bsx.tasks import Task, build_task

KINDS = {
    "binary": ("classification", 2, "accuracy,auroc"),
    "classes": ("classification", 7, "accuracy,auroc,top-2,top-3"),
    "labels": ("multi-label", 3, "f1,auroc"),
    "number": ("regression", 1, None),
    "numbers": ("regression", 3, None),
    "tokens": ("language-modelling", 5, None),
}
CONTEXT = 4


def task_of(kind: str) -> Task:
    """Return the task of a kind with every metric that it can measure."""
    name, size, asked = KINDS[kind]
    return build_task(name, Objective(metric=asked), size)


def drawn(kind: str, n: int, seed: int, lanes: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
    """Draw outputs, some of which are equal, and targets."""
    _, size, _ = KINDS[kind]
    generator = torch.Generator().manual_seed(seed)
    positions = (CONTEXT,) if kind == "tokens" else ()
    outputs = torch.randn(*lanes, n, *positions, size, generator=generator)
    outputs = (2 * outputs).round() / 2  # ties
    if kind in ("binary", "classes", "tokens"):
        return outputs, torch.randint(size, (n, *positions), generator=generator)
    if kind == "labels":
        return outputs, torch.randint(2, (n, size), generator=generator)
    targets = torch.randn(n, size, generator=generator)
    return outputs, targets.squeeze(1) if kind == "number" else targets


def by_sklearn(kind: str, outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Compute the metrics of one model the slow way, in scikit-learn and NumPy."""
    o, y = outputs.double().numpy(), targets.numpy()
    if kind in ("binary", "classes"):
        guess, odds = o.argmax(1), torch.softmax(outputs.double(), 1).numpy()
        found = {
            "accuracy": sk.accuracy_score(y, guess),
            "balanced-accuracy": sk.balanced_accuracy_score(y, guess),
            "f1": sk.f1_score(y, guess, average="macro"),
            "loss": sk.log_loss(y, odds, labels=range(o.shape[1])),
        }
        if kind == "binary":
            return {**found, "auroc": sk.roc_auc_score(y, o[:, 1] - o[:, 0])}
        logs = outputs.double().log_softmax(1).numpy()  # its roundings break ties otherwise
        found["auroc"] = np.mean([sk.roc_auc_score(y == c, logs[:, c]) for c in range(o.shape[1])])
        ovr = sk.roc_auc_score(y, odds, multi_class="ovr", average="macro")
        assert found["auroc"] == pytest.approx(ovr, rel=1e-3)
        for k in (2, 3, 5):
            likeliest = np.argsort(-o, axis=1, kind="stable")[:, :k]
            found[f"top-{k}"] = np.mean((likeliest == y[:, None]).any(1))
        return found
    if kind == "labels":
        return {
            "f1": sk.f1_score(y, o > 0, average="macro"),
            "exact-match": sk.accuracy_score(y, o > 0),
            "auroc": sk.roc_auc_score(y, o, average="macro"),
            "loss": np.mean(np.log1p(np.exp(-np.where(y, o, -o)))),
        }
    if kind == "tokens":
        nats = sk.log_loss(
            y.ravel(), torch.softmax(outputs.double(), -1).numpy().reshape(-1, 5), labels=range(5)
        )
        return {
            "perplexity": math.exp(nats),
            "bits-per-character": nats / math.log(2),
            "accuracy": float((o.argmax(-1) == y).mean()),
            "loss": nats,
        }
    o = o[:, 0] if kind == "number" else o
    return {
        "mse": sk.mean_squared_error(y, o),
        "mae": sk.mean_absolute_error(y, o),
        "r2": sk.r2_score(y, o),
        "loss": sk.mean_squared_error(y, o),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_every_metric_is_that_of_scikit_learn(kind: str, seed: int) -> None:
    outputs, targets = drawn(kind, 200, seed)
    task = task_of(kind)
    found = task.evaluate(outputs, targets)
    expected = by_sklearn(kind, outputs, targets)
    assert set(found) == {"loss", *(name for name, _, _ in task.metrics)} == set(expected)
    for name, value in found.items():
        assert value.dtype == torch.float64
        assert float(value) == pytest.approx(float(expected[name]), rel=1e-6), name


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(2, 40), st.integers(1, 5), st.integers(0, 999))
def test_the_values_of_lanes_are_those_of_each_lane(
    kind: str, n: int, lanes: int, seed: int
) -> None:
    outputs, targets = drawn(kind, n, seed, (lanes,))
    task = task_of(kind)
    together = task.evaluate(outputs, targets)
    for lane in range(lanes):
        alone = task.evaluate(outputs[lane], targets)
        assert alone.keys() == together.keys()
        for name, value in alone.items():
            assert value.shape == ()
            torch.testing.assert_close(together[name][lane], value, rtol=1e-6, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(2, 40), st.data())
def test_chunks_give_what_the_whole_gives(kind: str, n: int, data: st.DataObject) -> None:
    outputs, targets = drawn(kind, n, 0, (2,))
    task = task_of(kind)
    cut = data.draw(st.integers(1, n - 1))
    seen = [
        task.observe(outputs[:, :cut], targets[:cut]),
        task.observe(outputs[:, cut:], targets[cut:]),
    ]
    whole = task.evaluate(outputs, targets)
    for name, value in task.summarize(seen, targets).items():
        torch.testing.assert_close(value, whole[name], rtol=1e-6, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(1, 30), st.integers(0, 999))
def test_every_value_is_finite_and_bounded_ones_lie_between_0_and_1(
    kind: str, n: int, seed: int
) -> None:
    outputs, targets = drawn(kind, n, seed)
    task = task_of(kind)
    found = task.evaluate(outputs, targets)
    assert {name for name, _, _ in task.metrics} - set(found) == task.undefined(targets)
    for name, _, bounded in task.metrics:
        if name in found:
            assert math.isfinite(found[name])
            assert not bounded or 0 <= float(found[name]) <= 1


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(4, 40), st.integers(0, 999))
def test_the_order_of_the_samples_does_not_matter(kind: str, n: int, seed: int) -> None:
    outputs, targets = drawn(kind, n, seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    task = task_of(kind)
    a, b = task.evaluate(outputs, targets), task.evaluate(outputs[order], targets[order])
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_model_has_the_best_value_of_every_metric(kind: str) -> None:
    _, targets = drawn(kind, 60, 1)
    if kind in ("binary", "classes", "tokens"):
        outputs = 50.0 * torch.nn.functional.one_hot(targets, KINDS[kind][1])
    elif kind == "labels":
        outputs = 50.0 * (2 * targets - 1)
    else:
        outputs = targets
    best = {"mse": 0, "mae": 0, "perplexity": 1, "bits-per-character": 0}
    found = task_of(kind).evaluate(outputs, targets)
    for name, _, _ in task_of(kind).metrics:
        assert float(found[name]) == pytest.approx(best.get(name, 1)), name


def test_classes_that_are_neither_present_nor_predicted_do_not_count() -> None:
    outputs = torch.eye(4)[[0, 0, 1, 1]]
    found = task_of_size(4).evaluate(outputs, torch.tensor([0, 0, 1, 0]))
    assert float(found["f1"]) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert float(found["balanced-accuracy"]) == pytest.approx((2 / 3 + 1) / 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert float(found["f1"]) == pytest.approx(
            sk.f1_score([0, 0, 1, 0], [0, 0, 1, 1], average="macro")
        )


def task_of_size(classes: int) -> Task:
    """Return a classification of so many classes."""
    return build_task("classification", output_size=classes)


def test_a_model_that_cannot_tell_classes_apart_is_not_right_about_all() -> None:
    task = build_task("classification", Objective(metric="top-2"), 4)
    found = task.evaluate(torch.zeros(4, 4), torch.arange(4))
    assert float(found["top-2"]) == 0.5
    assert float(found["accuracy"]) == 0.25


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_it_makes_no_difference_how_outputs_lie_in_memory(smoothing: float) -> None:
    torch.manual_seed(3)
    outputs = (2 * torch.randn(4, 50, 7)).round()  # with classes that are equally likely
    targets = torch.randint(7, (50,))
    task = build_task("classification", Objective(metric="top-2", label_smoothing=smoothing), 7)
    beside = task.evaluate(outputs.mT.contiguous().mT, targets)
    one_by_one = [task.evaluate(lane, targets) for lane in outputs]
    for name, values in task.evaluate(outputs, targets).items():
        torch.testing.assert_close(beside[name], values)
        torch.testing.assert_close(torch.stack([one[name] for one in one_by_one]), values)


def test_outputs_that_are_no_numbers_have_nothing_right_in_their_top() -> None:
    task = build_task("classification", Objective(metric="top-2"), 4)
    for outputs in (torch.full((4, 4), math.nan), torch.full((4, 4), math.nan).mT):
        assert float(task.evaluate(outputs, torch.arange(4))["top-2"]) == 0


def test_everything_is_in_the_top_of_as_many_classes_as_there_are() -> None:
    found = build_task("classification", Objective(metric="top-9")).evaluate(
        torch.randn(5, 3), torch.arange(5) % 3
    )
    assert float(found["top-9"]) == 1


def test_metrics_that_mean_nothing_are_left_out_and_never_nan() -> None:
    cases: list[tuple[Task, Tensor, Tensor, set[str]]] = [
        (task_of("binary"), torch.zeros(3, 2), torch.ones(3).long(), {"auroc"}),
        (task_of("number"), torch.zeros(3, 1), torch.full((3,), 0.1), {"r2"}),
        (task_of("labels"), torch.zeros(3, 3), torch.zeros(3, 3), {"f1", "auroc"}),
    ]
    for task, outputs, targets, missing in cases:
        found = task.evaluate(outputs, targets)
        assert task.undefined(targets) == missing
        assert {name for name, _, _ in task.metrics} - set(found) == missing
        assert all(math.isfinite(value) for value in found.values())


def test_r2_leaves_out_the_numbers_that_never_vary() -> None:
    targets = torch.tensor([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    outputs = torch.tensor([[0.5, 9.0], [1.0, 9.0], [1.5, 9.0]])
    found = build_task("regression").evaluate(outputs, targets)
    assert float(found["r2"]) == pytest.approx(sk.r2_score(targets[:, 0], outputs[:, 0]))


def test_perplexity_stays_a_number_however_wrong_a_model_is() -> None:
    outputs = torch.tensor([[[0.0, 1e5]]])
    found = build_task("language-modelling").evaluate(outputs, torch.zeros(1, 1).long())
    assert math.isfinite(found["perplexity"])


def test_squared_errors_are_taken_in_float64() -> None:
    outputs, targets = torch.full((2, 1), 1e30), torch.tensor([0.0, 1.0])
    assert float(build_task("regression").evaluate(outputs, targets)["mse"]) == pytest.approx(1e60)
