"""Series: windows, their division in time, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bsx.data import Dataset
from bsx.data.chronological import Cut, chronological_starts
from bsx.data.series import series
from bsx.errors import BsxError, ConfigError, DataError

REAL = Path(os.environ.get("BSX_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
Written = Callable[..., str]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write a csv; return its path."""

    def write(rows: Sequence[Sequence[Any]] | bytes, header: str = "") -> str:
        file = tmp_path / "series.csv"
        content = rows if isinstance(rows, bytes) else _csv(rows, header)
        file.write_bytes(content)
        return str(file)

    return write


def _csv(rows: Sequence[Sequence[Any]], header: str) -> bytes:
    lines = [header] if header else []
    return "\n".join([*lines, *(",".join(map(str, row)) for row in rows), ""]).encode()


def rows_of(dataset: Dataset, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a part's inputs and targets."""
    assert dataset.parts is not None
    rows = dataset.parts[part]
    return dataset.inputs[rows], dataset.targets[rows]


def counting(written: Written, length: int = 100, **options: Any) -> tuple[Dataset, np.ndarray]:
    """Open the series 0, 1, 2 … and say what each scaled number was."""
    made = series(written([[i] for i in range(length)], "value"), **options)
    return made, np.arange(length)


def unscaled(values: torch.Tensor, dataset: Dataset) -> torch.Tensor:
    """Recover the numbers of a counting series: its steps are one apart."""
    first = rows_of(dataset, "train")[0][0]
    step = float(first[1] - first[0])
    return ((values - first[0]) / step).round()


def test_a_series_of_1000_with_a_window_of_10_has_windows_of_shape_10(written: Written) -> None:
    made, _ = counting(written, 1000, window=10)
    assert made.inputs.shape[1:] == (10,)
    assert made.targets.dim() == 1
    assert len(made.inputs) == 990 - 2 * 10  # windows across the two borders are left out
    assert made.task == "regression"


def test_the_target_is_what_follows_the_window(written: Written) -> None:
    made, _ = counting(written, window=4, horizon=3)
    inputs, targets = rows_of(made, "train")
    assert unscaled(inputs, made)[5].tolist() == [5, 6, 7, 8]
    assert unscaled(targets, made)[5].tolist() == [9, 10, 11]


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_no_row_is_in_two_parts(written: Written, stride: int) -> None:
    made, _ = counting(written, 200, window=6, horizon=2, stride=stride)
    seen = {}
    for part in ("train", "validation", "test"):
        inputs, targets = rows_of(made, part)
        seen[part] = set(unscaled(torch.cat([inputs, targets], dim=1), made).flatten().tolist())
    assert max(seen["train"]) < min(seen["validation"])
    assert max(seen["validation"]) < min(seen["test"])


def test_the_stride_thins_the_windows(written: Written) -> None:
    made, _ = counting(written, window=5, stride=4)
    inputs, _ = rows_of(made, "train")
    assert unscaled(inputs, made)[:3, 0].tolist() == [0, 4, 8]


def test_scaling_is_fitted_on_the_training_part_alone(written: Written) -> None:
    early = [[v] for v in np.sin(np.arange(400))]
    quiet = series(written([*early, *([[0.0]] * 100)], "v"), window=8)
    loud = series(written([*early, *([[1000.0 + i] for i in range(100)])], "v"), window=8)
    assert torch.equal(rows_of(quiet, "train")[0], rows_of(loud, "train")[0])
    rows = torch.unique(rows_of(quiet, "train")[0])
    assert abs(float(rows.std(correction=0)) - 1) < 0.02
    assert float(rows_of(loud, "test")[0].min()) > 500


def test_several_columns_are_channels_and_the_last_one_is_the_target(written: Written) -> None:
    rows = [[f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00", i, 10 * i, -i] for i in range(120)]
    path = written(rows, "date,a,b,c")
    made = series(path, window=6)
    assert made.inputs.shape[1:] == (6, 3)
    assert torch.allclose(made.targets[:3], made.inputs[6:9, 0, 2])
    some = series(path, window=6, columns=["a", "c"], target="b", horizon=2)
    assert some.inputs.shape[1:] == (6, 2)
    assert some.targets.shape[1:] == (2,)
    both = series(path, window=6, columns=[1], target=[2, 3], horizon=2)
    assert both.inputs.shape[1:] == (6,)
    assert both.targets.shape[1:] == (4,)


def test_a_file_without_header_is_read_by_column_numbers(written: Written) -> None:
    made = series(written([[i, i % 7] for i in range(90)]), window=5, columns=1)
    assert made.inputs.shape == (90 - 5 - 2 * 5, 5)


def test_a_year_column_is_taken_for_the_time(written: Written) -> None:
    made = series(written([[1700 + i, i % 11] for i in range(90)], "YEAR,SPOTS"), window=5)
    assert made.inputs.dim() == 2


def test_no_window_spans_a_gap(written: Written) -> None:
    times = [*range(150), *range(200, 350)]
    made = series(written([[t, t] for t in times], "time,value"), window=5)
    whole = torch.cat([made.inputs, made.targets[:, None]], dim=1)
    steps = (whole[:, 1:] - whole[:, :-1]).flatten()
    assert torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-4)
    path = written([[t, t] for t in times], "time,value")
    assert len(series(path, window=5, gaps="ignore").inputs) > len(made.inputs)
    with pytest.raises(DataError, match=r"line 152.*a gap before 200.*gaps=break"):
        series(path, window=5, gaps="refuse")


def test_months_of_different_length_are_no_gap(written: Written) -> None:
    rows = [[f"{1990 + i // 12}-{1 + i % 12:02d}-01", i] for i in range(120)]
    made = series(written(rows, "month,value"), window=12)
    assert len(made.inputs) == 120 - 12 - 2 * 12


def test_missing_values_are_refused_or_break_the_series_or_carry_the_last_one(
    written: Written,
) -> None:
    rows = [["" if i == 20 else i] for i in range(120)]
    path = written([[i, *row] for i, row in enumerate(rows)], "time,value")
    with pytest.raises(DataError, match=r"line 22, column value has no value.*missing=previous"):
        series(path, window=5)
    broken = series(path, window=5, missing="break")
    carried = series(path, window=5, missing="previous")
    assert len(carried.inputs) == 120 - 5 - 2 * 5
    assert len(broken.inputs) == len(carried.inputs) - 6  # the windows that hold row 20
    assert float(carried.inputs[20, 0]) == float(carried.inputs[20 - 1, 0])


@pytest.mark.parametrize("target", ["b", ["b", "c"], ["c", "a", "b"]])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("window", [1, 5])
def test_the_naive_prediction_is_the_last_value_of_each_target_over_the_horizon(
    written: Written, window: int, horizon: int, stride: int, target: str | list[str]
) -> None:
    values = np.random.default_rng(0).permutation(360).reshape(120, 3)
    path = written([[i, *row] for i, row in enumerate(values)], "time,a,b,c")
    made = series(path, window, horizon, stride, columns=["a", "b"], target=target)
    wanted = values[:, ["abc".index(name) for name in target]]
    assert made.naive is not None
    assert made.scaled_by is not None
    name, naive = made.naive
    shift, scale = (torch.tensor(numbers) for numbers in made.scaled_by)
    assert name == "last value"
    assert naive.shape == made.targets.shape
    # No number comes twice: a row is known again by any of them, in the units of the file.
    future = (shift + scale * made.targets.reshape(len(naive), -1)).round().int().tolist()
    last = (shift + scale * naive.reshape(len(naive), -1)).round().int().tolist()
    for seen, predicted in zip(future, last, strict=True):
        row = int(np.flatnonzero(wanted[:, 0] == seen[0])[0])
        assert seen == wanted[row : row + horizon].ravel().tolist()
        assert predicted == wanted[row - 1].tolist() * horizon


def test_the_naive_prediction_of_a_single_column_is_the_end_of_the_window(written: Written) -> None:
    made, _ = counting(written, window=7, stride=2)
    assert made.naive is not None
    assert torch.equal(made.naive[1], made.inputs[:, -1])


@pytest.mark.parametrize("gaps", ["break", "ignore"])
def test_the_naive_prediction_knows_nothing_of_what_is_predicted(
    written: Written, gaps: str
) -> None:
    rows = [[t, v] for t, v in zip([*range(60), *range(80, 160)], np.sin(range(140)), strict=True)]
    made = series(written(rows, "time,v"), window=5, horizon=2, gaps=gaps)
    assert made.parts is not None
    assert made.naive is not None
    first = int(made.parts["test"][-1])  # of the last window, which ends with the file
    rows[-1][1], rows[-2][1] = 50.0, -50.0
    other = series(written(rows, "time,v"), window=5, horizon=2, gaps=gaps)
    assert other.naive is not None
    assert not torch.equal(made.targets[first], other.targets[first])
    assert torch.equal(made.naive[1], other.naive[1])


@given(
    st.integers(1, 120),
    st.integers(1, 9),
    st.integers(1, 6),
    st.lists(st.integers(0, 120), max_size=5),
    st.floats(0.01, 0.4),
    st.floats(0.01, 0.4),
)
def test_parts_are_in_order_apart_and_within_stretches_whatever_the_series(
    rows: int, length: int, stride: int, breaks: list[int], validation: float, test: float
) -> None:
    breaks = [b for b in breaks if b < rows]
    shares = {"validation": validation, "test": test}
    try:
        starts = chronological_starts(breaks, rows, Cut(length, stride, "rows", "more"), shares, "")
    except DataError:
        return
    end = 0
    for part in ("train", "validation", "test"):
        found = starts[part]
        assert len(found)
        assert found[0] >= end
        end = int(found[-1]) + length
        assert all(not any(s < b < s + length for b in breaks) for s in found)
    assert end <= rows


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"a,b\n1,2\n3\n4,5\n", {}, "line 3 has 1 cells"),
        (b"a\n1\n2\nmany\n", {}, "line 4, column a: 'many' is no finite number"),
        (b"a\n1\ninf\n", {}, "line 3, column a: 'inf'"),
        (b"a\n1\nnan\n", {}, "line 3, column a has no value"),
        (b"", {}, "the file is empty"),
        (b"a\n", {}, "no row follows the header"),
        (b"caf\xe9\n1\n", {}, "line 1 (byte 3) is no utf-8"),
        (b"a\n" + b"1\n2\n" * 20, {"window": 50}, "give more rows or a smaller window"),
        (b"time,a\n2,1\n1,2\n3,4\n", {}, "line 3, column time: 1 comes after 2; sort"),
        (b"date,a\n2024-01-01,1\nsoon,2\n2024-01-03,4\n", {}, "line 3, column date: 'soon'"),
        (b'a\n"1\n2\n', {}, "--dataset series:"),
    ],
)
def test_series_that_cannot_be_used_are_refused_with_row_and_remedy(
    written: Written, content: bytes, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError) as refused:
        series(written(content), **options)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 0}, "--dataset-arg window=0: give a whole number of at least 1"),
        ({"horizon": "long"}, "horizon=long"),
        ({"columns": "z"}, "columns=z: there is no such column; the file has a, b"),
        ({"target": 9}, "target=9"),
        ({"columns": ["a", "a"]}, "give each column once"),
        ({"missing": "guess"}, "give one of refuse, break, previous"),
        ({"gaps": "jump"}, "give one of break, refuse, ignore"),
        ({"encoding": "klingon"}, "knows no such encoding"),
        ({"delimiter": "ab"}, "give one character"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    written: Written, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        series(written([[i, -i] for i in range(60)], "a,b"), **options)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(BsxError, match=r"series:nowhere\.csv"):
        series("nowhere.csv")


@pytest.mark.skipif(not (REAL / "ett").is_dir(), reason="the real data are not here")
def test_etth1_is_read_without_gaps() -> None:
    made = series(str(REAL / "ett" / "ETTh1.csv"), window=96, horizon=24, target="OT")
    assert made.inputs.shape == (17420 - 119 - 2 * 119, 96, 7)
    assert made.targets.shape[1:] == (24,)


@pytest.mark.skipif(not (REAL / "sunspots").is_dir(), reason="the real data are not here")
def test_sunspots_are_one_channel_by_year() -> None:
    made = series(str(REAL / "sunspots" / "sunspots.csv"), window=10)
    assert made.inputs.shape == (309 - 10 - 2 * 10, 10)
