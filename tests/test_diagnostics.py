"""``--noise-scale``, ``--gradients``, ``--sharpness``, ``show --views``: from flag to document."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from bsx import plan
from bsx.schema import (
    MEASURES,
    CostModel,
    DiagnosticRecord,
    Observation,
    Run,
    RunRecord,
    SweepConfig,
)
from bsx.store import Store
from tests import fakes
from tests.here import Shell, here
from tests.test_store import begun

__all__ = ["here"]

ALL = tuple(f"--{measure}" for measure in MEASURES)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many draws there are is of no matter here."""
    monkeypatch.setattr("bsx.measure.gradient_noise.DRAWS", 3)
    monkeypatch.setattr("bsx.measure.gradient_noise.SAMPLES", 32)
    monkeypatch.setattr("bsx.measure.gradients._MOST", 3)
    monkeypatch.setattr("bsx.measure.sharpness.SAMPLES", 50)


def test_all_that_is_asked_for_is_in_the_document(here: Shell) -> None:
    before = here.swept()
    document = here.swept(*ALL)
    assert document["sweep_id"] == before["sweep_id"]
    assert document["status"] == "complete"
    for row, plain in zip(document["batch_sizes"], before["batch_sizes"], strict=True):
        assert plain["noise_scale"] is plain["noise_curve"] is plain["sharpness"] is None
        assert row["noise_scale"]["n"] == 3
        points = row["noise_curve"]["points"]
        assert [point["step"] for point in points] == [0, 1, 2, 3, 4]
        assert points[0]["covariance_trace"]["value"] > 0
        assert row["sharpness"]["value"] >= 0
        assert row["sharpness"]["n"] == 2  # every seed
        assert row["hessian_eigenvalue"]["value"] > 0
        assert row["runs"] == plain["runs"]
        assert row["final"] == plain["final"]  # what is trained again is not counted again
    gradients = document["gradients"]
    assert gradients["batch_size"] == 5
    assert [point["place"] for point in gradients["points"]] == ["start", "middle", "end"]
    assert [d["batch_size"] for d in gradients["points"][0]["batch_sizes"]] == [5, 8]
    assert document["small_batch_size"] == 5
    assert document["batch_sizes"][1]["against_small"]["sharpness"]["value"] > 0
    assert document["batch_sizes"][0]["against_small"] is None


def test_it_is_measured_at_the_trial_that_ends_best(here: Shell) -> None:
    tuned = ["--tune", "learning-rate,momentum", "--trials", "4", "--batch-sizes", "16,64"]
    length = ["--steps", "12", "--seeds", "2", "--dataset", "iris", "--executor", "inline"]
    code, out, err = here.bsx("sweep", *tuned, *length, *ALL, "--format", "json")
    assert code == 0, err
    for row in json.loads(out)["batch_sizes"]:
        assert row["noise_scale"] is not None
        assert row["noise_curve"]["learning_rate"] == row["final"]["learning_rate"]
        assert row["sharpness"]["n"] == 2


def test_nothing_is_measured_twice_and_the_rest_is_added(here: Shell) -> None:
    first = here.swept("--noise-scale")
    code, _, err = here.bsx("sweep", *_quick(), "--noise-scale")
    assert code == 0
    assert "once more, to measure" not in err
    second = here.swept(*ALL)
    for one, two in zip(first["batch_sizes"], second["batch_sizes"], strict=True):
        assert one["noise_curve"] == two["noise_curve"]
    shown = json.loads(here.bsx("show", "--format", "json")[1])
    assert shown == second


def _quick() -> list[str]:
    from tests.here import QUICK

    return QUICK


def test_fresh_measures_again_and_comes_to_the_same(here: Shell) -> None:
    first, again = here.swept(*ALL), here.swept(*ALL, "--fresh")
    for one, two in zip(first["batch_sizes"], again["batch_sizes"], strict=True):
        assert one["noise_curve"] == two["noise_curve"]
        assert one["sharpness"] == two["sharpness"]
    assert first["gradients"] == again["gradients"]


def test_what_is_streamed_is_measured_as_what_is_in_memory(here: Shell) -> None:
    held = here.swept(*ALL)
    streamed = here.swept(*ALL, "--stream", "always", "--store", "elsewhere")
    for one, other in zip(held["batch_sizes"], streamed["batch_sizes"], strict=True):
        for key in ("noise_curve", "sharpness", "hessian_eigenvalue"):
            assert one[key] == other[key]
    assert held["gradients"] == streamed["gradients"]


@pytest.mark.parametrize(
    ("norm", "over"), [("none", None), ("layer", None), ("batch", [5, 8]), ("ghost", [32])]
)
def test_under_batchnorm_it_is_said_what_gradients_are_normalized_over(
    here: Shell, norm: str, over: list[int] | None
) -> None:
    document = here.swept("--model-arg", f"norm={norm}", "--noise-scale")
    said = [c for c in document["cautions"] if c["code"] == "normalized_over"]
    if over is None:
        assert said == []
        return
    assert len(said) == 2
    for caution, size in zip(said, over * 2, strict=False):
        assert f"micro-batches of {size} samples" in caution["message"]


def test_what_fails_is_said_and_tried_again(here: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("no gradient today")

    with monkeypatch.context() as patch:
        patch.setattr("bsx.measure.diagnostics.noise_draws", broken)
        code, out, _ = here.bsx("sweep", *_quick(), "--noise-scale", "--format", "json")
    document = json.loads(out)
    assert code == 5
    assert document["status"] == "failed"
    said = [c["message"] for c in document["cautions"] if c["code"] == "not_measured"]
    assert len(said) == 2 and "no gradient today" in said[0]
    assert document["batch_sizes"][0]["noise_scale"] is None
    again = here.swept("--noise-scale")
    assert again["status"] == "complete"
    assert again["batch_sizes"][0]["noise_curve"] is not None
    assert not [c for c in again["cautions"] if c["code"] == "not_measured"]


def test_the_dry_run_says_what_is_trained_once_more(here: Shell) -> None:
    code, out, _ = here.bsx("sweep", *_quick(), *ALL, "--dry-run")
    assert code == 0
    assert "To measure noise scale, gradients and sharpness, 2 runs" in " ".join(out.split())


def test_views_show_equal_epochs_and_equal_iterations(here: Shell) -> None:
    document = here.swept()
    assert document["equal_steps"] == 4
    assert document["batch_sizes"][0]["at_equal_steps"]["value"]["n"] == 2
    code, out, _ = here.bsx("show", "--views", "--quiet")
    assert code == 0
    assert "and after 4 iterations" in " ".join(out.split())
    assert "Arithmetic" not in out
    markdown = here.bsx("show", "--views", "--format", "markdown", "--quiet")[1]
    assert markdown.startswith("## Validation accuracy")


def test_views_of_one_size_are_refused(here: Shell) -> None:
    here.swept("--batch-sizes", "8")
    code, _, err = here.bsx("show", "--views")
    assert code == 3
    assert "no two batch sizes" in err


def test_a_program_of_ones_own_cannot_be_measured_so(here: Shell) -> None:
    code, _, err = here.bsx(
        "sweep", "--command", "true {batch_size}", "--train-samples", "9", "--noise-scale"
    )
    assert code == 2
    assert "--noise-scale has no meaning with --command" in err


# --- which runs are taken -------------------------------------------------------------------------


def done(config: SweepConfig) -> tuple[list[RunRecord], tuple[Any, ...]]:
    """Return the records of a grid in the fake world, and its recipes."""
    recipes = plan.recipes(config, fakes.facts())
    group = plan.next_round(config, fakes.facts(), recipes, {}, CostModel(1e-3, 1e-6))
    assert group is not None
    records = [
        record
        for one in group.groups
        for batch in fakes.train(one, lambda *_: None)
        for record in batch
    ]
    return records, recipes


def units(config: SweepConfig, known: tuple[str, ...] = (), **how: Any) -> tuple[Any, ...]:
    records, recipes = done(config)
    by_id = {record.run_id: dataclasses.replace(record, environment=how) for record in records}
    cost = CostModel(1e-3, 1e-6)
    return plan.diagnostic_units(config, fakes.facts(), recipes, by_id, known, cost)


def test_nothing_is_trained_again_where_nothing_is_to_be_measured() -> None:
    assert units(fakes.config()) == ()


def test_one_run_of_each_size_for_the_noise_scale_every_seed_for_sharpness() -> None:
    sizes = [4, 8, 16, 32, 64, 128, 256, 512, 1024]
    noise = units(fakes.config(measures=("noise-scale",)))
    assert [(u.recipe.batch_size, u.seed) for u in noise] == [(size, 0) for size in sizes]
    sharp = units(fakes.config(measures=("sharpness",)))
    assert [(u.recipe.batch_size, u.seed) for u in sharp] == [
        (size, seed) for size in sizes for seed in range(5)
    ]
    [gradients] = units(fakes.config(measures=("gradients",)))
    assert (gradients.recipe.batch_size, gradients.seed) == (64, 0)
    assert gradients.batch_sizes == tuple(sizes)


def test_a_run_is_trained_again_once_for_all_that_is_measured_of_it() -> None:
    found = units(fakes.config(measures=MEASURES))
    assert len(found) == 9 * 5
    both = {u.measures for u in found if u.seed == 0}
    assert both == {("noise-scale", "sharpness"), MEASURES}
    assert {u.measures for u in found if u.seed > 0} == {("sharpness",)}


def test_a_run_that_memory_held_in_passes_only_is_trained_again_in_passes() -> None:
    asked = fakes.config(measures=("noise-scale",))
    [whole, *_] = units(asked)
    [in_passes, *_] = units(asked, micro_batch_size=2)
    assert (whole.micro_batch_size, in_passes.micro_batch_size) == (None, 2)
    assert whole.unit_id != in_passes.unit_id  # their checkpoints are not each other's


def test_what_is_measured_already_is_left_out() -> None:
    noise = units(fakes.config(measures=("noise-scale",)))
    known = plan.not_measured(noise[0], fakes.RunStatus.FAILED, "")[0].record_id
    assert units(fakes.config(measures=("noise-scale",)), (known,)) == noise[1:]


# --- the store ------------------------------------------------------------------------------------


def measured(**changes: Any) -> DiagnosticRecord:
    run = Run(fakes.recipe(), 0.1, 0)
    seen = (Observation(3, 48, full_norm=0.25), Observation(4, 64, sharpness=1.5))
    made = DiagnosticRecord("r1", run, "sharpness", "completed", seen, None, {"torch": "2"})
    return dataclasses.replace(made, **changes)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append_diagnostics("aaa111", [measured()])
    with Store(tmp_path) as store:
        assert store.diagnostics("aaa111") == [measured()]
        assert store.diagnostics("other") == []


def test_a_failure_gives_way_and_what_is_there_stays(tmp_path: Path) -> None:
    failed = measured(observations=(), error="no")
    with begun(tmp_path) as store:
        store.append_diagnostics("aaa111", [failed])
        store.append_diagnostics("aaa111", [measured()])
        assert store.diagnostics("aaa111") == [measured()]
        store.append_diagnostics("aaa111", [failed])
        assert store.diagnostics("aaa111") == [measured()]
        store.append_diagnostics("aaa111", [failed], anew=True)
        assert store.diagnostics("aaa111") == [failed]


def test_what_another_sweep_measured_of_a_run_is_adopted(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.append_diagnostics("aaa111", [measured()])
        store.begin_sweep("bbb222", fakes.config(), fakes.facts(), {})
        store.adopt_diagnostics("bbb222", ["another run"])
        assert store.diagnostics("bbb222") == []
        store.adopt_diagnostics("bbb222", [measured().run.run_id])
        assert store.diagnostics("bbb222") == [measured()]


def test_run_ids_are_those_of_before() -> None:
    """Fixed when nothing was measured beside the curves yet."""
    assert Run(fakes.recipe(), 0.1, 0).run_id == "8dad6d00eca84200e12c"
