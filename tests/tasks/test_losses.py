"""Losses against torch's and hand-computed ones; lanes against a loop; what is refused."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bsx.errors import ConfigError
from bsx.schema import METRICS, Objective
from bsx.tasks import build_task

PAIRS = [
    ("classification", "cross-entropy", 0.0),
    ("classification", "cross-entropy", 0.1),
    ("classification", "binary", 0.0),
    ("classification", "mse", 0.0),
    ("multi-label", "binary", 0.0),
    ("regression", "mse", 0.0),
    ("regression", "l1", 0.0),
    ("regression", "huber", 0.0),
    ("language-modelling", "cross-entropy", 0.0),
    ("language-modelling", "cross-entropy", 0.2),
]


def drawn(task: str, lanes: int, batch: int) -> tuple[Tensor, Tensor]:
    """Draw outputs and targets of some lanes."""
    torch.manual_seed(lanes * 100 + batch)
    context = (3,) if task == "language-modelling" else ()
    outputs = 2 * torch.randn(lanes, batch, *context, 4, dtype=torch.float64)
    if task == "multi-label":
        return outputs, torch.randint(2, outputs.shape)
    if task == "regression":
        return outputs, 2 * torch.randn(outputs.shape, dtype=torch.float64)
    return outputs, torch.randint(4, outputs.shape[:-1])


def by_hand(loss: str, smoothing: float, outputs: Tensor, targets: Tensor) -> Tensor:
    """Write a loss as its definition says it."""
    if loss == "cross-entropy":
        spread = F.one_hot(targets, 4) * (1 - smoothing) + smoothing / 4
        return -(spread * outputs.log_softmax(-1)).sum(-1).mean()
    wanted = targets if targets.shape == outputs.shape else F.one_hot(targets, 4)
    error = (outputs - wanted).abs()
    if loss == "binary":
        chance = outputs.sigmoid()
        return -(wanted * chance.log() + (1 - wanted) * (1 - chance).log()).mean()
    if loss == "mse":
        return error.square().mean()
    if loss == "l1":
        return error.mean()
    return torch.where(error < 1, error.square() / 2, error - 0.5).mean()


@pytest.mark.parametrize(("task", "loss", "smoothing"), PAIRS)
def test_every_loss_is_what_its_definition_says(task: str, loss: str, smoothing: float) -> None:
    outputs, targets = drawn(task, 1, 20)
    built = build_task(task, Objective(loss, smoothing))
    expected = by_hand(loss, smoothing, outputs[0], targets[0])
    torch.testing.assert_close(built.loss(outputs[0], targets[0]), expected)
    torch.testing.assert_close(
        built.evaluate(outputs[0], targets[0])["loss"], expected, rtol=1e-6, atol=0
    )


@pytest.mark.parametrize(("task", "loss", "smoothing"), PAIRS)
def test_the_losses_and_gradients_of_lanes_are_those_of_each_lane(
    task: str, loss: str, smoothing: float
) -> None:
    outputs, targets = drawn(task, 3, 5)
    built = build_task(task, Objective(loss, smoothing))
    outputs.requires_grad_()
    together = built.lane_losses(outputs, targets)
    assert together.shape == (3,)
    [gradient] = torch.autograd.grad(together.sum(), outputs)
    for lane in range(3):
        alone = outputs[lane].detach().requires_grad_()
        one = built.loss(alone, targets[lane])
        torch.testing.assert_close(together[lane], one)
        [of_one] = torch.autograd.grad(one, alone)
        torch.testing.assert_close(gradient[lane], of_one)


@pytest.mark.parametrize(("task", "loss", "smoothing"), PAIRS)
@pytest.mark.parametrize("thin", [False, True])
def test_the_slopes_of_lanes_are_the_gradients_of_their_losses_times_their_scale(
    task: str, loss: str, smoothing: float, thin: bool
) -> None:
    outputs, targets = drawn(task, 3, 5)
    outputs = outputs * 30  # where exp would overflow
    if thin:
        outputs = outputs.mT.contiguous().mT  # the batch is the innermost axis
    built = build_task(task, Objective(loss, smoothing))
    for scale in (torch.tensor([0.1, 2.0, 1e-3]), torch.tensor([0.5])):
        means, slope = built.lane_slopes(outputs, targets, scale.to(outputs.dtype))
        leaf = outputs.detach().requires_grad_()
        expected = built.lane_losses(leaf, targets)
        [gradient] = torch.autograd.grad((expected * scale.to(outputs.dtype)).sum(), leaf)
        torch.testing.assert_close(means, expected.detach())
        torch.testing.assert_close(slope, gradient)


def test_slopes_of_a_loss_that_is_no_number_say_so() -> None:
    outputs = torch.tensor([[[float("nan"), 1.0]], [[float("inf"), 1.0]], [[0.0, 1.0]]])
    means, _ = build_task("classification").lane_slopes(
        outputs, torch.zeros(3, 1, dtype=torch.int64), torch.ones(1)
    )
    assert torch.isfinite(means).tolist() == [False, False, True]


def test_the_loss_of_a_classification_is_torchs_bit_for_bit() -> None:
    outputs, targets = torch.randn(33, 10), torch.arange(33) % 10
    assert torch.equal(
        build_task("classification").loss(outputs, targets), F.cross_entropy(outputs, targets)
    )


@pytest.mark.parametrize("output", [(8, 1), (8,)])
@pytest.mark.parametrize("target", [(8, 1), (8,)])
def test_a_single_number_pairs_with_its_own_target_however_it_is_written(
    output: tuple[int, ...], target: tuple[int, ...]
) -> None:
    outputs, targets = torch.arange(8.0), torch.arange(8.0) + 0.5
    task = build_task("regression")
    assert float(task.loss(outputs.view(output), targets.view(target))) == 0.25
    found = task.evaluate(outputs.view(output), targets.view(target))
    assert float(found["mse"]) == 0.25
    assert found["mse"].shape == ()
    lanes = task.lane_losses(
        torch.stack([outputs.view(output)] * 2), torch.stack([targets.view(target)] * 2)
    )
    assert lanes.tolist() == [0.25, 0.25]
    both = task.evaluate(torch.stack([outputs.view(output)] * 2), targets.view(target))
    assert both["mse"].tolist() == [0.25, 0.25]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.booleans())
@settings(max_examples=50, deadline=None)
def test_shapes_that_do_not_pair_are_never_broadcast(
    n: int, other: int, k: int, flat: bool
) -> None:
    targets = torch.zeros(n) if flat else torch.zeros(n, k)
    outputs = torch.ones(other, k)
    fits = other == n and (not flat or k == 1)
    task = build_task("regression")
    if fits:
        assert float(task.loss(outputs, targets)) == 1
        assert float(task.evaluate(outputs, targets)["mse"]) == 1
        return
    with pytest.raises(ValueError, match="outputs of shape"):
        task.loss(outputs, targets)
    if k != n:  # else it reads as lanes of n numbers
        with pytest.raises(ValueError, match="outputs of shape"):
            task.evaluate(outputs, targets)


@pytest.mark.parametrize(
    ("task", "asked", "said"),
    [
        ("classification", {"loss": "huber"}, "--loss huber: .* takes cross-entropy, binary, mse"),
        ("classification", {"loss": "crossentropy"}, "did you mean cross-entropy"),
        ("regression", {"loss": "cross-entropy"}, "--loss cross-entropy: .* takes mse, l1, huber"),
        ("multi-label", {"loss": "cross-entropy"}, "takes binary"),
        ("language-modelling", {"loss": "mse"}, "takes cross-entropy"),
        ("regression", {"label_smoothing": 0.1}, "--label-smoothing 0.1: regression has no"),
        ("classification", {"loss": "mse", "label_smoothing": 0.1}, "give --loss cross-entropy"),
        ("classification", {"label_smoothing": 1.0}, "from 0 to below 1"),
        ("classification", {"label_smoothing": math.nan}, "from 0 to below 1"),
        ("classification", {"metric": "acuracy"}, "did you mean accuracy"),
        ("classification", {"metric": "mse"}, "--metric mse: .* has accuracy, top-K"),
        ("classification", {"metric": "top-10"}, "with 10 classes it is always 1"),
        ("regression", {"metric": "accuracy"}, "has mse, mae, r2"),
    ],
)
def test_what_does_not_fit_the_task_is_refused_with_what_does(
    task: str, asked: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build_task(task, dataclasses.replace(Objective(), **asked), 10)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "size", "names"),
    [
        ("classification", 2, ["accuracy", "balanced-accuracy", "f1", "auroc"]),
        ("classification", 5, ["accuracy", "balanced-accuracy", "f1"]),
        ("classification", 6, ["accuracy", "top-5", "balanced-accuracy", "f1"]),
        ("multi-label", 4, ["f1", "exact-match"]),
        ("regression", 1, ["mse", "mae", "r2"]),
        ("language-modelling", 65, ["perplexity", "bits-per-character", "accuracy"]),
    ],
)
def test_the_metrics_of_a_task_are_those_that_make_sense(
    task: str, size: int, names: list[str]
) -> None:
    assert [name for name, _, _ in build_task(task, output_size=size).metrics] == names


@pytest.mark.parametrize(
    ("asked", "first"),
    [("f1", "f1"), ("top-3", "top-3"), ("auroc", "auroc"), ("auroc, f1", "auroc")],
)
def test_the_metric_asked_for_judges_quality_and_the_others_stay(asked: str, first: str) -> None:
    metrics = build_task("classification", Objective(metric=asked), 10).metrics
    names = [name for name, _, _ in metrics]
    assert names[0] == first
    assert {"accuracy", "top-5", "balanced-accuracy", "f1"} < {*names, "?"}
    assert len(names) == len(set(names))


@pytest.mark.parametrize("task", METRICS)
def test_the_list_of_metrics_is_what_tasks_measure_where_all_are_asked_for(task: str) -> None:
    listed = [one.metric.name.replace("K", "5") for one in METRICS[task]]
    asked = Objective(metric=",".join(listed))
    assert [name for name, _, _ in build_task(task, asked, 9).metrics] == listed


def test_errors_fall_and_scores_rise() -> None:
    direction = {
        name: higher
        for task, size in (("regression", 1), ("language-modelling", 9), ("classification", 9))
        for name, higher, _ in build_task(task, output_size=size).metrics
    }
    falling = {name for name, higher in direction.items() if not higher}
    assert falling == {"mse", "mae", "perplexity", "bits-per-character"}
