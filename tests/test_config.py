"""Flags > environment > TOML > defaults, and everything that cannot be meant refused."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsx import literals, parse
from bsx.config import Door, read_arms, read_sweep, read_view
from bsx.errors import ConfigError
from bsx.schema import BatchSizes, Budget, LearningRates, Scaling, SweepConfig, TargetSpec, View
from bsx.settings import SETTINGS


def asked(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    toml: str | None = None,
    folder: Path | None = None,
) -> tuple[SweepConfig, Door]:
    """Read a sweep from what was given."""
    file = None
    if toml is not None:
        assert folder is not None
        file = folder / "my.toml"
        file.write_text(toml, encoding="utf-8")
    return read_sweep(flags or {}, environ or {}, file)


def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    toml = 'seeds = 7\nsteps = 70\nname = "file"\ntolerance = 0.07'
    environ = {"BSX_SEEDS": "8", "BSX_STEPS": "80", "BSX_NAME": "environment"}
    sweep, _ = asked({"seeds": "9", "steps": "90"}, environ, toml, tmp_path)
    assert (sweep.seeds, sweep.budget.steps) == (9, 90)
    assert (sweep.name, sweep.tolerance) == ("environment", 0.07)
    assert sweep.split.validation == 0.1
    origins = {key: sweep.origins[key] for key in ("seeds", "name", "tolerance", "device")}
    assert origins == {
        "seeds": "--seeds",
        "name": "BSX_NAME",
        "tolerance": str(tmp_path / "my.toml"),
        "device": "default",
    }


def test_nothing_given_is_the_sweep_of_the_readme() -> None:
    sweep, door = asked()
    assert (sweep.dataset.name, sweep.model.name, sweep.optimizer.name) == ("digits", "mlp", "sgd")
    assert sweep.optimizer.args == {"momentum": 0.9}
    assert sweep.batch_sizes == BatchSizes(None, False)
    assert sweep.learning_rates == LearningRates("tuned", (), "tuned", None)
    assert sweep.seeds == 5
    assert sweep.budget.epochs is not None
    assert sweep.budget.min_steps is not None
    assert door == Door("bsx-runs", None, False, "table", None, False, False)


# Key → (what is written on the command line, in TOML, and where it arrives).
GIVEN: dict[str, tuple[Any, str, Any]] = {
    "dataset": ("wine", '"wine"', lambda c, d: c.dataset.name == "wine"),
    "dataset_args": (("samples=9",), "{samples = 9}", lambda c, d: c.dataset.args["samples"] == 9),
    "model": ("cnn", '"cnn"', lambda c, d: c.model.name == "cnn"),
    "model_args": (
        ("hidden=8,4", "dropout=0.1"),
        "{hidden = [8, 4], dropout = 0.1}",
        lambda c, d: c.model.args == {"hidden": (8, 4), "dropout": 0.1},
    ),
    "optimizer": (
        "adam",
        '"adam"',
        lambda c, d: (c.optimizer.name, c.optimizer.args) == ("adam", {}),
    ),
    "optimizer_args": (
        ("nesterov=true",),
        "{nesterov = true}",
        lambda c, d: c.optimizer.args == {"nesterov": True, "momentum": 0.9},
    ),
    "momentum": ("0.5", "0.5", lambda c, d: c.optimizer.args["momentum"] == 0.5),
    "weight_decay": ("1e-4", "1e-4", lambda c, d: c.optimizer.args["weight_decay"] == 1e-4),
    "loss": ("mse", '"mse"', lambda c, d: c.objective.loss == "mse"),
    "label_smoothing": ("0.1", "0.1", lambda c, d: c.objective.label_smoothing == 0.1),
    "metric": ("f1", '"f1"', lambda c, d: c.objective.metric == "f1"),
    "schedule": ("cosine", '"cosine"', lambda c, d: c.training.schedule == "cosine"),
    "warmup": ("0.1", "0.1", lambda c, d: c.training.warmup == 0.1),
    "clip_norm": ("1", "1", lambda c, d: c.training.clip_norm == 1),
    "l1": ("1e-5", "1e-5", lambda c, d: c.training.l1 == 1e-5),
    "l2": ("1e-5", "1e-5", lambda c, d: c.training.l2 == 1e-5),
    "micro_batch_size": ("4", "4", lambda c, d: c.training.micro_batch_size == 4),
    "precision": ("bfloat16", '"bfloat16"', lambda c, d: c.training.precision == "bfloat16"),
    "init": ("he", '"he"', lambda c, d: c.initialization.scheme == "he"),
    "init_from": (
        __file__,
        f'"{__file__}"',
        lambda c, d: c.initialization.file == __file__ and c.initialization.source,
    ),
    "freeze": (("a*", "b*"), '["a*", "b*"]', lambda c, d: c.initialization.freeze == ("a*", "b*")),
    "subset": ("100", "100", lambda c, d: c.sampling.subset == 100),
    "order": ("by-class", '"by-class"', lambda c, d: c.sampling.order == "by-class"),
    "class_skew": ("0.5", "0.5", lambda c, d: c.sampling.class_skew == 0.5),
    "augment": (
        ("flip", "crop"),
        '"flip,crop"',
        lambda c, d: c.sampling.augment == ("flip", "crop"),
    ),
    "noise_scale": (True, "true", lambda c, d: c.measures == ("noise-scale",)),
    "gradients": (True, "true", lambda c, d: c.measures == ("gradients",)),
    "sharpness": (True, "true", lambda c, d: c.measures == ("sharpness",)),
    "batch_sizes": ("8,2..4", '[8, "2..4"]', lambda c, d: c.batch_sizes.sizes == (2, 4, 8)),
    "full_batch": (True, "true", lambda c, d: c.batch_sizes.full_batch),
    "learning_rate": (
        "0.1,0.01",
        "[0.1, 0.01]",
        lambda c, d: c.learning_rates == LearningRates("grid", (0.01, 0.1), "tuned", None),
    ),
    "seeds": ("3", "3", lambda c, d: c.seeds == 3),
    "epochs": ("2.5", "2.5", lambda c, d: c.budget == Budget(epochs=2.5)),
    "steps": ("50", "50", lambda c, d: c.budget == Budget(steps=50)),
    "samples_seen": ("1000", "1000", lambda c, d: c.budget == Budget(samples_seen=1000)),
    "min_steps": ("40", "40", lambda c, d: c.budget.min_steps == 40 and c.budget.epochs),
    "evaluation_spacing": ("1.01", "1.01", lambda c, d: c.evaluation_spacing == 1.01),
    "evaluation_samples": ("5000", "5000", lambda c, d: c.evaluation_samples == 5000),
    "within": ("1h30m", '"1h30m"', lambda c, d: c.within_seconds == 5400),
    "validation_fraction": ("0.2", "0.2", lambda c, d: c.split.validation == 0.2),
    "test_fraction": ("0.2", "0.2", lambda c, d: c.split.test == 0.2),
    "split_seed": ("4", "4", lambda c, d: c.split.seed == 4),
    "drop_last": (True, "true", lambda c, d: c.tail == "drop"),
    "target": (
        ("accuracy=0.9", "loss=0.3"),
        '["accuracy=0.9", "loss=0.3"]',
        lambda c, d: c.targets == (TargetSpec("accuracy", 0.9), TargetSpec("loss", 0.3)),
    ),
    "confirm": ("3", "3", lambda c, d: c.confirm == 3),
    "tolerance": ("0", "0", lambda c, d: c.tolerance == 0),
    "objective": ("samples", '"samples"', lambda c, d: c.aim == "samples"),
    "allow_accumulation": (True, "true", lambda c, d: c.accumulate),
    "max_memory": ("2GiB", '"2GiB"', lambda c, d: c.lanes_bytes == 2**31),
    "keep_states": ("2MB", '"2MB"', lambda c, d: c.states_bytes == 2_000_000),
    "hang_timeout": ("90s", '"90s"', lambda c, d: c.hang_seconds == 90),
    "price_per_hour": ("2.5", "2.5", lambda c, d: c.price_per_hour == 2.5),
    "device": ("cpu", '"cpu"', lambda c, d: c.device == "cpu"),
    "engine": ("loop", '"loop"', lambda c, d: c.engine == "loop"),
    "workers": ("3", "3", lambda c, d: c.workers == 3),
    "threads": ("1", "1", lambda c, d: c.threads == 1),
    "speed_loop": ("dataloader", '"dataloader"', lambda c, d: c.speed_loop == "dataloader"),
    "stream": ("always", '"always"', lambda c, d: c.stream == "always"),
    "devices": ("2", "2", lambda c, d: c.devices == 2),
    "executor": ("inline", '"inline"', lambda c, d: c.executor == "inline"),
    "scout": (True, "true", lambda c, d: c.learning_rates.scout),
    "halving": (True, "true", lambda c, d: c.learning_rates.halving),
    "tune": (
        "learning-rate,momentum",
        '["learning-rate", "momentum"]',
        lambda c, d: [a.name for a in c.search.axes] == ["effective_learning_rate", "momentum"],
    ),
    "store": ("there", '"there"', lambda c, d: d.store == "there"),
    "fresh": (True, "true", lambda c, d: d.fresh),
    "name": ("first", '"first"', lambda c, d: c.name == "first"),
    "log": (
        ("tensorboard:runs",),
        '["tensorboard:runs"]',
        lambda c, d: d.logs == (("tensorboard", "runs"),),
    ),
    "reference_batch_size": ("256", "256", lambda c, d: c.reference_batch_size == 256),
    "format": ("json", '"json"', lambda c, d: d.format == "json"),
    "get": ("sweep_id", '"sweep_id"', lambda c, d: d.get == "sweep_id"),
    "plot": (True, "true", lambda c, d: d.plot),
    "quiet": (True, "true", lambda c, d: d.quiet),
    "dry_run": (True, "true", lambda c, d: d.dry_run),
}
TOGETHER = {
    "learning_rate_rule",
    "base_batch_size",
    "saturation",
    "momentum_rule",
    "weight_decay_rule",
    "decay",
    "grow_to",
    "without_head",
    "vary",
    "method",  # see tests/test_branched_sweep.py
    "branch_points",
    "branch_samples",
    "trials",  # with tune: see tests/test_search.py
    "search",
    "command",  # and what belongs to it: see tests/command/test_ask.py
    "train_samples",
    "metrics_from",
    "source",
    "timeout",
    "ray_address",  # with an executor: see tests/test_clusters.py
    "slurm_partition",
    "slurm_time",
    "slurm_gpus",
    "slurm_args",
    "slurm_folder",
    "slurm_cluster",
}  # these need others: see below


def test_every_setting_is_tried_here() -> None:
    assert {setting.key for setting in SETTINGS} == set(GIVEN) | TOGETHER


@pytest.mark.parametrize("key", GIVEN)
def test_a_setting_means_the_same_wherever_it_is_given(key: str, tmp_path: Path) -> None:
    flag, toml, arrives = GIVEN[key]
    text = " ".join(flag) if isinstance(flag, tuple) else str(flag)
    by_flag = asked({key: flag})
    by_variable = asked(environ={f"BSX_{key.upper()}": text})
    by_file = asked(toml=f"{key} = {toml}", folder=tmp_path)
    dashed = asked(toml=f"{key.replace('_', '-')} = {toml}", folder=tmp_path)
    for sweep, door in (by_flag, by_variable, by_file, dashed):
        assert arrives(sweep, door)
    assert by_flag == by_variable == by_file == dashed


def test_a_rule_starts_from_its_base() -> None:
    flags = {"learning_rate": "0.1", "learning_rate_rule": "linear", "base_batch_size": "32"}
    sweep, _ = asked(flags)
    assert sweep.learning_rates == LearningRates("fixed", (0.1,), "linear", 32)
    assert asked({"learning_rate": "0.1"})[0].learning_rates.rule == "none"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"batch_sizes": "0"}, "--batch-sizes"),
        ({"seeds": "0"}, "--seeds 0: give a whole number of at least 1"),
        ({"seeds": "2.5"}, "--seeds 2.5"),
        ({"learning_rate": "0"}, "--learning-rate 0: give tuned, a rate above 0"),
        ({"learning_rate": "0.1,x"}, "--learning-rate"),
        ({"momentum": "1"}, "--momentum 1: give a number from 0 up to below 1"),
        ({"weight_decay": "-1"}, "--weight-decay -1"),
        ({"epochs": "nan"}, "--epochs nan: give a number above 0"),
        ({"epochs": "inf"}, "--epochs inf"),
        ({"within": "soon"}, "--within soon: give a time such as 90s"),
        ({"within": "0s"}, "--within 0s"),
        ({"target": ("accuracy",)}, "--target accuracy: give metric=value"),
        ({"target": ("=0.9",)}, "--target =0.9"),
        ({"target": ("accuracy=nan",)}, "--target accuracy=nan"),
        ({"model_args": ("hidden",)}, "--model-arg hidden: give key=value"),
        ({"device": "gpu"}, "--device gpu: give one of auto, cpu, cuda, mps"),
        ({"objective": "money"}, "give one of time, steps, samples, quality, memory, cost"),
        (
            {"tolerance": "5"},
            "--tolerance 5: give a number from 0 up to below 1, not per cent: 0.005",
        ),
        ({"price_per_hour": "0"}, "--price-per-hour 0: give a number above 0"),
        ({"model": "mpl"}, "did you mean mlp"),
        ({"optimizer": "sdg"}, "did you mean sgd"),
        ({"dataset": "no_file.py:data"}, "cannot read no_file.py"),
        ({"validation_fraction": "0.6", "test_fraction": "0.4"}, "leave nothing to train on"),
        ({"optimizer_args": ("lr=0.1",)}, "give the rate with --learning-rate"),
        ({"learning_rate": "0.1", "learning_rate_rule": "tuned"}, "there is nothing to tune"),
        ({"learning_rate_rule": "sqrt"}, "name it with --base-batch-size"),
        ({"base_batch_size": "32", "learning_rate": "0.1"}, "with one rate and without a rule"),
        ({"evaluation_spacing": "1"}, "give a factor from 1.001 to 4"),
        ({"evaluation_spacing": "5"}, "1.05 evaluates 159 times in 10,000 iterations"),
        ({"min_steps": "50", "steps": "40"}, "--min-steps 50 is above --steps 40"),
        ({"momentum": "0.5", "optimizer_args": ("momentum=0.9",)}, "disagree; give one of the two"),
        ({"seeds": "9" * 30}, "must be at most 10^18"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        asked(flags)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("sedes = 3", "sedes is no setting of a sweep; did you mean seeds"),
        ("lr = 0.1", "lr is no setting of a sweep; did you mean learning_rate?"),
        ("seeds = ", "is no valid TOML"),
        ("seeds = 0", "seeds = 0: give a whole number"),
        ("[sweep]\nseeds = 3", "sweep is no setting of a sweep; settings stand in no table"),
        ('[model]\nname = "mlp"', 'such as model = "mlp", and what it takes as model_args'),
        ("seeds = [3]", "seeds ="),
        ("model_args = 3", "model_args ="),
        ("target = 0.9", "target ="),
        ("target = {accuracy = 0.9}", None),
        ("learning_rate = {a = 1}", "learning_rate ="),
        ("batch_sizes = {a = 1}", "batch_sizes ="),
        ("batch_sizes = []", "batch_sizes ="),
        ("within = true", "within ="),
        ("dataset = 3", "dataset ="),
        ("quiet = 3", "quiet ="),
        ("name = 1979-05-27", "name ="),
        ("model_args = {at = 1979-05-27}", "model_args"),
        ("model_args = {rate = nan}", "model_args"),
    ],
)
def test_a_file_is_refused_by_its_name_and_key(toml: str, said: str | None, tmp_path: Path) -> None:
    if said is None:
        assert asked(toml=toml, folder=tmp_path)[0].targets == (TargetSpec("accuracy", 0.9),)
        return
    with pytest.raises(ConfigError) as refused:
        asked(toml=toml, folder=tmp_path)
    assert said in str(refused.value)
    assert str(tmp_path / "my.toml") in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for file in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot read"):
            read_sweep({}, {}, file)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no valid TOML"):
        read_sweep({}, {}, binary)


def test_a_view_leaves_what_is_not_given_as_it_was_asked_for() -> None:
    assert read_view({}, {})[0] == View()
    given = {"target": ("loss=0.2",), "tolerance": "0.01", "price_per_hour": "2.5"}
    view, _ = read_view({**given, "objective": "cost", "confirm": "3"}, {})
    assert view == View((TargetSpec("loss", 0.2),), 0.01, "cost", 2.5, 3)
    seen = view.of(asked()[0])
    assert (seen.targets, seen.tolerance, seen.confirm) == (view.targets, 0.01, 3)
    assert (seen.aim, seen.price_per_hour) == ("cost", 2.5)
    assert View().of(seen) == seen


def test_the_identity_of_a_sweep_is_what_is_trained_not_how_it_is_read() -> None:
    same = {"name": "x", "tolerance": "0.1", "within": "5m", "executor": "inline"}
    same |= {"objective": "cost", "price_per_hour": "2.5", "confirm": "3"}
    same |= {"noise_scale": True, "gradients": True, "sharpness": True}  # of runs trained again
    assert asked(same)[0].question() == asked()[0].question()
    for other in ({"seeds": "3"}, {"epochs": "3"}, {"dataset": "wine"}, {"drop_last": True}):
        assert asked(other)[0].question() != asked()[0].question()


TEXTS = st.one_of(
    st.text(max_size=12),
    st.text(string.digits + ".,-+e_:=hms xinfa", max_size=12),
    st.sampled_from(
        ["1e400", "9" * 5000, "٣", "1_0", "0x10", "1..2..3", "1:2", "²", "-0", "a=", "="]
    ),
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.floats(), st.booleans(), st.none(), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=VALUES)
def test_readers_refuse_with_nothing_but_a_config_error(setting: Any, value: Any) -> None:
    try:
        setting.read(value, setting.flag)
    except ConfigError as error:
        assert str(error)


@given(st.floats(0.001, 1e6))
def test_a_duration_is_read_back(seconds: float) -> None:
    assert parse.duration(f"{seconds!r}s", "--within") == pytest.approx(seconds)
    assert parse.duration(seconds, "--within") == seconds


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_a_literal_is_read_back(whole: int, real: float, flag: bool) -> None:
    assert literals.literal(str(whole)) == whole
    assert literals.literal(repr(real)) == real
    assert literals.literal(str(flag)) is flag


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("[256,128]", (256, 128)),
        ("[0.5, 2]", (0.5, 2)),
        ("[64]", (64,)),
        ("[mask]", "[mask]"),
        ("[]", "[]"),
        ("[a,1]", ("[a", "1]")),
    ],
)
def test_numbers_in_brackets_are_a_list_as_python_writes_it(typed: str, read: Any) -> None:
    assert literals.literal(typed) == read


@given(st.text())
def test_any_text_can_be_typed_as_an_argument(text: str) -> None:
    assert literals.literal(literals.as_typed(text)) == text
    assert literals.literal(f"{literals.as_typed(text)},7") == (text, 7)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ('Customer ID,"Job, title"', ("Customer ID", "Job, title")),
        ('"Job, title"', "Job, title"),
        ('"say ""so""", 7', ('say "so"', 7)),
        ('"7"', "7"),
        ('a"b,c"', ('a"b', 'c"')),
        ("128,", (128,)),
    ],
)
def test_what_stands_in_quotes_is_a_text_whatever_is_in_it(typed: str, read: object) -> None:
    assert literals.literal(typed) == read


def test_momentum_and_weight_decay_follow_the_batch_size_from_a_base(tmp_path: Path) -> None:
    flags = {"momentum_rule": "half-life", "weight_decay_rule": "sqrt", "base_batch_size": "32"}
    config, _ = read_sweep(flags, {}, None)
    assert config.scaling == Scaling("half-life", "sqrt", 32)
    assert config.learning_rates.base_batch_size is None


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ({"momentum_rule": "half-life"}, ("--momentum-rule", "--base-batch-size")),
        ({"saturation": "100"}, ("--saturation", "--learning-rate-rule")),
        ({"scout": True, "learning_rate": "0.1"}, ("--scout", "--learning-rate 0.1")),
        ({"without_head": True}, ("--without-head", "--init-from")),
        ({"augment": ("spin",)}, ("--augment spin", "flip")),
        ({"decay": "batch-size"}, ("--decay batch-size", "--schedule constant", "give --schedule")),
        (
            {"decay": "batch-size", "schedule": "one-cycle"},
            ("--decay batch-size", "--schedule one-cycle", "--schedule cosine --warmup 0.3"),
        ),
        (
            {"decay": "batch-size", "schedule": "step", "class_skew": "0.5"},
            ("--decay batch-size", "--class-skew 0.5"),
        ),
        ({"grow_to": "64", "schedule": "step"}, ("--grow-to 64", "--decay batch-size")),
        ({"objective": "cost"}, ("--objective cost", "--price-per-hour")),
        ({"init_from": "there-is-none.pt"}, ("--init-from", "there-is-none.pt")),
    ],
)
def test_what_needs_another_setting_says_which(
    flags: dict[str, Any], names: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as error:
        read_sweep(flags, {}, None)
    assert all(name in str(error.value) for name in names)


@pytest.mark.parametrize("schedule", ["step", "exponential", "cosine", "linear"])
def test_a_batch_may_grow_where_a_schedule_decays(schedule: str, tmp_path: Path) -> None:
    flags = {"schedule": schedule, "decay": "batch-size", "grow_to": "64"}
    toml = f'schedule = "{schedule}"\ndecay = "batch-size"\ngrow-to = 64'
    for sweep, _ in (asked(flags), asked(toml=toml, folder=tmp_path)):
        assert (sweep.training.decay, sweep.training.grow_to) == ("batch-size", 64)


def test_what_batches_grow_to_is_of_the_arm_in_which_they_grow() -> None:
    flags = {"schedule": "step", "vary": ("decay=rate,batch-size",), "grow_to": "64"}
    trainings = [sweep.training for _, sweep in read_arms(flags, {}, None)[0]]
    assert [(t.decay, t.grow_to) for t in trainings] == [("rate", None), ("batch-size", 64)]


def test_the_base_of_the_audit_is_no_part_of_the_question() -> None:
    plain, _ = read_sweep({}, {}, None)
    based, _ = read_sweep({"base_batch_size": "32"}, {}, None)
    assert (plain.audit_base, based.audit_base) == (None, 32)
    assert based.question() == plain.question()
    ruled = {"base_batch_size": "32", "learning_rate": "0.1", "learning_rate_rule": "linear"}
    config, _ = read_sweep(ruled, {}, None)
    assert (config.audit_base, config.learning_rates.base_batch_size) == (None, 32)
