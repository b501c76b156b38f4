"""bsx.NoiseScale in loops of torch: near the exact noise scale, and nothing changed by looking."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import bsx
from bsx.errors import ConfigError
from bsx.schema import Estimate

SAMPLES, FEATURES, CLASSES = 4000, 20, 5


@pytest.fixture(scope="module")
def data() -> tuple[Tensor, Tensor]:
    """Labels that a linear teacher gives, one in five of them wrong."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(SAMPLES, FEATURES, generator=generator)
    labels = (inputs @ torch.randn(FEATURES, CLASSES, generator=generator)).argmax(1)
    wrong = torch.rand(SAMPLES, generator=generator) < 0.2
    return inputs, torch.where(wrong, (labels + 1) % CLASSES, labels)


def mlp() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(FEATURES, 32), nn.Tanh(), nn.Linear(32, CLASSES))


@pytest.fixture(scope="module")
def frozen(data: tuple[Tensor, Tensor]) -> nn.Module:
    """A network part of the way through its training, where it stays."""
    model, (inputs, labels) = mlp(), data
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return model


@pytest.fixture(scope="module")
def truth(data: tuple[Tensor, Tensor], frozen: nn.Module) -> tuple[float, float]:
    """Return ‖G‖² and tr Σ from the gradients of all samples, one by one."""
    values = {name: value.detach() for name, value in frozen.named_parameters()}

    def loss(values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(torch.func.functional_call(frozen, values, x[None]), y[None])

    each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(values, *data)
    gradients = torch.cat([g.flatten(1) for g in each.values()], 1).double()  # (samples, weights)
    square = float(gradients.mean(0).square().sum())
    return square, float(gradients.square().sum(1).mean()) - square


def backward(model: nn.Module, data: tuple[Tensor, Tensor], rows: Tensor, scale: float = 1) -> None:
    inputs, labels = data
    (scale * F.cross_entropy(model(inputs[rows]), labels[rows])).backward()


def micro_batches(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    noise: bsx.NoiseScale,
    generator: torch.Generator,
    draws: int = 20,
    scale: float = 1,
) -> None:
    """Give ``noise`` steps of four micro-batches, all of the same parameters.

    Samples are drawn with replacement: the formulas take draws for independent, and Σ is then the
    covariance over the training set, exactly.
    """
    for _ in range(draws):
        model.zero_grad()
        for _ in range(4):
            rows = torch.randint(SAMPLES, (16,), generator=generator)
            backward(model, data, rows, scale)
            noise.after_micro_batch(16, weight=scale)
        noise.observe()


def whole_batches(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    noise: bsx.NoiseScale,
    generator: torch.Generator,
) -> None:
    """Give ``noise`` steps in one pass; the learning rate is 0, so that parameters stay."""
    for _ in range(80):
        model.zero_grad()
        backward(model, data, torch.randint(SAMPLES, (16,), generator=generator))
        noise.observe()


def holds(estimate: Estimate, truth: float) -> bool:
    return (estimate.low is None or estimate.low <= truth) and (
        estimate.high is None or truth <= estimate.high
    )


@pytest.mark.parametrize("loop", [micro_batches, whole_batches])
def test_the_interval_covers_the_exact_noise_scale_of_a_frozen_network(
    loop: Callable[..., None],
    data: tuple[Tensor, Tensor],
    frozen: nn.Module,
    truth: tuple[float, float],
) -> None:
    square, trace = truth
    generator = torch.Generator().manual_seed(0)
    covered, resolved = 0, 0
    for _ in range(30):
        noise = bsx.NoiseScale(frozen.parameters(), batch_size=16)
        loop(frozen, data, noise, generator)
        found = noise.estimate()
        assert found.draws == 20
        covered += holds(found.noise_scale, trace / square)
        resolved += found.noise_scale.value is not None
    assert covered >= 27
    assert resolved >= 25  # it is not covered because nothing was said


def test_draws_without_replacement_are_corrected_for_the_training_set(
    data: tuple[Tensor, Tensor], frozen: nn.Module
) -> None:
    inputs, labels = data[0][:64], data[1][:64]
    generator = torch.Generator().manual_seed(0)
    plain = bsx.NoiseScale(frozen.parameters(), batch_size=16)
    right = bsx.NoiseScale(frozen.parameters(), batch_size=16, training_samples=64)
    for _ in range(40):
        for rows in torch.randperm(64, generator=generator).split(16):
            frozen.zero_grad()
            backward(frozen, (inputs, labels), rows)
            plain.observe()
            right.observe()
    frozen.zero_grad()
    backward(frozen, (inputs, labels), torch.arange(64))
    exact = sum(float(p.grad.square().sum()) for p in frozen.parameters() if p.grad is not None)
    # Four batches of 16 are the whole set, so that every draw is exact.
    assert right.estimate().gradient_square.value == pytest.approx(exact, rel=1e-4)
    assert not holds(plain.estimate().gradient_square, exact)


@pytest.mark.parametrize(("batch_size", "steps_per_draw"), [(25, 2), (16, 3), (12, 4)])
def test_no_draw_reaches_into_the_next_epoch(batch_size: int, steps_per_draw: int) -> None:
    """Epochs of 3 to 5 batches: draws that reached further came out at 39 instead of 50."""
    samples, generator = 60, torch.Generator().manual_seed(1)
    given_rows = torch.randn(samples, 8, generator=generator, dtype=torch.float64)
    given_rows -= given_rows.mean(dim=0)
    trace = float(given_rows.square().sum()) / (samples - 1)
    given_rows[:, 0] += math.sqrt(trace / 50)  # so that the noise scale is 50
    weight = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    noise = bsx.NoiseScale(
        [weight],
        batch_size,
        steps_per_draw=steps_per_draw,
        window=10_000,
        training_samples=samples,
    )
    for _ in range(400):
        for rows in torch.randperm(samples, generator=generator).split(batch_size):
            weight.grad = given_rows[rows].mean(dim=0)
            noise.observe(len(rows))
    assert noise.estimate().noise_scale.value == pytest.approx(50, rel=0.06)
    assert noise.estimate().covariance_trace.value == pytest.approx(trace, rel=0.03)


def test_a_draw_longer_than_an_epoch_is_refused_with_one_that_fits() -> None:
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.ones(1)
    for size, remedy in ((25, "give steps_per_draw=2"), (40, "give no training_samples")):
        with pytest.raises(ConfigError, match=remedy):
            bsx.NoiseScale([weight], size, training_samples=60).observe()


def test_steps_that_move_make_the_gradient_look_smaller_and_micro_batches_do_not() -> None:
    """SGD at rest on a quadratic: each step removes noise that the step before brought in."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.zeros(20, requires_grad=True)
    ways = [bsx.NoiseScale([weights], 16, window=2000) for _ in range(2)]
    squares = []
    for step in range(2100):
        measured = step >= 100
        exact = weights.detach().clone()  # the gradient of ‖weights‖²/2
        squares += [float(exact.square().sum())] * measured
        weights.grad = torch.zeros_like(exact)
        for _ in range(4):
            weights.grad += (exact + torch.randn(20, generator=generator) / 2) / 4  # 4 samples each
            if measured:
                ways[0].after_micro_batch(4, weight=1 / 4)
        if measured:
            for noise in ways:
                noise.observe()
        weights.data -= 0.1 * weights.grad
    square = sum(squares) / len(squares)
    by_parts, by_steps = (noise.estimate() for noise in ways)
    assert holds(by_parts.gradient_square, square) and holds(by_parts.noise_scale, 20 / square)
    assert by_parts.noise_scale.value is not None
    assert by_steps.gradient_square.high is not None and by_steps.gradient_square.high < square


def trained(data: tuple[Tensor, Tensor], watched: bool, micro: bool) -> list[Tensor]:
    """Return gradients and parameters of a short run, watched or not."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    noise = bsx.NoiseScale(model.parameters(), batch_size=32) if watched else None
    generator = torch.Generator().manual_seed(5)
    seen: list[Tensor] = []
    for _ in range(12):
        optimizer.zero_grad()
        for _ in range(2 if micro else 1):
            backward(model, data, torch.randint(SAMPLES, (32,), generator=generator))
            if noise and micro:
                noise.after_micro_batch(32)
        if noise:
            noise.observe()
        seen += [p.grad.clone() for p in model.parameters() if p.grad is not None]
        optimizer.step()
    assert noise is None or noise.draws == (12 if micro else 3)
    return [*seen, *model.parameters(), torch.rand(1)]


@pytest.mark.parametrize("micro", [False, True])
def test_observing_changes_no_bit(data: tuple[Tensor, Tensor], micro: bool) -> None:
    plain, watched = (trained(data, watched, micro) for watched in (False, True))
    assert all(torch.equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_a_factor_before_the_loss_is_taken_out(
    data: tuple[Tensor, Tensor], frozen: nn.Module
) -> None:
    found = []
    for scale in (1.0, 0.25):
        noise = bsx.NoiseScale(frozen.parameters())
        micro_batches(frozen, data, noise, torch.Generator().manual_seed(3), scale=scale)
        found.append(noise.estimate())
    for name in ("gradient_square", "covariance_trace", "noise_scale"):
        one, other = (getattr(estimate, name).value for estimate in found)
        assert other == pytest.approx(one, rel=1e-4)


def test_a_batch_size_that_is_no_number_is_refused_with_its_name(frozen: nn.Module) -> None:
    with pytest.raises(ConfigError, match="batch_size='64': give a whole number"):
        bsx.NoiseScale(frozen.parameters(), batch_size="64")  # type: ignore[arg-type]


def test_where_nothing_was_observed_that_is_said(frozen: nn.Module) -> None:
    found = str(bsx.NoiseScale(frozen.parameters(), batch_size=64).estimate())
    assert found == "gradient noise scale: nothing was observed yet"


# --- small gradients by hand ------------------------------------------------------------------


def stepped(noise: bsx.NoiseScale, weight: Tensor, gradients: list[float], **sizes: int) -> None:
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        noise.observe(**sizes)


def test_two_steps_by_hand() -> None:
    weight = torch.zeros(1, requires_grad=True)
    noise = bsx.NoiseScale([weight], batch_size=4, steps_per_draw=2)
    stepped(noise, weight, [3.0, 1.0, 3.0, 1.0])
    found = noise.estimate()
    assert found.draws == 2
    assert found.gradient_square.value == pytest.approx(3.0)  # g₁·g₂
    assert found.covariance_trace.value == pytest.approx(8.0)  # B/2·‖g₁ − g₂‖²
    assert found.noise_scale.value == pytest.approx(8 / 3)


def test_the_window_forgets_and_reset_forgets_all() -> None:
    weight = torch.zeros(1, requires_grad=True)
    noise = bsx.NoiseScale([weight], batch_size=4, steps_per_draw=2, window=3)
    stepped(noise, weight, [9.0, 1.0] * 5 + [2.0, 2.0] * 3)
    assert noise.draws == 3
    assert noise.estimate().gradient_square.value == pytest.approx(4.0)
    noise.reset()
    assert noise.draws == 0 and noise.estimate().noise_scale.value is None


def test_every_lets_draws_pass() -> None:
    weight = torch.zeros(1, requires_grad=True)
    noise = bsx.NoiseScale([weight], batch_size=4, steps_per_draw=2, every=3)
    stepped(noise, weight, [1.0, 1.0, 7.0, 7.0, 7.0, 7.0] * 2)
    assert noise.draws == 2 and noise.estimate().gradient_square.value == pytest.approx(1.0)
    noise = bsx.NoiseScale([weight], every=3)
    for step in range(7):
        weight.grad = torch.zeros(1)
        for _ in range(2):
            weight.grad += 1.0 if step % 3 == 0 else 7.0
            noise.after_micro_batch(4)
        noise.observe()
    assert noise.draws == 3 and noise.estimate().gradient_square.value == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_gradients_that_are_not_finite_are_skipped_and_counted(bad: float) -> None:
    weight = torch.zeros(1, requires_grad=True)
    noise = bsx.NoiseScale([weight], batch_size=4, steps_per_draw=2)
    stepped(noise, weight, [1.0, 1.0, bad, 1.0, 1.0, 1.0])
    assert (noise.draws, noise.skipped) == (2, 1)
    assert noise.estimate().gradient_square.value == pytest.approx(1.0)


def test_a_step_of_one_micro_batch_gives_no_draw() -> None:
    weight = torch.zeros(1, requires_grad=True)
    noise = bsx.NoiseScale([weight])
    weight.grad = torch.ones(1)
    noise.after_micro_batch(4)
    noise.observe()
    assert noise.draws == 0


def test_frozen_parameters_and_half_precision_are_read() -> None:
    frozen = torch.zeros(3)
    weight = torch.zeros(2, dtype=torch.bfloat16, requires_grad=True)
    wide = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    noise = bsx.NoiseScale([frozen, weight, wide], batch_size=4, steps_per_draw=2)
    for _ in range(4):
        weight.grad, wide.grad = torch.ones_like(weight), torch.ones_like(wide)
        noise.observe()
    assert noise.estimate().gradient_square.value == pytest.approx(3.0)


def test_what_is_wrong_is_said_with_the_remedy() -> None:
    weight = torch.zeros(1, requires_grad=True)
    noise = bsx.NoiseScale([weight], batch_size=4)
    with pytest.raises(ConfigError, match=r"after loss\.backward\(\)"):
        noise.observe()
    weight.grad = torch.ones(1)
    with pytest.raises(ConfigError, match="samples=0"):
        noise.observe(0)
    with pytest.raises(ConfigError, match=r"observe\(len\(inputs\)\)"):
        bsx.NoiseScale([weight]).observe()
    with pytest.raises(ConfigError, match=r"model\.parameters\(\)"):
        bsx.NoiseScale(nn.Linear(1, 1))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"model\.parameters\(\)"):
        bsx.NoiseScale([])
    for given in ({"steps_per_draw": 2.5}, {"window": 2.5}, {"batch_size": float("nan")}):
        with pytest.raises(ConfigError, match="give a whole number"):
            bsx.NoiseScale([weight], **given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="steps_per_draw=1"):
        bsx.NoiseScale([weight], steps_per_draw=1)
    with pytest.raises(ConfigError, match="weight=0"):
        noise.after_micro_batch(4, weight=0)


def test_micro_batches_now_and_then_are_refused() -> None:
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.ones(1)
    noise = bsx.NoiseScale([weight], batch_size=4)
    noise.observe()
    with pytest.raises(ConfigError, match="every backward pass"):
        noise.after_micro_batch(2)
    noise.reset()
    noise.after_micro_batch(2)
    noise.after_micro_batch(2)
    with pytest.raises(ConfigError, match="of this step have 4 samples"):
        noise.observe(64)
    noise.observe(4)
    with pytest.raises(ConfigError, match="without micro-batches"):
        noise.observe()


def test_sparse_gradients_are_refused() -> None:
    table = nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(ConfigError, match="sparse=False"):
        bsx.NoiseScale(table.parameters(), batch_size=1).observe()


def test_the_name_is_found_and_torch_imported_only_when_asked_for() -> None:
    program = (
        "import bsx, sys; heavy = {'torch', 'numpy', 'scipy'}; assert not heavy & set(sys.modules);"
        "bsx.NoiseScale; assert heavy <= set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="NoiseScales"):
        bsx.NoiseScales  # noqa: B018
