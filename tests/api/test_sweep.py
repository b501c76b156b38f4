"""bsx from Python: the same sweeps as of the command line, answered in dataclasses."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import bsx
from bsx.settings import SETTINGS
from tests.here import QUICK, Shell, here

__all__ = ["here"]

ASKED: dict[str, Any] = {"batch_sizes": [5, 8], "steps": 4, "seeds": 2, "learning_rate": 0.01}
ASKED |= {"threads": 1, "executor": "inline", "progress": False}


class Net(nn.Module):
    """A model that only this session has, for the tests that say so."""

    def __init__(self, input_shape: tuple[int, ...], output_size: int, width: int = 4) -> None:
        super().__init__()
        size = int(np.prod(input_shape))
        self.layers = nn.Sequential(
            nn.Linear(size, width), nn.ReLU(), nn.Linear(width, output_size)
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        found: torch.Tensor = self.layers(inputs.flatten(1))
        return found


def arrays(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return 60 samples of two classes."""
    generator = np.random.default_rng(seed)
    labels = np.arange(60) % 2
    return generator.normal(size=(60, 3)).astype("float32") + labels[:, None], labels


def module(folder: Path, text: str) -> ModuleType:
    """Import a file as a session does that has its folder on the path."""
    file = folder / "own_models.py"
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("own_models", file)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["own_models"] = found
    spec.loader.exec_module(found)
    return found


def test_a_sweep_from_python_is_that_of_the_command_line(here: Shell) -> None:
    found = bsx.sweep(dataset="wine", model="logistic", **ASKED)
    code, out, err = here.bsx("show", "--get", "sweep_id")
    assert (code, out.strip()) == (0, found.sweep_id), err
    document = here.swept("--dataset", "wine", "--model", "logistic", *QUICK)
    mine = found.document()
    for one in (document, mine):  # where a value came from is told as it was given
        del one["config"]["origins"], one["environment"]
    assert mine == document


def test_a_result_is_reached_by_size_by_path_and_as_rows(here: Shell) -> None:
    found = bsx.sweep(dataset="wine", model="logistic", target={"accuracy": 0.3}, **ASKED)
    assert list(found.batch_sizes) == [5, 8]
    assert found.batch_sizes[8].steps == 4 == found.get("batch-sizes.8.steps")
    assert found.targets[0].threshold == 0.3
    assert found.status == "complete"
    assert [(one.batch_size, one.seed) for one in found.curves()] == [
        (5, 0),
        (5, 1),
        (8, 0),
        (8, 1),
    ]
    assert [one.points[-1].step for one in found.curves(8)] == [4, 4]
    assert "complete" in repr(found) and "Quality: accuracy" in str(found)
    with pytest.raises(bsx.ConfigError, match="batch_size=7: the sweep has 5, 8"):
        found.curves(7)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_result_is_printed_as_wide_as_the_terminal_with_its_cautions(
    columns: int, here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bsx.sweep(dataset="wine", model="logistic", **ASKED)
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= columns
    assert max(map(len, lines)) > columns - 25
    assert sum(line.startswith("caution  ") for line in lines) == len(found.caution_texts) > 0
    shown = here.bsx("show")[1].splitlines()
    assert lines[: len(shown)] == shown


def test_frames_have_a_row_a_size_and_a_row_an_evaluation(here: Shell) -> None:
    pytest.importorskip("pandas")
    found = bsx.sweep(dataset="wine", model="logistic", **ASKED)
    sizes, curves = found.to_frame(), found.curves_frame()
    assert list(sizes.index) == [5, 8]
    assert sizes.loc[8, "steps"] == 4
    last = curves[(curves.batch_size == 8) & (curves.seed == 1)].iloc[-1]
    assert last.step == 4
    assert last.validation_accuracy == found.curves(8)[1].points[-1].metrics["accuracy"]


def test_a_notebook_is_shown_the_advice_first_and_no_name_as_html(here: Shell) -> None:
    found = bsx.sweep(dataset="wine", model="logistic", name="<b>mine", **ASKED)
    page = found._repr_html_()
    assert page.index("ecommendation") < page.index("Quality: accuracy")
    assert "&lt;b&gt;mine" in page and "<b>" not in page
    assert page.count("<table") == page.count("</table>") >= 3


def test_a_stored_sweep_is_read_with_another_target(here: Shell) -> None:
    found = bsx.sweep(dataset="wine", model="logistic", **ASKED)
    again = bsx.load(found.sweep_id[:6], target="accuracy=0.2")
    assert again.targets[0].threshold == 0.2
    assert again.runs == found.runs
    with pytest.raises(bsx.StoreError, match="no store in nowhere"):
        bsx.load(store="nowhere")


def test_two_sweeps_are_set_side_by_side(here: Shell) -> None:
    plain = bsx.sweep(dataset="wine", model="logistic", name="plain", **ASKED)
    other = bsx.sweep(dataset="wine", model="mlp", **ASKED)
    found = bsx.compare(plain, other)
    assert [size.batch_size for size in found.comparison.sizes] == [5, 8]
    assert found.document() == bsx.compare("plain", other).document()
    twice = bsx.compare(plain, plain).document()  # one name would not tell them apart
    assert twice["first"] == f"plain ({plain.sweep_id[:8]})"
    assert "against plain" in str(found) and "against plain" in found._repr_html_()


def test_a_class_of_the_session_and_arrays_train_in_this_process(here: Shell) -> None:
    data = arrays()
    before = data[0].copy()
    asked = {key: value for key, value in ASKED.items() if key != "executor"}
    local = type("Local", (Net,), {"__module__": "__main__"})
    found = bsx.sweep(dataset=data, model=local, optimizer=torch.optim.Adam, **asked)
    assert found.sweep.config.executor == "inline"
    assert found.sweep.config.optimizer.name == "adam"
    assert found.sweep.facts.train_samples == 48
    assert (data[0] == before).all()
    assert bsx.sweep(dataset=data, model=local, optimizer="adam", **asked).runs == found.runs
    changed = bsx.sweep(dataset=arrays(1), model=local, optimizer="adam", **asked)
    assert changed.sweep_id != found.sweep_id
    with pytest.raises(bsx.ConfigError, match="the dataset lives in this session alone"):
        bsx.sweep(dataset=data, model=local, executor="workers")


def test_a_class_of_a_file_has_the_name_that_the_command_line_gives_it(here: Shell) -> None:
    source = "from torch import nn\n\n\ndef small(input_shape, output_size):\n"
    source += "    return nn.Linear(input_shape[0], output_size)\n"
    try:
        own = module(here.folder, source)
        found = bsx.sweep(dataset="wine", model=own.small, **ASKED)
    finally:
        del sys.modules["own_models"]
    assert found.sweep.config.model.name == "own_models.py:small"
    told = here.swept("--dataset", "wine", "--model", "own_models.py:small", *QUICK)
    assert told["sweep_id"] == found.sweep_id


def test_a_sweep_leaves_the_session_as_it_was(here: Shell) -> None:
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    bsx.sweep(dataset="wine", model="logistic", **ASKED)
    drawn = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epochs": 0}, "^epochs 0: give a number above 0"),
        ({"learning_rat": 1}, "did you mean learning_rate"),
        ({"format": "json"}, "format is no argument of bsx.sweep: the result has"),
        ({"vary": {"optimizer": ["sgd", "adam"]}}, "call bsx.sweep once for each value"),
        ({"model": nn.Linear(2, 2)}, "already built; give the class"),
        ({"model": "mlpp"}, "model mlpp: no such model .did you mean mlp"),
        ({"optimizer": 3}, "optimizer: int is no class, function or name"),
        ({"dataset": {"a": 1}}, "there is no x and y"),
        ({"schedule": "cosin"}, "schedule cosin: give one of"),
        ({"batch_sizes": []}, r"^batch_sizes=\[\]: the list is empty; leave batch_sizes out"),
        ({"learning_rate": np.array([])}, r"^learning_rate=\[\]: the list is empty"),
        ({"file": 5}, "^file=5: give the name of a TOML file"),
    ],
)
def test_a_mistake_is_told_by_the_name_of_the_keyword(
    here: Shell, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(bsx.BsxError, match=said) as caught:
        bsx.sweep(**{"threads": 1, "executor": "inline", **wrong})  # type: ignore[arg-type]
    assert "--" not in str(caught.value)
    assert not (here.folder / "bsx-runs").exists()


def test_numbers_of_numpy_and_ranges_are_taken(here: Shell) -> None:
    asked = {**ASKED, "batch_sizes": np.array([5, 8]), "steps": np.int64(4), "seeds": np.int32(2)}
    found = bsx.sweep(dataset="wine", model="logistic", learning_rate=np.float64(0.01), **{
        key: value for key, value in asked.items() if key != "learning_rate"
    })  # fmt: skip
    assert list(found.batch_sizes) == [5, 8]


def test_who_watches_is_told(here: Shell) -> None:
    from bsx.render.progress import QuietProgress

    class Told(QuietProgress):
        done = 0

        def unit_done(self, unit: str, seconds: float) -> None:
            self.done += 1

    told = Told()
    bsx.sweep(dataset="wine", model="logistic", **{**ASKED, "progress": told})
    assert told.done == 6  # two sizes, trained and twice timed


def test_every_setting_is_a_keyword_or_is_said_to_have_another_way() -> None:
    from bsx.api.keywords import ELSEWHERE
    from bsx.api.settings import Settings

    assert list(Settings.__annotations__) == [s.key for s in SETTINGS if s.key not in ELSEWHERE]
    assert set(ELSEWHERE) <= {s.key for s in SETTINGS}


def test_an_argument_without_its_name_is_refused_with_how_to_give_it() -> None:
    with pytest.raises(bsx.ConfigError, match=r"calc\(5\): arguments are given by name, NAME=5;"):
        bsx.calc(5)  # type: ignore[call-overload]
    with pytest.raises(bsx.ConfigError, match=r"other than file are given by name, NAME='mlp';"):
        bsx.sweep("my.toml", "mlp")  # type: ignore[call-arg]


def test_calc_answers_one_size_or_many() -> None:
    one = bsx.calc(samples=1024, batch_size=8, epochs=10)
    assert (one.iterations_per_epoch, one.total_iterations, one.last_batch) == (128, 1280, 8)
    many = bsx.calc(samples=50_000, batch_size=[32, 64], epochs=2, drop_last=True)
    assert [found.total_steps for found in many] == [3124, 1562]
    solved = bsx.calc(samples=1200, epochs=5, total_iterations=60)
    assert solved.batch_size == {"low": 100, "high": 109, "multiple_of": 1}
    assert "1,280" in str(one) and "3,124" in str(many)
    with pytest.raises(bsx.ConfigError, match=r"^samples 0: must be at least 1"):
        bsx.calc(samples=0)
    with pytest.raises(bsx.ConfigError, match=r"sample is no argument of bsx\.calc"):
        bsx.calc(sample=5)


def test_what_is_public_is_found_and_imported_only_when_it_is_asked_for() -> None:
    for name in bsx.__all__:
        assert getattr(bsx, name) is not None, name
    assert set(dir(bsx)) == set(bsx.__all__)
    assert callable(bsx.compare)  # no module has taken its place


@pytest.mark.parametrize("flushed", [False, True])
def test_a_session_computes_afterwards_as_it_did_before(flushed: bool, here: Shell) -> None:
    if not torch.set_flush_denormal(flushed):
        pytest.skip("the processor keeps subnormal numbers")
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    bsx.sweep(dataset="wine", model="logistic", **ASKED)
    assert bool(torch.tensor(1e-30) * 1e-12 == 0) is flushed
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
