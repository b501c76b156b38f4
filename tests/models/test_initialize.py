"""Where a run's weights start: schemes, files, and what is frozen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bsx.errors import ConfigError
from bsx.models import build_model
from bsx.schema import Initialization
from tests.models import families
from tests.models.families import SMALL, samples

SHAPES = {"mlp": (5,), "resnet8": (3, 8, 8), "lstm": (6, 2), "tcn": (6, 2), "transformer": (8,)}
BYTES = {torch.float32: "F32", torch.int64: "I64", torch.bfloat16: "BF16"}


def built(name: str = "mlp", seed: int = 0, outputs: int = 7, **start: Any) -> nn.Module:
    """Build a small model from the start that is asked for."""
    return build_model(
        name,
        SMALL[name],
        input_shape=SHAPES[name],
        output_size=outputs,
        seed=seed,
        initialization=Initialization(**start),
    )


def saved(model: nn.Module, file: Path) -> str:
    """Save a model's weights as a torch state dict."""
    torch.save(model.state_dict(), file)
    return str(file)


def written(weights: dict[str, Tensor], file: Path) -> str:
    """Write weights as safetensors by the letter of the format."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    numbers = b""
    for name, value in weights.items():
        content = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": BYTES[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [len(numbers), len(numbers) + len(content)],
        }
        numbers += content
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
    return str(file)


def same(one: nn.Module, other: nn.Module) -> list[str]:
    """Return the names of all that is equal in two models."""
    theirs = other.state_dict()
    return [name for name, value in one.state_dict().items() if torch.equal(value, theirs[name])]


@pytest.mark.parametrize("name", SHAPES)
def test_the_default_start_is_what_the_factory_draws(name: str) -> None:
    model = build_model(name, SMALL[name], input_shape=SHAPES[name], output_size=7, seed=0)
    assert len(same(model, built(name))) == len(model.state_dict())


@pytest.mark.parametrize("scheme", ["xavier", "he", "orthogonal", "zeros-last"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_scheme_gives_a_model_that_follows_its_seed(name: str, scheme: str) -> None:
    one, other = built(name, scheme=scheme), built(name, seed=1, scheme=scheme)
    assert len(same(one, built(name, scheme=scheme))) == len(one.state_dict())
    assert len(same(one, other)) < len(one.state_dict())
    kind = {"mlp": "vectors", "resnet8": "images", "transformer": "tokens"}.get(name, "series")
    assert one(samples(kind, SHAPES[name])).isfinite().all()


def wide(scheme: str) -> nn.Linear:
    """Return the first layer, 400 × 300, of a model from ``scheme``."""
    model = build_model(
        "mlp",
        {"hidden": 400},
        input_shape=(300,),
        output_size=3,
        seed=0,
        initialization=Initialization(scheme=scheme),
    )
    layer = model[1]  # type: ignore[index]
    assert isinstance(layer, nn.Linear)
    assert not layer.bias.any()
    return layer


def test_xavier_has_variance_two_over_fan_in_and_fan_out() -> None:
    assert wide("xavier").weight.var().item() == pytest.approx(2 / 700, rel=0.02)


def test_he_has_variance_two_over_fan_in() -> None:
    assert wide("he").weight.var().item() == pytest.approx(2 / 300, rel=0.02)


def test_orthogonal_columns_are_orthonormal() -> None:
    weight = wide("orthogonal").weight
    torch.testing.assert_close(weight.T @ weight, torch.eye(300), atol=1e-4, rtol=0)


def test_the_gates_of_a_cell_are_orthogonal_one_by_one() -> None:
    model = built("lstm", scheme="orthogonal")
    recurrent = dict(model.named_parameters())["0.cells.weight_hh_l0"]
    for gate in recurrent.split(8):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SHAPES)
def test_zeros_last_begins_with_outputs_of_zero_and_the_rest_as_drawn(name: str) -> None:
    kind = {"mlp": "vectors", "resnet8": "images", "transformer": "tokens"}.get(name, "series")
    model = built(name, scheme="zeros-last")
    assert not model(samples(kind, SHAPES[name])).any()
    parameters = dict(model.named_parameters())
    changed = set(parameters) - set(same(model, built(name)))
    last = list(parameters)[-1].rpartition(".")[0]
    assert changed
    assert {n.rpartition(".")[0] for n in changed} == {last}


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match="--init hee: give one of default, xavier"):
        built(scheme="hee")


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("form", ["torch", "safetensors"])
def test_weights_come_from_a_file_whatever_the_seed(name: str, form: str, tmp_path: Path) -> None:
    source = built(name, seed=9)
    if form == "torch":
        file = saved(source, tmp_path / "weights.pt")
    else:
        file = written(source.state_dict(), tmp_path / "weights.safetensors")
    for scheme in ("default", "he"):
        loaded = built(name, seed=0, file=file, scheme=scheme)
        assert len(same(source, loaded)) == len(source.state_dict())
        assert all(p.requires_grad for p in loaded.parameters())


def test_without_its_head_a_file_fits_another_number_of_outputs(tmp_path: Path) -> None:
    source = built("resnet8", seed=9, outputs=10)
    file = saved(source, tmp_path / "weights.pt")
    loaded = built("resnet8", seed=1, outputs=3, file=file, without_head=True)
    drawn = built("resnet8", seed=1, outputs=3)
    names = list(loaded.state_dict())
    for name, value in loaded.state_dict().items():
        origin = drawn if name in names[-2:] else source
        assert torch.equal(value, origin.state_dict()[name]), name


def test_bfloat16_and_nested_and_prefixed_weights_are_read(tmp_path: Path) -> None:
    source = built(seed=9)
    half = {name: value.bfloat16() for name, value in source.state_dict().items()}
    loaded = built(file=written(half, tmp_path / "half.safetensors"))
    for name, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, half[name].float())
    file = tmp_path / "checkpoint.pt"
    prefixed = {f"module.{name}": value for name, value in source.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": prefixed}, file)
    assert len(same(source, built(file=str(file)))) == len(source.state_dict())


def test_shapes_of_the_head_alone_are_refused_with_the_way_out(tmp_path: Path) -> None:
    file = saved(built(outputs=10), tmp_path / "weights.pt")
    with pytest.raises(ConfigError) as refused:
        built(outputs=3, file=file)
    said = str(refused.value)
    assert f"--init-from {file}" in said
    assert "3.weight (10, 8) for (3, 8)" in said
    assert "--without-head leaves the last layer as drawn" in said


def with_weights(tmp_path: Path, change: Any) -> str:
    """Save the weights of a small mlp after ``change`` was made to them."""
    weights = built().state_dict()
    change(weights)
    file = tmp_path / "weights.pt"
    torch.save(weights, file)
    return str(file)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.update({"1.weight": torch.zeros(8, 4)}), "1.weight (8, 4) for (8, 5)"),
        (lambda w: w.pop("1.bias"), "lacks 1.bias; give the --model and --model-arg"),
        (lambda w: w.pop("3.bias"), "or --without-head to leave 3 as drawn"),
        (lambda w: w.update({"9.bias": torch.zeros(1)}), "has 9.bias, which the model has not"),
        (lambda w: w["1.bias"].fill_(float("nan")), "1.bias holds NaN"),
        (lambda w: w.clear(), "no weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        built(file=with_weights(tmp_path, change))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_hold_no_weights_are_refused(tmp_path: Path) -> None:
    whole, text = tmp_path / "whole.pt", tmp_path / "notes.pt"
    torch.save(built(), whole)  # a pickled model would run code when it is read
    text.write_text("weights")
    good = Path(written(built().state_dict(), tmp_path / "good.safetensors")).read_bytes()
    files = {"whole": whole, "text": text, "none": tmp_path / "missing.pt", "folder": tmp_path}
    for cut in (0, 4, 30, len(good) - 1):
        files[f"cut {cut}"] = tmp_path / f"cut{cut}.safetensors"
        files[f"cut {cut}"].write_bytes(good[:cut])
    files["other"] = tmp_path / "other.safetensors"
    files["other"].write_bytes((2).to_bytes(8, "little") + b"[]")
    for name, file in files.items():
        with pytest.raises(ConfigError, match="--init-from") as refused:
            built(file=str(file))
        assert "\n" not in str(refused.value), name


def test_frozen_parameters_are_those_of_the_patterns() -> None:
    model = built("resnet8", freeze=("*.norm?.*", "0.weight"))
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert frozen[0] == "0.weight"
    assert len(frozen) == 1 + 3 * 4  # three blocks, two norms of two parameters each
    assert all(".norm" in name for name in frozen[1:])


def test_a_pattern_that_names_nothing_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigError, match=r"--freeze layer1\.\*: .* there are 1.weight, 1.bias, 3"):
        built(freeze=("layer1.*",))


def test_to_freeze_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match="leaves nothing to train"):
        built(freeze=("*",))


def test_what_is_frozen_stays_and_the_rest_learns() -> None:
    model, before = built(freeze=("1.*",)), built()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(families.samples("vectors", (5,))).square().sum().backward()
        optimizer.step()
    assert same(model, before) == ["1.weight", "1.bias"]
