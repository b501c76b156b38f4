"""The JSON document holds every key of its contract, whatever is known."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import pytest

from bsx.render.document import document
from bsx.render.rows import rows
from bsx.schema import Analysis
from tests.render import measured, sample

NUMBER = {"type": ["number", "null"]}


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


ESTIMATE = _object(
    value=NUMBER,
    low=NUMBER,
    high=NUMBER,
    level={"type": "number"},
    n={"type": "integer"},
    method={"type": "string"},
    censored_at=NUMBER,
)
KNOWN_OR_NULL = _maybe(ESTIMATE)
METRICS = {"type": "object", "additionalProperties": ESTIMATE}
SCORES = {"type": "object", "additionalProperties": NUMBER}
COUNT = {"type": "integer"}
TEXT = {"type": "string"}

RATE = _object(
    learning_rate=NUMBER,
    seeds={"type": "integer"},
    diverged={"type": "integer"},
    to_target=_list(_object(steps=KNOWN_OR_NULL, reached_fraction=NUMBER)),
    validation=METRICS,
)
RULE = _object(
    learning_rate={"type": "number"},
    nearest_learning_rate={"type": "number"},
    steps_ratio=KNOWN_OR_NULL,
    verdict={"enum": ["base", "holds", "does_not_hold", "cannot_be_told"]},
    reason={"type": ["string", "null"]},
)
TO_TARGET = _object(
    learning_rate=NUMBER,
    learning_rate_at_edge={"type": ["boolean", "null"]},
    learning_rate_basin=_maybe({"type": "array", "minItems": 2, "maxItems": 2}),
    steps=KNOWN_OR_NULL,
    epochs=KNOWN_OR_NULL,
    samples=KNOWN_OR_NULL,
    seconds=KNOWN_OR_NULL,
    reached_fraction=NUMBER,
    mean_curve_steps=KNOWN_OR_NULL,
)
FINAL = _object(
    learning_rate={"type": "number"},
    learning_rate_at_edge={"type": ["boolean", "null"]},
    train=METRICS,
    validation=METRICS,
    test=METRICS,
    generalization_gap=KNOWN_OR_NULL,
    best_epoch=KNOWN_OR_NULL,
)
SPEED = _object(
    loop=TEXT,
    step_seconds=ESTIMATE,
    samples_per_second=ESTIMATE,
    epoch_seconds=ESTIMATE,
    peak_memory_bytes=KNOWN_OR_NULL,
    sample_joules=KNOWN_OR_NULL,
)
NOISE_POINT = _object(
    step=COUNT,
    epoch={"type": "number"},
    samples_seen=COUNT,
    noise_scale=ESTIMATE,
    gradient_square=ESTIMATE,
    covariance_trace=ESTIMATE,
)
NOISE_CURVE = _object(
    learning_rate={"type": "number"},
    seed=COUNT,
    at={"enum": ["target", "end"]},
    growth=KNOWN_OR_NULL,
    points=_list(NOISE_POINT),
)
AT_EQUAL = _object(learning_rate=NUMBER, value=ESTIMATE, shortfall=KNOWN_OR_NULL)
GRADIENTS = _object(
    batch_size=COUNT,
    learning_rate={"type": "number"},
    seed=COUNT,
    cosine={"type": "number"},
    points=_list(
        _object(
            place={"enum": ["start", "middle", "end"]},
            step=COUNT,
            epoch={"type": "number"},
            full_norm={"type": "number"},
            variance_exponent=KNOWN_OR_NULL,
            settles_at=KNOWN_OR_NULL,
            batch_sizes=_list(_object(batch_size=COUNT, variance=ESTIMATE, cosine=ESTIMATE)),
        )
    ),
)
BATCH_SIZE = _object(
    batch_size=COUNT,
    status={"enum": ["ok", "censored", "diverged", "out_of_memory", "failed", "not_run"]},
    runs=COUNT,
    seeds=COUNT,
    diverged_fraction=NUMBER,
    steps_per_epoch=COUNT,
    last_batch=COUNT,
    steps=COUNT,
    epochs={"type": "number"},
    grows_to=_maybe(COUNT),
    learning_rates=_list(RATE),
    rules={"type": "object", "additionalProperties": RULE},
    to_target=_list(TO_TARGET),
    final=_maybe(FINAL),
    speed=_maybe(SPEED),
    noise_scale=KNOWN_OR_NULL,
    noise_curve=_maybe(NOISE_CURVE),
    sharpness=KNOWN_OR_NULL,
    hessian_eigenvalue=KNOWN_OR_NULL,
    against_small=_maybe(
        _object(test=KNOWN_OR_NULL, sharpness=KNOWN_OR_NULL, eigenvalue=KNOWN_OR_NULL)
    ),
    at_equal_epochs=_maybe(AT_EQUAL),
    at_equal_steps=_maybe(AT_EQUAL),
)
CONTRACT = _object(
    schema_version={"const": 1},
    sweep_id=TEXT,
    name={"type": ["string", "null"]},
    arm={"type": ["string", "null"]},
    status=TEXT,
    metric=TEXT,
    config={"type": "object"},
    environment={"type": "object"},
    data=_object(
        name=TEXT,
        train_samples=COUNT,
        validation_samples=COUNT,
        test_samples=COUNT,
        input_shape=_list(COUNT),
        classes={"type": ["integer", "null"]},
        target_scale=_list({"type": "number"}),
    ),
    targets=_list(
        _object(
            metric=TEXT,
            split={"const": "validation"},
            threshold={"type": "number"},
            source={"enum": ["user", "auto"]},
            critical_batch_size=KNOWN_OR_NULL,
            critical_batch_size_20=KNOWN_OR_NULL,
            min_steps=KNOWN_OR_NULL,
            min_samples=KNOWN_OR_NULL,
            reference_batch_size={"type": ["integer", "null"]},
            verdict=TEXT,
            fit_p_value=NUMBER,
            departure={"type": ["string", "null"]},
            regimes=_maybe(
                _object(
                    within={"type": "number"},
                    perfect_scaling_up_to=KNOWN_OR_NULL,
                    maximal_parallelism_from=KNOWN_OR_NULL,
                )
            ),
            next_run={"type": "object"},
            noise_scale=KNOWN_OR_NULL,
            noise_scale_verdict={
                "enum": ["agrees", "larger", "smaller", "undetermined", None],
            },
        )
    ),
    batch_sizes=_list(BATCH_SIZE),
    baseline=_maybe(_object(name=TEXT, validation=SCORES, test=SCORES)),
    speed_from=_maybe({"type": "object"}),
    branched=_maybe({"type": "object"}),
    gradients=_maybe(GRADIENTS),
    small_batch_size={"type": ["integer", "null"]},
    equal_epochs=NUMBER,
    equal_steps={"type": ["integer", "null"]},
    rule_base=_maybe(_object(batch_size=COUNT, learning_rate={"type": "number"})),
    memory_limit=_maybe(_object(limit_bytes=COUNT, source=TEXT)),
    explanation=_maybe({"type": "object", "additionalProperties": _list(TEXT)}),
    recommendation=_maybe(
        _object(
            batch_size=COUNT,
            learning_rate=NUMBER,
            objective=TEXT,
            indifferent=_list(COUNT),
            relative_cost={"type": "object", "additionalProperties": ESTIMATE},
            price_per_hour=NUMBER,
            cost=KNOWN_OR_NULL,
            ends_worse=KNOWN_OR_NULL,
            memory_share=KNOWN_OR_NULL,
            reason=TEXT,
        )
    ),
    cautions=_list(_object(code=TEXT, message=TEXT, batch_size={"type": ["integer", "null"]})),
)

NOTHING = dataclasses.replace(
    sample.analysis(), targets=(), batch_sizes=(), recommendation=None, cautions=()
)


@pytest.mark.parametrize(
    "analysis",
    [sample.analysis(), sample.troubled(), measured.analysis(), NOTHING],
    ids=["well", "troubled", "measured", "empty"],
)
def test_the_document_keeps_the_contract(analysis: Analysis) -> None:
    text = json.dumps(document(sample.sweep(), analysis), allow_nan=False)
    jsonschema.validate(json.loads(text), CONTRACT)


def test_a_censored_quantity_is_null_and_says_how_far_was_looked() -> None:
    sizes = document(sample.sweep(), sample.troubled())["batch_sizes"]
    steps = next(s for s in sizes if s["status"] == "censored")["to_target"][0]["steps"]
    assert steps["value"] is None
    assert steps["censored_at"] == 1000


def test_the_baseline_is_there_with_every_metric_or_null() -> None:
    sweep = sample.sweep()
    assert document(sweep, sample.analysis())["baseline"] == {
        "name": "most frequent class",
        "validation": {"accuracy": 0.1056, "loss": 2.31},
        "test": {"accuracy": 0.1, "loss": 2.3},
    }
    without = dataclasses.replace(sweep, facts=dataclasses.replace(sweep.facts, baseline=None))
    text = json.dumps(document(without, sample.analysis()))
    jsonschema.validate(json.loads(text), CONTRACT)
    assert json.loads(text)["baseline"] is None


def test_a_row_is_a_batch_size_and_the_baseline_is_none() -> None:
    whole = document(sample.sweep(), sample.analysis())
    assert [row["batch_size"] for row in rows(whole)] == [2**k for k in range(1, 11)]


def test_cautions_stay_one_a_batch_size() -> None:
    analysis = dataclasses.replace(
        sample.analysis(),
        cautions=tuple(dataclasses.replace(sample.analysis().cautions[0], batch_size=b)
                       for b in (2, 4)),
    )  # fmt: skip
    cautions = document(sample.sweep(), analysis)["cautions"]
    assert [c["batch_size"] for c in cautions] == [2, 4]


def test_the_reason_is_a_sentence() -> None:
    reason = document(sample.sweep(), sample.analysis())["recommendation"]["reason"]
    assert reason[0].isupper()
    assert reason.endswith(".")


def test_every_row_has_the_same_keys_and_no_nested_values() -> None:
    found = rows(document(sample.sweep(), sample.troubled()))
    assert len({tuple(row) for row in found}) == 1
    assert not any(isinstance(v, dict | list | tuple) for row in found for v in row.values())


def test_rows_hold_values_with_their_intervals() -> None:
    whole = document(sample.sweep(), sample.analysis())
    row = next(r for r in rows(whole) if r["batch_size"] == 64)
    size = next(s for s in whole["batch_sizes"] if s["batch_size"] == 64)
    assert row["recommended"] is True
    assert row["to_target_steps"] == size["to_target"][0]["steps"]["value"]
    assert row["to_target_steps_high"] == size["to_target"][0]["steps"]["high"]
    assert row["final_test_accuracy"] == size["final"]["test"]["accuracy"]["value"]
    assert row["speed_peak_memory_bytes"] == size["speed"]["peak_memory_bytes"]["value"]


def test_the_second_target_has_columns_of_its_own() -> None:
    well = sample.analysis()
    size = well.batch_sizes[0]
    two = dataclasses.replace(
        well,
        targets=well.targets * 2,
        batch_sizes=(dataclasses.replace(size, to_target=size.to_target * 2),),
    )
    row = rows(document(sample.sweep(), two))[0]
    assert row["to_target_2_steps"] == row["to_target_steps"]
