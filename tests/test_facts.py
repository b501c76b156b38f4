"""What planning must know, looked at once, and what measuring a machine gives."""

from __future__ import annotations

import dataclasses
import random
import time
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bsx import plan
from bsx.arithmetic import evaluation_steps
from bsx.errors import ConfigError
from bsx.facts import describe_machine, look, resolve_device
from bsx.measure import calibration, speed
from bsx.schema import (
    Axis,
    BatchSizes,
    Budget,
    CostModel,
    Facts,
    Group,
    Ingredient,
    Objective,
    RunStatus,
    Search,
    SweepConfig,
)
from bsx.stats.cautions import data_cautions
from bsx.train.evaluate import evaluate
from bsx.train.loop import train
from bsx.train.session import Session
from tests import fakes


def silent(_fraction: float, _best: float | None) -> None:
    """Take note of nothing."""


def asked(**changes: Any) -> SweepConfig:
    """Return a configuration on real, small data."""
    usual: dict[str, Any] = {"dataset": Ingredient("iris"), "model": Ingredient("mlp")}
    return fakes.config(**{**usual, "batch_sizes": BatchSizes((4, 32)), **changes})


def test_facts_say_what_there_is() -> None:
    found = look(asked(model=Ingredient("mlp", {"hidden": (8,), "norm": "batch"})))
    assert (found.train_samples, found.validation_samples, found.test_samples) == (120, 15, 15)
    assert (found.input_shape, found.classes, found.task) == ((4,), 3, "classification")
    assert found.parameters == 4 * 8 + 8 + 2 * 8 + 8 * 3 + 3
    assert found.has_batchnorm
    assert found.trainer == "lanes"
    assert found.metric.name == "accuracy"
    assert (found.device, found.threads) == ("cpu", 1)
    assert look(asked(threads=0)).threads >= 1


@pytest.mark.parametrize(
    ("optimizer", "tuned", "words"),
    [
        (Ingredient("adam"), ("momentum", "weight_decay"), "betas are no momentum; give --tune "
         "learning-rate,weight-decay, or an --optimizer with it such as sgd"),
        (Ingredient("rprop"), ("weight_decay",), "give --tune learning-rate"),
        (Ingredient("tests.user_code:NormalizedDescent"), ("momentum",), "such as sgd"),
        (Ingredient("sgd", {"nesterov": True, "dampening": 0.5}), ("momentum",), "refuses"),
    ],
)  # fmt: skip
def test_what_an_optimizer_does_not_take_cannot_be_tuned(
    optimizer: Ingredient, tuned: tuple[str, ...], words: str
) -> None:
    axes = (Axis("learning_rate", 0.01, 1.0), *(Axis(name, 0.1, 0.5) for name in tuned))
    with pytest.raises(ConfigError, match=r"--tune|--optimizer") as error:
        look(asked(optimizer=optimizer, search=Search(axes, 8)))
    assert words in str(error.value)


@pytest.mark.parametrize(("stream", "expected"), [("always", True), ("never", False)])
def test_facts_say_whether_data_are_streamed(stream: str, expected: bool) -> None:
    assert look(asked(stream=stream)).streamed is expected


@pytest.mark.parametrize("model", ["tests.user_code:Branching", "tests.test_facts:with_hook"])
def test_models_that_cannot_be_stacked_train_in_the_plain_loop(model: str) -> None:
    assert look(asked(model=Ingredient(model))).trainer == "loop"


def with_hook(output_size: int) -> nn.Module:
    """A model with a hook, which lanes would not call."""
    model = nn.Linear(4, output_size)
    model.register_forward_hook(lambda _m, _i, out: 2 * out)
    return model


def too_few(output_size: int) -> nn.Module:
    """A model with one output too few."""
    return nn.Linear(4, output_size - 1)


def of_own_words(n_out: int) -> nn.Module:
    """Make a model whose word for its outputs bsx does not know."""
    return nn.Linear(4, n_out)


def for_other_data(output_size: int) -> nn.Module:
    """A model for inputs of another size."""
    return nn.Linear(7, output_size)


def without_parameters(output_size: int) -> nn.Module:
    """A model that has nothing to learn."""
    return nn.Sequential(nn.Flatten(), nn.ReLU(), nn.AdaptiveAvgPool1d(output_size))


class Pair(nn.Linear):
    """A model that returns its inputs beside its outputs."""

    def __init__(self, output_size: int) -> None:
        super().__init__(4, output_size)

    def forward(self, x: Any) -> Any:
        """Map (batch, 4) to a pair."""
        return super().forward(x), x


class Nothing(Pair):
    """A model whose forward forgets to return."""

    def forward(self, x: Any) -> Any:
        """Return None."""
        super().forward(x)


class Detached(Pair):
    """A model whose outputs go through NumPy."""

    def forward(self, x: Any) -> Any:
        """Return outputs that nothing can be trained by."""
        return torch.from_numpy(super().forward(x)[0].detach().numpy())


class Overwritten(Pair):
    """A model that overwrites what its gradient needs, when it is trained."""

    def forward(self, x: Any) -> Any:
        """Return outputs whose exponential is doubled in place."""
        y = super().forward(x)[0].exp()
        if self.training:
            y += y.detach()
        return y


class Auxiliary(Pair):
    """A model that returns more when it is trained."""

    def forward(self, x: Any) -> Any:
        """Return outputs, and in training others beside them."""
        y = super().forward(x)[0]
        return (y, y) if self.training else y


class OfItsOwn(nn.Module):
    """A model of double precision, as it chose itself, whose inputs are cast."""

    def __init__(self, output_size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(4, output_size, dtype=torch.float64)

    def forward(self, x: Any) -> Any:
        """Map (batch, 4) to outputs."""
        return self.layer(x.double())


def scripted(output_size: int) -> nn.Module:
    """A model that was compiled already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(nn.Linear(4, output_size))


class Dropping(Pair):
    """A model that draws numbers when it is trained."""

    def forward(self, x: Any) -> Any:
        """Return outputs some of which are dropped."""
        random.random()
        np.random.random()
        return torch.dropout(super().forward(x)[0], 0.5, self.training)


class InFours(Pair):
    """A model that in training takes its samples in fours."""

    def forward(self, x: Any) -> Any:
        """Return outputs less the mean of those four."""
        y = super().forward(x)[0]
        return (
            (y.view(-1, 4, 3) - y.view(-1, 4, 3).mean(1, keepdim=True)).view(-1, 3)
            if (self.training)
            else y
        )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"model": Ingredient("tests.test_facts:Detached")},
            "no gradient can be taken of its loss: RuntimeError: .*grad.*NumPy between",
        ),
        (
            {"model": Ingredient("tests.test_facts:Overwritten")},
            "no gradient can be taken of its loss: RuntimeError: .*by an inplace operation",
        ),
        ({"model": Ingredient("tests.test_facts:scripted")}, "gave a TorchScript module"),
        (
            {"model": Ingredient("tests.test_facts:Auxiliary")},
            r"returns a tuple in training, not a tensor; .* of shape \(4, 3\)",
        ),
        (
            {"model": Ingredient("tests.test_facts:InFours"), "batch_sizes": BatchSizes((5, 8))},
            "its forward fails in training on 5 samples: RuntimeError: shape",
        ),
        ({"model": Ingredient("tests.test_facts:without_parameters")}, "has nothing to train"),
        (
            {"model": Ingredient("tests.test_facts:Pair")},
            r"returns a tuple, not a tensor; .* of shape \(4, 3\)",
        ),
        ({"model": Ingredient("tests.test_facts:Nothing")}, "returns None, not a tensor"),
        ({"model": Ingredient("tests.test_facts:too_few")}, r"need \(4, 3\)"),
        (
            {"model": Ingredient("tests.test_facts:of_own_words", {"n_out": 2})},
            r"give --model-arg n_out=\{output_size\}",
        ),
        ({"model": Ingredient("tests.test_facts:for_other_data")}, "does not take inputs of shape"),
        ({"model": Ingredient("cnn")}, "take --model mlp"),
        ({"optimizer": Ingredient("adam", {"momentum": 0.9})}, "--momentum=0.9: adam does not"),
        ({"optimizer": Ingredient("sgd", {"nesterov": True})}, "--optimizer sgd refuses"),
        ({"optimizer": Ingredient("torch.optim:LBFGS")}, "several times a step"),
        ({"optimizer": Ingredient("tests.user_code:NUMBER")}, "--optimizer tests.user_code:NUMBER"),
        ({"optimizer": Ingredient("tests.user_code:tensors")}, "does not take it|refuses"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_training(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        look(asked(**changes))


def test_trying_a_model_draws_nothing_of_what_the_program_draws() -> None:
    torch_before, numpy_before, before = (
        torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(),
    )  # fmt: skip
    look(asked(model=Ingredient("tests.test_facts:Dropping")))
    assert torch.equal(torch_before, torch.get_rng_state())
    assert np.array_equal(numpy_before, np.random.get_state()[1])
    assert before == random.getstate()


def test_a_model_keeps_the_precision_that_it_chose_itself() -> None:
    config = asked(model=Ingredient("tests.test_facts:OfItsOwn"), budget=Budget(steps=2))
    facts = look(config)
    group = Group(plan.recipes(config, facts)[0], ((0.1, 0),), "loop", "cpu", 1, 0)
    ((record,),) = train(group, silent)
    assert record.status is RunStatus.COMPLETED
    session = Session(group)
    assert {p.dtype for p in session.model(0).parameters()} == {torch.float64}


@pytest.mark.parametrize("sizes", [(4, 8), (6, 8), (65, 100)])
def test_a_model_is_tried_on_the_smallest_batch_asked_for_and_its_double(
    sizes: tuple[int, ...],
) -> None:
    look(asked(model=Ingredient("tests.test_facts:InFours"), batch_sizes=BatchSizes(sizes)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match=r"--device cuda: torch finds none.*it finds cpu"):
        resolve_device("cuda")


def test_the_machine_is_described_without_an_unknown_that_looks_like_a_value() -> None:
    found = describe_machine("cpu")
    assert found["torch"] == torch.__version__
    assert found["processor"]
    assert found["accelerator"] is None
    assert found == describe_machine("cpu")


def measured(loop: str, known: Facts, **changes: Any) -> Any:
    """Return the record of one speed measurement."""
    sweep = asked(speed_loop=loop, **changes)
    of = plan.recipes(sweep, known)
    unit = plan.speed_units(sweep, known, of, {}, CostModel(1e-3, 1e-6))[1]
    [[record]] = speed.measure(unit, silent)
    assert record.unit_id == unit.unit_id
    assert len(record.step_seconds) == unit.draws > 1
    return record


@pytest.mark.parametrize("loop", ["device", "dataloader"])
def test_speed_is_drawn_several_times(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "DRAW_SECONDS", 0.002)
    monkeypatch.setattr(speed, "WARM_UP_SECONDS", 0.0)
    record = measured(loop, look(asked()))
    assert record.status is RunStatus.COMPLETED
    assert (record.batch_size, record.loop) == (32, loop)
    assert all(0 < seconds < 60 for seconds in record.step_seconds)
    assert record.peak_memory_bytes is None or record.peak_memory_bytes > 10**6
    assert record.environment["threads"] == 1


@pytest.mark.parametrize("trainer", ["lanes", "loop"])
def test_calibration_foretells_a_positive_time(trainer: str) -> None:
    known = dataclasses.replace(look(asked()), trainer=trainer)
    unit = plan.calibration(asked(), known, plan.recipes(asked(), known), trainer)
    [[cost]] = calibration.measure(unit, silent)
    assert cost.step_seconds >= 0
    assert cost.sample_seconds >= 0
    assert 0 < cost.group_seconds(100, 32, 10) < 60


@pytest.mark.parametrize("trainer", ["lanes", "loop"])
def test_calibration_evaluates_next_to_nothing_and_foretells_a_whole_runs_evaluations(
    trainer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[int] = []

    def slowly(forward: Any, samples: Any, task: Any) -> Any:
        evaluated.append(len(samples))
        time.sleep(len(samples) * 1e-4)
        return evaluate(forward, samples, task)

    for module in ("loop", "lanes"):
        monkeypatch.setattr(f"bsx.train.{module}.evaluate", slowly)
    known = dataclasses.replace(look(asked()), trainer=trainer)
    [recipe, *_] = plan.recipes(asked(), known)
    unit = plan.calibration(asked(), known, plan.recipes(asked(), known), trainer)
    [[cost]] = calibration.measure(unit, silent)
    assert len(evaluated) == calibration.STEPS * len(unit.batch_sizes)
    assert max(evaluated) <= 128
    on_the_way = len(evaluation_steps(recipe.steps, recipe.evaluation_spacing))
    of_a_run = on_the_way * min(1_000, known.validation_samples) + known.train_samples
    per_lane = 1e-4 / len(unit.members)  # lanes are evaluated together: they slept once
    assert cost.run_seconds > 0.8 * of_a_run * per_lane


def test_an_engine_can_be_forced_where_it_is_able() -> None:
    assert look(asked()).rivals == ("loop",)
    forced = look(asked(engine="loop"))
    assert (forced.trainer, forced.rivals) == ("loop", ())
    with pytest.raises(ConfigError, match=r"--engine channels-last.*give auto or lanes or loop"):
        look(asked(engine="channels-last"))
    images = look(asked(dataset=Ingredient("digits"), model=Ingredient("cnn")))
    assert (images.trainer, images.rivals) == ("loop", ("channels-last",))


def ends_in_softmax(input_shape: tuple[int, ...], output_size: int) -> nn.Module:
    """Return what many a tutorial shows."""
    return nn.Sequential(nn.Linear(input_shape[0], output_size), nn.Softmax(dim=-1))


def rows_as_channels(input_shape: tuple[int, ...], output_size: int) -> nn.Module:
    """Return a network that takes the first axis for channels, whatever it is."""
    flat = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, output_size))
    return nn.Sequential(nn.Conv2d(input_shape[0], 4, 3, padding=1), flat)


class FirstChannels(nn.Module):
    """A network that puts the channels of its inputs first itself."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int) -> None:
        super().__init__()
        self.body = rows_as_channels(input_shape[-1:], output_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (batch, rows, columns, channels)."""
        out: torch.Tensor = self.body(x.permute(0, 3, 1, 2))
        return out


def images_by_rows(channels: int = 3) -> dict[str, Any]:
    """Return images whose channels come last, as other libraries have them."""
    generator = torch.Generator().manual_seed(0)
    return {"x": torch.randn(60, 8, 8, channels, generator=generator), "y": torch.arange(60) % 3}


@pytest.mark.parametrize(
    ("dataset", "model", "codes"),
    [
        ("iris", "ends_in_softmax", ("softmax_twice",)),
        ("iris", "mlp", ()),
        ("images_by_rows", "rows_as_channels", ("channels_last",)),
        ("images_by_rows", "cnn", ("channels_last",)),
        ("images_by_rows", "FirstChannels", ()),
        ("digits", "cnn", ()),
    ],
)
def test_what_looks_unintended_about_a_model_is_told(
    dataset: str, model: str, codes: tuple[str, ...]
) -> None:
    known = {"iris", "digits", "mlp", "cnn"}
    names = [name if name in known else f"tests.test_facts:{name}" for name in (dataset, model)]
    found = look(asked(dataset=Ingredient(names[0]), model=Ingredient(names[1])))
    assert found.doubts == codes
    assert [caution.code for caution in data_cautions(found)] == list(codes)


def far_targets(scale: float = 2e6) -> dict[str, Any]:
    """Return a regression whose targets are far from 1."""
    x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    return {"x": x, "y": scale * x.sum(dim=1) + 1e7, "task": "regression"}


@pytest.mark.parametrize(
    ("scale", "loss", "told"),
    [(2e6, None, True), (1.0, None, False), (2e6, "l1", False)],
)
def test_targets_that_no_learning_rate_suits_are_told(
    scale: float, loss: str | None, told: bool
) -> None:
    data = Ingredient("tests.test_facts:far_targets", {"scale": scale})
    found = data_cautions(look(asked(dataset=data, objective=Objective(loss=loss))))
    assert [caution.code for caution in found] == ["targets_unscaled"] * told
    assert all(1e6 < caution.values["spread"] < 1e7 for caution in found)


def test_another_loss_may_well_take_probabilities() -> None:
    model = Ingredient("tests.test_facts:ends_in_softmax")
    assert look(asked(model=model, objective=Objective(loss="mse"))).doubts == ()
