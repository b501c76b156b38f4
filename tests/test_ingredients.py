"""Every kind of data, every model and every optimizer trains through the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bsx import registry
from bsx.models import CLAIMS
from tests.data import test_cifar as cifar
from tests.data import test_extras as extras
from tests.data import test_idx as idx
from tests.data import test_images as pictures
from tests.data import test_tabular as tabular
from tests.data.test_extras import fake_hf, fake_torchvision
from tests.here import Shell, assert_trained, here
from tests.models.families import SMALL

__all__ = ["fake_hf", "fake_torchvision", "here"]  # fixtures

CNN = ["--model", "cnn", "--model-arg", "width=4"]
MLP = ["--model", "mlp", "--model-arg", "hidden=8"]
GRU = ["--model", "gru", "--model-arg", "hidden=4"]
TRANSFORMER = [
    *["--model", "transformer", "--model-arg", "width=8"],
    *["--model-arg", "layers=1", "--model-arg", "heads=2"],
]
OF_KIND = {  # kind of data → tiny data of it
    "vectors": "tests.models.tiny:vectors",
    "images": "tests.models.tiny:images",
    "series": "tests.models.tiny:series",
    "tokens": "tests.models.tiny:tokens",
}


# --- data -------------------------------------------------------------------------------------


def _idx(folder: Path) -> list[str]:
    return ["--dataset", f"idx:{idx.write(folder)}", *CNN]


def _cifar(name: str, pickled: bool) -> Callable[[Path], list[str]]:
    def made(folder: Path) -> list[str]:
        files = cifar.pickled(name) if pickled else cifar.binary(name)
        unpacked = cifar.unpack(folder / name, files)
        return ["--dataset", f"{name}:{unpacked}", "--validation-fraction", "0.2", *CNN]

    return made


def _npz(folder: Path) -> list[str]:
    x, y = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    np.savez(folder / "data.npz", x=x, y=y)
    return ["--dataset", "npz:data.npz", *MLP]


def _csv(folder: Path) -> list[str]:
    (folder / "data.csv").write_text(tabular.rows(header="count,size,kind"))
    return ["--dataset", "csv:data.csv", "--dataset-arg", "target=kind", *MLP]


def _csv_regression(folder: Path) -> list[str]:
    (folder / "data.csv").write_text(tabular.rows(header="count,size,kind"))
    return ["--dataset", "csv:data.csv", "--dataset-arg", "target=size", *MLP]


def _parquet(folder: Path) -> list[str]:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {"size": [i / 7 for i in range(60)], "kind": ["xyz"[i % 3] for i in range(60)]}
    )
    parquet.write_table(table, folder / "data.parquet")
    return ["--dataset", "parquet:data.parquet", *MLP]


def _images(folder: Path) -> list[str]:
    return ["--dataset", f"images:{pictures.pictures(folder / 'pictures')}", *CNN]


def _series(folder: Path) -> list[str]:
    values = np.sin(np.arange(200) / 5)
    (folder / "wave.csv").write_text("\n".join(f"{value:.4f}" for value in values))
    return ["--dataset", "series:wave.csv", "--dataset-arg", "window=8", *GRU]


def _text(folder: Path) -> list[str]:
    (folder / "letters.txt").write_text("abcdefghijklmnopqrstuvwxyz" * 40)
    return ["--dataset", "text:letters.txt", "--dataset-arg", "context=8", *TRANSFORMER]


def _own(text: str, *options: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["--dataset", text, *(options or MLP)]


DATA: dict[str, Callable[[Path], list[str]]] = {
    "digits": _own("digits", *CNN),
    "breast-cancer": _own("breast-cancer", "--model", "logistic"),
    "wine": _own("wine"),
    "iris": _own("iris", "--model", "logistic"),
    "diabetes": _own("diabetes"),
    "blobs": _own("blobs"),
    "spirals": _own("spirals"),
    "sine-mixture": _own("sine-mixture", *GRU),
    "quadratic": _own("quadratic", "--model", "quadratic"),
    "idx": _idx,
    "cifar10 binary": _cifar("cifar10", pickled=False),
    "cifar10 python": _cifar("cifar10", pickled=True),
    "cifar100 binary": _cifar("cifar100", pickled=False),
    "cifar100 python": _cifar("cifar100", pickled=True),
    "npz": _npz,
    "csv": _csv,
    "csv of a regression": _csv_regression,
    "parquet": _parquet,
    "images": _images,
    "series": _series,
    "text": _text,
    "sklearn": _own("sklearn:load_wine"),
    "sklearn of a regression": _own("sklearn:make_friedman1"),
    "own arrays": _own("tests.user_code:arrays"),
    "own tensors": _own("tests.user_code:tensors", *CNN),
    "own torch Dataset": _own("tests.user_code:Pairs"),
    "own bsx Dataset": _own("tests.models.tiny:tokens", *TRANSFORMER),
}
BY_OTHERS = {"hf", "openml", "torchvision"}  # of other libraries, which stand-ins play here


def test_no_kind_of_data_is_left_out() -> None:
    assert {name.split()[0] for name in DATA} >= set(registry.targets("dataset")) - BY_OTHERS


@pytest.mark.parametrize("kind", DATA)
def test_every_kind_of_data_trains(kind: str, here: Shell) -> None:
    assert_trained(here.swept(*DATA[kind](here.folder)))


def test_data_of_hugging_face_train(here: Shell, fake_hf: dict[str, Any]) -> None:
    fake_hf["answer"] = {"train": extras.table(60)}
    assert_trained(here.swept("--dataset", "hf:some/table", *MLP))


@pytest.mark.usefixtures("fake_torchvision")
def test_data_of_torchvision_train(here: Shell) -> None:
    assert_trained(
        here.swept("--dataset", "torchvision:Fake", "--validation-fraction", "0.2", *CNN)
    )


def test_data_of_openml_train(here: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = {
        "data": np.random.default_rng(0).normal(size=(60, 2)),
        "target": np.array(["a", "b"] * 30, dtype=object),
        "feature_names": ["size", "weight"],
    }
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **_options: fetched)
    assert_trained(here.swept("--dataset", "openml:40", *MLP))


# --- models -----------------------------------------------------------------------------------


def _arguments(args: Mapping[str, Any]) -> list[str]:
    return [word for key, value in args.items() for word in ("--model-arg", f"{key}={value}")]


@pytest.mark.parametrize("name", CLAIMS)
def test_every_model_trains(name: str, here: Shell) -> None:
    data = OF_KIND[CLAIMS[name][0]]
    found = here.swept("--dataset", data, "--model", name, *_arguments(SMALL[name]), "--seeds", "1")
    assert_trained(found)


# --- optimizers -------------------------------------------------------------------------------

MUON = "bsx.optim.muon:muon"
HAS_MUON = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
OPTIMIZERS = [name for name in registry.targets("optimizer") if name != "muon"]


@pytest.mark.parametrize(
    "name",
    [*OPTIMIZERS, pytest.param(MUON, marks=HAS_MUON), "tests.user_code:NormalizedDescent"],
)
@pytest.mark.parametrize("model", [MLP, CNN], ids=["lanes", "loop"])
def test_every_optimizer_trains(name: str, model: list[str], here: Shell) -> None:
    assert_trained(here.swept("--dataset", OF_KIND["images"], *model, "--optimizer", name))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lbfgs", "--optimizer lbfgs: L-BFGS evaluates a batch several times a step"),
        ("torch.optim:LBFGS", "L-BFGS evaluates a batch several times a step"),
        ("sparse-adam", "SparseAdam takes sparse gradients alone"),
        ("torch.optim:SparseAdam", "SparseAdam takes sparse gradients alone"),
        ("tests.user_code:Demanding", "fails at a step over the model's parameters"),
    ],
)
def test_optimizers_that_no_sweep_can_use_are_refused_with_the_reason(
    name: str, said: str, here: Shell
) -> None:
    code, out, err = here.bsx("sweep", "--optimizer", name)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (here.folder / "bsx-runs").exists()
