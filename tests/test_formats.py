"""The machine formats and ``--get``, on documents as sweeps print them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bsx.errors import ConfigError, NothingFound
from bsx.render.formats import Format, bare, columns, get_text, lookup, machine_text

SPEED = {"value": 1234.5, "low": 1200.0, "high": 1300.0, "censored_at": None}
DOCUMENT: dict[str, Any] = {
    "schema_version": 1,
    "name": "a | b",
    "batch_sizes": [
        {
            "batch_size": 32,
            "to_target": [{"steps": {"value": None, "low": 9.0, "censored_at": 900}}],
            "speed": {"samples_per_second": SPEED},
        },
        {"batch_size": 64, "to_target": [{"steps": None}], "speed": None},
    ],
    "recommendation": {"batch_size": 32, "indifferent": [32, 64], "reason": "fast"},
    "cautions": [{"code": "few_seeds", "batch_size": 64}, {"code": "noise", "batch_size": None}],
    "empty": [],
}
ROWS = DOCUMENT["batch_sizes"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("schema-version", "1\n"),
        ("batch_sizes.32.speed.samples_per_second.value", "1234.5\n"),
        ("batch-sizes.32.speed.samples-per-second.value", "1234.5\n"),
        ("recommendation.batch-size", "32\n"),
        ("recommendation.indifferent", "32\n64\n"),
        ("recommendation.indifferent.1", "64\n"),
        ("cautions.0.code", "few_seeds\n"),
        ("batch_sizes.batch_size", "32\n64\n"),
        ("batch_sizes.speed.samples_per_second.value", "1234.5\n\n"),
        ("empty", ""),
    ],
)
def test_paths_lead_to_bare_values(path: str, text: str) -> None:
    if path == "empty":
        with pytest.raises(NothingFound):
            get_text(DOCUMENT, path)
    else:
        assert get_text(DOCUMENT, path) == text


@pytest.mark.parametrize(
    "path",
    [
        "batch_sizes.128.speed",
        "batch_sizes.64.speed.samples_per_second",
        "batch_sizes.32.to_target.0.steps.value",
        "batch_sizes.32.to_target.7.steps",
        "name.length",
        "nothing",
        "",
    ],
)
def test_paths_that_lead_nowhere_are_one_line(path: str) -> None:
    with pytest.raises(NothingFound) as raised:
        lookup(DOCUMENT, path)
    assert str(raised.value).startswith("--get")
    assert raised.value.exit_code == 1


def test_a_near_miss_is_named() -> None:
    with pytest.raises(NothingFound, match="did you mean recommendation"):
        lookup(DOCUMENT, "recomendation")


def test_plain_iterations_is_refused_naming_both() -> None:
    with pytest.raises(ConfigError, match="iterations-per-epoch or total-iterations"):
        lookup({"steps_per_epoch": 1}, "iterations")


def test_synonyms_lead_to_the_field() -> None:
    assert lookup({"steps_per_epoch": 7, "total_steps": 70}, "iterations-per-epoch") == 7
    assert lookup({"steps_per_epoch": 7, "total_steps": 70}, "total_iterations") == 70


def test_bare_values_are_as_shells_read_them() -> None:
    assert [bare(v) for v in (True, None, 10**18, 0.1, "x y")] == [
        "true", "", "1000000000000000000", "0.1", "x y",
    ]  # fmt: skip
    assert bare({"low": 1, "high": 2}) == "1 to 2"
    assert json.loads(bare(SPEED)) == SPEED


def test_json_is_the_document_and_refuses_nan() -> None:
    assert json.loads(machine_text(DOCUMENT, ROWS, Format.JSON)) == DOCUMENT
    with pytest.raises(ValueError, match="not JSON compliant"):
        machine_text({"x": float("nan")}, [], Format.JSON)


def test_jsonl_has_a_row_a_line() -> None:
    lines = machine_text(DOCUMENT, ROWS, Format.JSONL).splitlines()
    assert [json.loads(line) for line in lines] == ROWS


def test_nested_rows_become_dotted_columns_and_unknowns_empty_cells() -> None:
    names, cells = columns(ROWS)
    assert "speed" not in names
    assert "to_target.0.steps" not in names
    value = names.index("speed.samples_per_second.value")
    assert [row[value] for row in cells] == ["1234.5", ""]
    assert len({len(row) for row in cells} | {len(names)}) == 1


def test_csv_and_markdown_escape_what_would_break_them() -> None:
    rows = [{"name": 'a, "b"\nc | d', "n": 1}]
    assert machine_text(None, rows, Format.CSV) == 'name,n\n"a, ""b""\nc | d",1\n'
    assert machine_text(None, rows, Format.MARKDOWN).splitlines()[2] == '| a, "b" c \\| d | 1 |'


def test_long_values_never_wrap() -> None:
    rows = [{"text": "word " * 200}]
    assert len(machine_text(rows, rows, Format.MARKDOWN).splitlines()) == 3


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("threshold", "did you mean targets.0.threshold?"),
        ("samples-per-second", "batch_sizes.8.speed.samples_per_second or batch_sizes.16.speed."),
        ("targets.0.value", "did you mean targets.0.steps.value?"),
    ],
)
def test_a_name_that_is_only_nested_is_told_with_its_place(path: str, places: str) -> None:
    speed = {"speed": {"samples_per_second": 1.0}}
    document = {
        "targets": [{"threshold": 0.9, "steps": {"value": 3.0}}],
        "batch_sizes": [{"batch_size": 8, **speed}, {"batch_size": 16, **speed}],
    }
    with pytest.raises(NothingFound) as found:
        get_text(document, path)
    assert places in str(found.value)


@pytest.mark.parametrize("path", ["recommendation", "recommendation.batch-size"])
def test_without_a_recommendation_it_says_why(path: str) -> None:
    said = {"code": "no_recommendation", "message": "none can be: no run completed"}
    document = {"recommendation": None, "cautions": [{"code": "x", "message": "y"}, said]}
    with pytest.raises(NothingFound, match="none can be: no run completed"):
        get_text(document, path)
    with pytest.raises(NothingFound, match=f"--get arms.0.{path}: none can be"):
        get_text({"arms": [document]}, f"arms.0.{path}")


def test_what_is_suggested_for_all_rows_can_be_asked_for_from_the_top() -> None:
    sizes = [{"batch_size": size, "rates": [{"rate": size / 8}]} for size in (8, 16)]
    document = {"batch_sizes": sizes}
    with pytest.raises(NothingFound, match=r"did you mean batch_sizes\.rates\.0\.rate\?"):
        lookup(document, "batch_sizes.rate")
    assert lookup(document, "batch_sizes.rates.0.rate") == [1, 2]
