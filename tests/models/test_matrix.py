"""Each model with each kind of data: it works with those it claims and refuses the others."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bsx import registry
from bsx.errors import ConfigError
from bsx.models import CLAIMS, SHAPES, build_model
from tests.models import families
from tests.models.families import SMALL, VARIANTS, built, identity, samples

OF_ONE_DATASET = {"quadratic"}  # made for the data of its name alone
PAIRS = [(name, kind) for name in CLAIMS for kind in SHAPES]
CLAIMED = [(name, kind) for name, kind in PAIRS if kind in CLAIMS[name]]
OTHERS = [(name, kind) for name, kind in PAIRS if kind not in CLAIMS[name]]


def test_every_built_in_model_says_what_it_takes_and_stands_in_the_matrix() -> None:
    known = {n for n, target in registry.targets("model").items() if target.startswith("bsx.")}
    assert known - OF_ONE_DATASET == set(CLAIMS) == set(SMALL)
    assert {kind for kinds in CLAIMS.values() for kind in kinds} == set(SHAPES)
    assert set(families.SHAPES) == set(SHAPES)


def test_the_shapes_tried_are_those_of_the_kinds() -> None:
    for kind, shapes in families.SHAPES.items():
        assert {len(shape) for shape in shapes} == set(SHAPES[kind])


@pytest.mark.parametrize(("name", "kind"), CLAIMED)
def test_a_model_takes_every_kind_it_claims(name: str, kind: str) -> None:
    for shape in families.SHAPES[kind]:
        size = 7
        model = build_model(
            name, SMALL[name], input_shape=shape, output_size=size, seed=0, kind=kind
        )
        inputs = samples(kind, shape)
        outputs = model(inputs)
        assert outputs.shape == ((4, *shape, size) if kind == "tokens" else (4, size))
        assert outputs.isfinite().all()


@pytest.mark.parametrize(("name", "kind"), OTHERS)
def test_a_model_refuses_every_other_kind_and_names_one_that_takes_it(name: str, kind: str) -> None:
    for shape in families.SHAPES[kind]:
        with pytest.raises(ConfigError, match=rf"--model {name}: needs .*; take --model") as told:
            build_model(name, {}, input_shape=shape, output_size=3, seed=0, kind=kind)
        remedy = str(told.value).rpartition(" ")[2]
        assert kind in CLAIMS[remedy]
        build_model(remedy, {}, input_shape=shape, output_size=3, seed=0, kind=kind)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_shape_alone_is_refused_where_no_claimed_kind_has_it(name: str) -> None:
    axes = {count for kind in CLAIMS[name] for count in SHAPES[kind]}
    for count in {1, 2, 3, 4} - axes:
        shape = (20,) * count
        with pytest.raises(ConfigError, match=rf"--model {name}: needs .* not \(20, "):
            built(name, shape) if count > 1 else built(name, (20, 20, 20, 20))


def test_a_sample_of_one_axis_is_refused_by_models_of_images_without_being_told_its_kind() -> None:
    with pytest.raises(ConfigError, match=r"--model vgg: needs images .* not \(30,\)"):
        built("vgg", (30,))


def test_the_transformer_refuses_numbers_with_a_fraction() -> None:
    with pytest.raises(ConfigError, match="needs token ids"):
        built("transformer", (8,))(torch.randn(2, 8))


@pytest.mark.parametrize(
    ("name", "least"), [("lenet5", 12), ("simple-cnn", 16), ("resnet8", 4), ("vgg", 1)]
)
def test_images_may_be_as_small_as_is_said(name: str, least: int) -> None:
    model = built(name, (1, least, least)).eval()
    assert model(torch.randn(2, 1, least, least)).shape == (2, 3)
    with pytest.raises(ConfigError, match=f"at least {least}×{least} pixels"):
        built(name, (1, least, least - 1))


@pytest.mark.parametrize("variant", VARIANTS, ids=identity)
def test_a_seed_gives_the_same_model_and_another_seed_another(
    variant: tuple[str, dict[str, Any]],
) -> None:
    name, args = variant
    kind = CLAIMS[name][0]
    shape = families.SHAPES[kind][-1]
    torch.manual_seed(1)
    one = built(name, shape, seed=4, **args).eval()
    torch.rand(17)
    same, other = (
        built(name, shape, seed=4, **args).eval(),
        built(name, shape, seed=5, **args).eval(),
    )
    inputs = samples(kind, shape)
    assert torch.equal(one(inputs), same(inputs))
    assert not torch.equal(one(inputs), other(inputs))


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("mlp", {"depth": -1}, "depth=-1: give a whole number of at least 0"),
        ("mlp", {"hidden": (8, 4), "depth": 2}, "give hidden=128 depth=2, or hidden=128,128 alone"),
        (
            "mlp",
            {"norm": "ghost", "ghost_size": 1},
            "ghost_size=1: give a whole number of at least 2",
        ),
        ("mlp", {"activation": True}, "give one of relu, sigmoid, tanh, gelu, silu"),
        ("lenet5", {"pool": "min"}, "give one of average, max"),
        ("vgg", {"depth": 12}, "give one of 11, 13, 16, 19"),
        ("vgg", {"norm": "layer"}, "give one of none, batch, ghost, group"),
        ("resnet8", {"groups": 0}, "groups=0: give a whole number"),
        ("resnet20", {"width": 1.5}, "width=1.5: give a whole number"),
        ("simple-cnn", {"width": "wide"}, "width=wide: give a whole number"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    name: str, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        built(name, (3, 32, 32), **args)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("tcn", {"kernel": 1}, "kernel=1: give a whole number of at least 2"),
        ("tcn", {"levels": 0}, "levels=0: give a whole number"),
        ("gru", {"layers": 0}, "layers=0: give a whole number"),
        ("lstm", {"dropout": 1}, "dropout=1: give a fraction"),
        ("transformer", {"width": 10, "heads": 4}, "heads=4: must divide width=10 evenly"),
    ],
)
def test_options_of_sequences_that_cannot_be_meant_are_refused(
    name: str, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        built(name, (8,), **args)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", CLAIMS)
def test_the_line_in_the_list_names_every_option(name: str) -> None:
    import inspect

    options = set(inspect.signature(registry.load("model", name)).parameters)
    line = registry.summary("model", name)
    assert [o for o in options - {"input_shape", "output_size"} if f"{o}=" not in line] == []
