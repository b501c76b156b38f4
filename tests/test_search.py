"""Tuning beyond the learning rate: what is asked, which trials come when, and what is said."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bsx import plan
from bsx.config import read_arms, read_sweep
from bsx.errors import ConfigError, Stopped
from bsx.render import document, rates, tables, wording
from bsx.render.formats import Format, machine_text
from bsx.render.rows import rate_rows, rows
from bsx.schema import (
    Axis,
    BatchSizes,
    CostModel,
    Ingredient,
    LearningRates,
    RateSummary,
    RunRecord,
    Search,
    SweepConfig,
    TargetSpec,
    Trial,
    digest,
    point_of,
    recipe_at,
)
from bsx.store import Store
from bsx.tuning import first_rates
from tests import fakes
from tests.fakes import (
    BEST_MOMENTUM,
    SWEEP_ID,
    Truth,
    Watcher,
    analysed,
    facts,
    run_sweep,
    stored_runs,
)

COST = CostModel(1e-3, 1e-6)
MOMENTUM = Axis("momentum", 0.5, 0.99)
SEARCH = Search((Axis("effective_learning_rate", 2.0**-6, 2.0**3), MOMENTUM), 32)
SCOUTED = LearningRates(scout=True)


def config(search: Search = SEARCH, truth: Truth | None = None, **changes: Any) -> SweepConfig:
    """Return a sweep that searches, in the fake world."""
    given = {
        "batch_sizes": BatchSizes((8, 64, 512)),
        "learning_rates": SCOUTED,
        "optimizer": Ingredient("sgd", {"momentum": 0.9}),
        "seeds": 3,
        "search": search,
    }
    return fakes.config(truth, **{**given, **changes})


def asked(**flags: Any) -> SweepConfig:
    """Read a sweep from flags."""
    return read_sweep(flags, {}, None)[0]


# --- what is asked ----------------------------------------------------------------------------


def test_momentum_and_weight_decay_are_searched_with_the_effective_rate() -> None:
    sweep = asked(tune=("learning-rate,momentum,weight-decay",))
    assert sweep.search is not None
    assert sweep.search.trials == 32
    names = [axis.name for axis in sweep.search.axes]
    assert names == ["effective_learning_rate", "momentum", "weight_decay"]
    [grid] = {tuple(row) for row in first_rates(asked(momentum="0"), (8,)).values()}
    assert (sweep.search.rate.low, sweep.search.rate.high) == (min(grid), max(grid))
    assert sweep.learning_rates == SCOUTED


def test_without_momentum_the_rate_itself_is_searched_where_its_grid_would_begin() -> None:
    sweep = asked(tune=("weight-decay", "lr"), optimizer="adamw", trials="16")
    assert sweep.search is not None
    [grid] = {tuple(row) for row in first_rates(asked(optimizer="adamw"), (8,)).values()}
    assert sweep.search.axes == (
        Axis("learning_rate", min(grid), max(grid)),
        Axis("weight_decay", 1e-3, 1.0),
    )
    assert sweep.search.trials == 16


def test_ranges_can_be_given_on_the_command_line_and_in_a_file(tmp_path: Path) -> None:
    flags = asked(tune=("learning-rate,momentum",),
                  search=("effective-learning-rate=0.01..1,momentum=0.8..0.99",))  # fmt: skip
    file = tmp_path / "my.toml"
    file.write_text(
        'tune = ["learning-rate", "momentum"]\n[search]\nmomentum = "0.8..0.99"\n'
        'effective-learning-rate = "0.01..1"\n'
    )
    expected = (Axis("effective_learning_rate", 0.01, 1.0), Axis("momentum", 0.8, 0.99))
    for sweep in (flags, read_sweep({}, {}, file)[0]):
        assert sweep.search is not None
        assert sweep.search.axes == expected


def test_all_seeds_try_every_trial_where_the_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("scout = false\n")
    sweep, _ = read_sweep({"tune": ("learning-rate,momentum",)}, {}, file)
    assert not sweep.learning_rates.scout
    assert set(first_rates(sweep, (8,))[8].values()) == {5}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown name": ({"tune": ("learning-rate,momentun",)}, "did you mean momentum"),
    "what cannot be tuned": ({"tune": ("lr,dropout",)}, "give of learning-rate"),
    "no rate": ({"tune": ("momentum",)}, "--tune learning-rate,momentum"),
    "trials alone": ({"trials": "8"}, "--trials has no meaning without --tune"),
    "a search alone": ({"search": ("momentum=0.1..0.2",)}, "--search has no meaning"),
    "few trials": ({"tune": ("lr,momentum",), "trials": "2"}, "at least 4"),
    "a grid": ({"tune": ("lr,momentum",), "learning_rate": "0.1,0.2"}, "--learning-rate and"),
    "a rate": ({"tune": ("lr,momentum",), "learning_rate": "0.1"}, "--learning-rate and"),
    "a rule": (
        {"tune": ("lr,momentum",), "learning_rate_rule": "linear", "base_batch_size": "8"},
        "--learning-rate-rule linear",
    ),
    "a momentum": ({"tune": ("lr,momentum",), "momentum": "0.9"}, "--momentum is given"),
    "an argument": (
        {"tune": ("lr,momentum",), "optimizer_args": ("momentum=0.9",)},
        "--momentum is given",
    ),
    "a half-life": (
        {"tune": ("lr,momentum",), "momentum_rule": "half-life", "base_batch_size": "8"},
        "--momentum-rule half-life",
    ),
    "a decay rule": (
        {"tune": ("lr,weight-decay",), "weight_decay_rule": "sqrt", "base_batch_size": "8"},
        "--weight-decay-rule sqrt",
    ),
    "the plain rate with momentum": (
        {"tune": ("lr,momentum",), "search": ("learning-rate=0.1..1",)},
        "effective-learning-rate=LOW..HIGH",
    ),
    "what is not searched": (
        {"tune": ("lr,momentum",), "search": ("weight-decay=0.1..1",)},
        "it is not searched",
    ),
    "a momentum of 1": (
        {"tune": ("lr,momentum",), "search": ("momentum=0.1..1",)},
        "from 0 up to below 1",
    ),
    "no decay": (
        {"tune": ("lr,weight-decay",), "search": ("weight-decay=0..1",)},
        "begin above 0",
    ),
    "the wrong way round": (
        {"tune": ("lr,momentum",), "search": ("momentum=0.9..0.1",)},
        "give name=low..high",
    ),
}


@pytest.mark.parametrize("flags", REFUSED)
def test_what_cannot_be_meant_is_refused_with_a_remedy(flags: str) -> None:
    given, words = REFUSED[flags]
    with pytest.raises(ConfigError, match="--") as error:
        asked(**given)
    assert words in str(error.value)


PROGRAM = {"train_samples": "100", "command": "true {batch_size} {lr} {momentum}"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (PROGRAM, "give --tune learning-rate,momentum"),
        ({**PROGRAM, "tune": ("lr,momentum,weight-decay",)}, "has no {weight_decay}"),
        ({**PROGRAM, "command": "true {batch_size}", "tune": ("lr",)}, "without {lr}"),
    ],
)
def test_a_program_must_be_told_what_is_tuned(flags: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match="--") as error:
        asked(**flags)
    assert words in str(error.value)


def test_a_sweep_without_a_search_is_the_question_that_it_was() -> None:
    """Stored sweeps keep their ids, and so do their runs."""
    plain = asked()
    assert "search" not in plain.question()
    assert "search" in asked(tune=("lr,momentum",)).question()
    [of, *_] = plan.recipes(fakes.config(), facts())
    assert recipe_at(of, 0.1) is of
    assert digest(fakes.config().question()) == QUESTION


QUESTION = "e43bfb0ae2003439a358"


def test_arms_may_be_searched_alike() -> None:
    arms, _ = read_arms({"vary": ("optimizer=sgd,rmsprop",), "tune": ("lr,momentum",)}, {}, None)
    assert all(arm.search is not None for _, arm in arms)


# --- which trials come when -------------------------------------------------------------------


def trained(sweep: SweepConfig) -> tuple[dict[str, RunRecord], list[int]]:
    """Train a sweep without a store; return its records and how many runs each round had."""
    of = plan.recipes(sweep, facts())
    records: dict[str, RunRecord] = {}
    rounds = []
    while found := plan.next_round(sweep, facts(), of, records, COST):
        rounds.append(sum(len(group.members) for group in found.groups))
        for group in found.groups:
            for batch in fakes.train(group, lambda _f, _b: None):
                records |= {record.run_id: record for record in batch}
    return records, rounds


def seeds_by_trial(
    records: Mapping[str, RunRecord], size: int, search: Search = SEARCH
) -> dict[Any, set[int]]:
    """Return which seeds tried each trial of a batch size."""
    found: dict[Any, set[int]] = {}
    for record in records.values():
        if record.run.recipe.batch_size == size:
            found.setdefault(point_of(record.run, search), set()).add(record.run.seed)
    return found


def test_the_same_trials_begin_at_every_batch_size_with_one_seed() -> None:
    rates = first_rates(config(), (8, 64, 512))
    assert rates[8] == rates[64] == rates[512]
    assert len(rates[8]) == 32
    assert set(rates[8].values()) == {1}


def test_the_other_seeds_follow_to_the_best_few() -> None:
    records, rounds = trained(config(truth=Truth(rate=1.0)))
    assert rounds[0] == 3 * 32
    for size in (8, 64, 512):
        seeds = seeds_by_trial(records, size)
        everyones = [trial for trial, tried in seeds.items() if len(tried) == 3]
        assert SEARCH.finalists <= len(everyones) <= 2 * SEARCH.finalists
        assert {len(tried) for tried in seeds.values()} == {1, 3}
        by_scout = sorted(
            (r for r in records.values() if r.run.recipe.batch_size == size and r.run.seed == 0),
            key=lambda r: -max((p.metrics["accuracy"] for p in r.curve), default=0.0),
        )
        assert point_of(by_scout[0].run, SEARCH) in everyones


@pytest.mark.parametrize(
    ("rate", "beyond"), [(40.0, lambda t: t > 8.01), (2e-3, lambda t: t < 0.0155)]
)
def test_the_search_goes_on_where_the_best_rate_lies_at_the_edge(
    rate: float, beyond: Callable[[float], bool]
) -> None:
    records, _ = trained(
        config(truth=Truth(rate=rate, critical=8.0), batch_sizes=BatchSizes((512,)))
    )
    tried = seeds_by_trial(records, 512)
    further = [trial for trial in tried if beyond(trial.effective_rate)]
    assert len(tried) == 32 + len(further)
    assert len(further) % 8 == 0 and further
    everyones = [trial for trial, seeds in tried.items() if len(seeds) == 3]
    assert any(trial in further for trial in everyones)


def test_the_search_comes_near_to_the_truth() -> None:
    sweep = config(truth=Truth(rate=1.0, noise=0.01))
    records, _ = trained(sweep)
    from bsx.analyze import analyze

    found = analyze(sweep, facts(), plan.recipes(sweep, facts()), list(records.values()), [])
    for row in found.batch_sizes:
        best = row.to_target[0]
        kept = 1 - best.tuned["momentum"]
        assert 0.5 < kept / (1 - BEST_MOMENTUM) < 2
        assert best.steps is not None and best.steps.value is not None
        ideal = Truth().steps(row.batch_size)
        assert ideal * 0.9 < best.steps.value < ideal * 1.35


def test_a_trial_is_stored_as_the_run_that_one_would_ask_for_by_hand() -> None:
    of = plan.recipes(config(), facts())[0]
    by_hand = plan.recipes(config(optimizer=Ingredient("sgd", {"momentum": 0.95})), facts())[0]
    at = recipe_at(of, Trial(0.1, (("momentum", 0.95),)))
    assert at == by_hand
    assert at.canonical == by_hand.canonical


# --- interrupted and gone on with -------------------------------------------------------------


def test_a_search_that_was_interrupted_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    sweep = config(truth=Truth(rate=1.0))
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    assert run_sweep(calm, sweep) == "complete"
    for _ in range(20):
        try:
            status = run_sweep(rough, sweep, watcher=Watcher(stops_after=2))
        except Stopped:
            continue
        break
    assert status == "complete"
    assert stored_runs(rough) == stored_runs(calm)
    assert analysed(rough) == analysed(calm)
    again = Watcher()
    assert run_sweep(calm, sweep, watcher=again) == "complete"
    assert again.units == []


# --- what is said -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a finished search."""
    folder = tmp_path_factory.mktemp("search")
    assert run_sweep(folder, config(truth=Truth(rate=1.0))) == "complete"
    return folder


def shown(folder: Path, width: int) -> str:
    """Return what people see of the sweep."""
    with Store(folder) as store:
        sweep = store.sweep(SWEEP_ID)
    out = io.StringIO()
    tables.print_sweep(Console(file=out, width=width), sweep, analysed(folder))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_chosen_trial_of_each_size_is_shown(finished: Path, width: int) -> None:
    text = shown(finished, width)
    assert max(map(len, text.splitlines())) <= width
    assert "Trials" in text
    assert "momentum" in text
    assert "32 to begin with" in " ".join(text.split())
    for row in analysed(finished).batch_sizes:
        assert f"{row.to_target[0].tuned['momentum']:.4g}"[:5] in text


def test_the_document_names_what_was_tuned(finished: Path) -> None:
    with Store(finished) as store:
        sweep = store.sweep(SWEEP_ID)
    found = document.document(sweep, analysed(finished))
    json.dumps(found, allow_nan=False)
    assert [axis["name"] for axis in found["config"]["search"]["axes"]] == [
        "effective_learning_rate",
        "momentum",
    ]
    assert 0.5 <= found["recommendation"]["momentum"] <= 0.99
    for row in found["batch_sizes"]:
        assert row["trials"] >= 32
        assert 0.5 <= row["to_target"][0]["momentum"] <= 0.99
        assert 0.5 <= row["final"]["momentum"] <= 0.99
        assert "weight_decay" not in row["final"]
    [first, *_] = rows(found)
    assert {"to_target_momentum", "final_momentum", "trials"} <= first.keys()
    assert machine_text(found, rows(found), Format.CSV).count("\n") == 4
    each = rate_rows(found)
    assert list(each[0])[:4] == ["batch_size", "learning_rate", "momentum", "seeds"]
    assert len({(r["batch_size"], r["learning_rate"], r["momentum"]) for r in each}) == len(each)


def test_a_document_without_a_search_has_no_such_keys(tmp_path: Path) -> None:
    run_sweep(tmp_path, fakes.config(batch_sizes=BatchSizes((8, 64))))
    with Store(tmp_path) as store:
        sweep = store.sweep(SWEEP_ID)
    found = document.document(sweep, analysed(tmp_path))
    for row in (*found["batch_sizes"], found["recommendation"]):
        assert not {"momentum", "trials"} & row.keys()
    assert "momentum" not in found["batch_sizes"][0]["final"]


def test_the_best_weight_decay_at_the_end_of_its_range_is_said(tmp_path: Path) -> None:
    low = Search((Axis("learning_rate", 0.05, 2.0), Axis("weight_decay", 1e-7, 1e-4)), 32)
    run_sweep(tmp_path, config(low, Truth(critical=8.0), optimizer=Ingredient("sgd")))
    found = [c for c in analysed(tmp_path).cautions if c.code == "tuned_at_edge"]
    assert {c.values["side"] for c in found} == {"high"}
    [line] = wording.grouped(found)
    assert "weight decay of the trial fastest to accuracy" in line
    assert "--search weight-decay=LOW..HIGH" in line


def test_all_trials_are_told_with_what_sets_them_apart(finished: Path) -> None:
    with Store(finished) as store:
        sweep = store.sweep(SWEEP_ID)
    analysis = analysed(finished)
    out = io.StringIO()
    rates.print_rates(Console(file=out, width=80), sweep, analysis)
    [steps, *_] = [part for part in out.getvalue().split("\n\n") if part.startswith("Iterations")]
    lines = [line.split() for line in steps.splitlines()[4:]]
    tried = {t for size in analysis.batch_sizes for t in map(as_told, size.learning_rates)}
    assert len([line for line in lines if line[0][0].isdigit()]) == len(tried)
    assert steps.count("[") == 3 + 1  # one at each size, and what it means
    for row in analysis.batch_sizes:
        assert not row.rules  # no two trials differ in the rate alone


def as_told(rate: RateSummary) -> tuple[float | None, ...]:
    """Return a rate with what was tuned beside it."""
    return (rate.learning_rate, *rate.tuned.values())


def test_another_target_is_answered_from_the_same_trials(finished: Path) -> None:
    easy = analysed(finished, targets=[TargetSpec("accuracy", 0.8)])
    assert all(row.to_target[0].tuned for row in easy.batch_sizes)
