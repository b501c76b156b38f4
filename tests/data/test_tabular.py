"""csv:FILE and parquet:FILE: columns, targets, gaps, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsx.data.source import File
from bsx.data.tabular import csv
from bsx.errors import ConfigError, DataError
from bsx.literals import literal
from tests.data.opening import opened, real, refused, sizes

Written = Callable[..., str]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write a file; return the name of the dataset."""

    def write(content: str | bytes, file: str = "data.csv") -> str:
        path = tmp_path / file
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return f"csv:{path}"

    return write


def rows(count: int = 60, line: str = "{i},{b},{c}", header: str = "") -> str:
    """Lines of a table: a counter, a number with fractions, and one of three classes."""
    lines = [line.format(i=i, b=i / 7, c="xyz"[i % 3], n=i % 3) for i in range(count)]
    return "\n".join([*([header] if header else []), *lines, ""])


def test_the_last_column_is_the_target_and_text_is_classes(written: Written) -> None:
    splits = opened(written(rows()))
    assert sizes(splits) == (48, 6, 6)
    assert (splits.task, splits.classes, splits.input_shape) == ("classification", 3, (2,))


@pytest.mark.parametrize("target", ["kind", 2, -1])
def test_the_target_is_named_or_numbered(written: Written, target: Any) -> None:
    name = written(rows(header="count,size,kind"))
    assert opened(name, target=target).classes == 3
    assert opened(name, target="size").task == "regression"


def test_a_target_that_is_not_there_is_refused_with_those_that_are(written: Written) -> None:
    name = written(rows(header="count,size,kind"))
    said = refused(name, ConfigError, target="sort")
    assert "no such column; the file has count, size, kind" in said
    assert "no such column" in refused(name, ConfigError, target=3)
    assert "several columns" in refused(
        written(rows(header="a,a,kind")), ConfigError, target="a", header=True
    )


@pytest.mark.parametrize(
    ("header", "given", "samples"),
    [("", "auto", 60), ("a,b,c", "auto", 60), ("a,b,c", True, 60), ("", True, 59), ("", "no", 60)],
)
def test_a_header_is_seen_or_said(written: Written, header: str, given: Any, samples: int) -> None:
    assert sum(sizes(opened(written(rows(header=header)), header=given))) == samples


def test_columns_of_text_become_a_column_for_each_category(written: Written) -> None:
    name = written(rows(line="{i},{c},{b}", header="count,kind,size"))
    splits = opened(name, standardize=False)
    assert splits.input_shape == (4,)
    assert torch.equal(splits.train.inputs[:, 1:].sum(dim=1), torch.ones(48))
    assert set(splits.train.inputs[:, 1:].unique().tolist()) == {0.0, 1.0}
    assert opened(name, drop="kind").input_shape == (1,)


def test_columns_of_numbers_can_be_taken_as_categories(written: Written) -> None:
    name = written(rows(line="{i},{n},{c}"))
    assert opened(name, categorical=1).input_shape == (4,)
    assert "each column once" in refused(name, ConfigError, categorical=(1, 1))


def test_of_a_column_of_both_it_is_said_how_to_take_it_and_what_was_asked_for_stays(
    written: Written,
) -> None:
    text = rows(line="{i},{n},{n},{c}", header="count,kind,grade,class")
    lines = text.splitlines()
    lines[5] = "5,1,good,a"
    said = refused(written("\n".join(lines)), DataError, categorical="kind")
    assert "'good' is no number" in said and "categorical=kind,grade" in said


@pytest.mark.parametrize(
    ("line", "task", "size"),
    [("{i},{c}", "classification", 3), ("{i},{n}", "classification", 3),
     ("{i},{b}", "regression", 1), ("{b},{i}", "regression", 1)],
)  # fmt: skip
def test_the_task_is_judged_by_the_target(
    written: Written, line: str, task: str, size: int
) -> None:
    splits = opened(written(rows(line=line)))
    assert (splits.task, splits.output_size) == (task, size)


def test_the_task_can_be_said(written: Written) -> None:
    name = written(rows(line="{i},{n}"))
    assert opened(name, task="regression").task == "regression"
    assert "must be numbers" in refused(written(rows()), task="regression")
    assert "give one of" in refused(name, ConfigError, task="guess")


def test_several_targets_make_a_regression_of_several(written: Written) -> None:
    splits = opened(written(rows(line="{i},{b},{i}")), target=(1, 2))
    assert (splits.task, splits.output_size, splits.classes) == ("regression", 2, None)
    assert splits.train.targets.shape == (48, 2)


def test_targets_of_a_regression_are_scaled_by_the_training_part(written: Written) -> None:
    name = written(rows(line="{c},{b}"))
    splits, plain = opened(name), opened(name, standardize_targets=False)
    train = splits.train.targets
    assert abs(float(train.mean())) < 1e-6
    assert abs(float(train.std(correction=0)) - 1) < 1e-6
    (shift,), (scale,) = splits.target_shift, splits.target_scale
    torch.testing.assert_close(shift + scale * splits.test.targets, plain.test.targets)
    assert plain.target_shift == ()
    assert plain.fingerprint != splits.fingerprint


def test_classes_of_numbers_keep_their_order(written: Written) -> None:
    content = "".join(f"{i},{[2, 10, 9][i % 3]}\n" for i in range(60))
    made = csv(File(written(content).partition(":")[2]))
    assert made.targets[:3].tolist() == [0, 2, 1]


GAPS = "a,b,c\n" + "".join(
    f"{'' if i % 10 == 4 else i},{'?' if i % 10 == 5 else 'pq'[i % 3 == 0]},{i % 2}\n"
    for i in range(60)
)


def test_missing_values_are_refused_with_row_and_column(written: Written) -> None:
    said = refused(written(GAPS))
    assert "line 6, column a: a value is missing (6 in this column)" in said
    assert "missing=most-frequent" in said
    assert "give one of" in refused(written(GAPS), ConfigError, missing="zero")


@pytest.mark.parametrize("strategy", ["mean", "median", "most-frequent"])
def test_missing_values_are_filled_from_the_training_part(written: Written, strategy: str) -> None:
    splits = opened(written(GAPS), missing=strategy, standardize=False)
    train = splits.train.inputs
    values, counts = train[:, 0].unique(return_counts=True)
    filled = float(values[counts.argmax()])
    known = train[:, 0][train[:, 0] != filled]
    if strategy == "mean":
        assert filled == pytest.approx(float(known.mean()), rel=1e-6)
    if strategy == "median":
        assert float((known < filled).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert set(map(tuple, train[:, 1:].tolist())) == {(1.0, 0.0), (0.0, 1.0)}
    for part in (splits.validation, splits.test):
        assert torch.isfinite(part.inputs).all()


def test_a_column_that_training_knows_nothing_of_is_refused(written: Written) -> None:
    name = written("".join(f",{i},{i % 2}\n" for i in range(60)))
    assert "is empty in all rows of the training part" in refused(name, missing="mean")


def test_a_missing_target_is_refused(written: Written) -> None:
    for last in ("", "?"):
        content = rows(59) + f"3,4,{last}\n"
        assert "column 2: the target is missing; leave such rows out" in refused(written(content))
        content = rows(59, "{c},{b}") + f"x,{last}\n"
        assert "line 60, column 1" in refused(written(content), missing="mean")


def test_a_test_file_is_an_official_part(written: Written) -> None:
    written(rows(20), "test.csv")
    name = written(rows())
    test = str(Path(name[4:]).with_name("test.csv"))
    splits = opened(name, test_file=test)
    assert sizes(splits) == (52, 8, 20)
    written(rows(20, "{i},{b},Z"), "test.csv")
    assert "line 1, column 2: the training file has no class 'Z'" in refused(name, test_file=test)
    written(rows(20, "{i},{c}"), "test.csv")
    assert "2 columns, the training file 3" in refused(name, test_file=test)
    written(rows(20, "{c},{b},{c}"), "test.csv")
    assert "numbers in one of the two files" in refused(name, test_file=test)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (rows() + "1,2\n", "line 61 has 2 cells, the first line 3"),
        (rows() + "1,two,x\n", "line 61, column 1: 'two' is no number"),
        ("a,1,c\n" + rows(), "header=true"),
        (rows() + "1,inf,x\n", "line 61, column 1: the number is not finite"),
        (rows() + "1,1e400,x\n", "not finite"),
        (rows() + '1,"2,x\n', "line 61 has 2 cells"),
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b,c\n", "a header and no row"),
        ("1,2,x\n", "has 1 samples"),
        ("a\nb\nc\n", "there is one column"),
        (rows(line="{i},{b},x"), "one class"),
        (rows(line="{i},2"), "all samples are of one class"),
        (rows(59) + "1,2,w\n", "the rarest class, number 0, has 1"),
        (rows().encode() + b"1,2,\xff\n", "line 61"),
        (rows().encode("utf-16"), "utf-8"),
        (b"1,2,x\n\0\0\0\n", "line 2"),
        (
            "\n".join(f"name{i},{i % 3}" for i in range(1100)),
            "different texts: 0 (1,100, such as 'name0')",
        ),
    ],
)
def test_bad_tables_are_refused_with_their_place(
    written: Written, content: str | bytes, said: str
) -> None:
    assert said in refused(written(content))


def test_separators_and_encodings_are_given(written: Written) -> None:
    assert opened(written(rows().encode("utf-16")), encoding="utf-16").classes == 3
    assert opened(written(rows().replace(",", "\t")), separator="tab").classes == 3
    name = written(rows().replace(",", ";"))
    assert opened(name, separator=";").classes == 3
    assert "there is one column" in refused(name, separator=",")
    assert "one character" in refused(name, ConfigError, separator=";;")
    assert "no such encoding" in refused(name, ConfigError, encoding="klingon")
    assert "give auto" in refused(name, ConfigError, header="maybe")


def test_quotes_spaces_and_a_byte_order_mark_do_no_harm(written: Written) -> None:
    content = '"a","b, c","d"\n' + rows(line=' {i}, {b}, "{c}"')
    assert opened(written(b"\xef\xbb\xbf" + content.encode()), target="d").classes == 3


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_name_without_a_file_says_what_it_needs(kind: str, tmp_path: Path) -> None:
    assert refused(kind, ConfigError) == f"{kind} needs a file: --dataset {kind}:FILE"
    assert "no such file" in refused(f"{kind}:{tmp_path / 'x'}", ConfigError)
    assert "this is no file" in refused(f"{kind}:{tmp_path}", ConfigError)


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "data.parquet"
    kinds = ["xyz"[i % 3] for i in range(60)]
    sizes_ = [None if i == 7 else i / 7 for i in range(60)]
    pq.write_table(pa.table({"size": sizes_, "sort": kinds, "kind": kinds}), file)
    name = f"parquet:{file}"
    assert opened(name, missing="mean").input_shape == (4,)
    assert "line 8, column size: a value is missing" in refused(name)
    file.write_bytes(file.read_bytes()[:-9])
    assert "no whole parquet file" in refused(name)
    pq.write_table(pa.table({"a": [[1]] * 60, "kind": kinds}), file)
    assert "holds lists" in refused(name)


def test_parquet_without_its_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    assert "pip install 'bsx[parquet]'" in refused(f"parquet:{tmp_path / 'data.parquet'}")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(
            st.lists(
                st.sampled_from(["1", "2.5", "", "x", "nan", "inf", '"', "?", "1e400", "a b"]),
                max_size=4,
            ),
            max_size=12,
        ).map(lambda table: "\n".join(",".join(row) for row in table).encode()),
    ),
    st.sampled_from(["refuse", "mean", "most-frequent"]),
)
def test_any_bytes_are_read_or_refused_in_one_line(
    written: Written, content: bytes, missing: str
) -> None:
    try:
        opened(written(content), missing=missing)
    except (DataError, ConfigError) as error:
        assert "\n" not in str(error)


def test_letter_recognition_is_read_by_its_first_column() -> None:
    path = real("letter-recognition", "letter-recognition.data")
    splits = opened(f"csv:{path}", target=0)
    assert sizes(splits) == (16_000, 2_000, 2_000)
    assert (splits.classes, splits.input_shape) == (26, (16,))


def test_optdigits_come_with_an_official_test_part() -> None:
    path = real("optdigits", "optdigits.tra")
    splits = opened(f"csv:{path}", test_file=str(path.with_suffix(".tes")))
    assert sizes(splits) == (3823 - 562, 562, 1797)
    assert (splits.classes, splits.input_shape) == (10, (64,))


@pytest.mark.slow
def test_adult_has_gaps_and_categories() -> None:
    name = f"csv:{real('adult', 'adult-train.csv')}"
    assert "line 28, column 1" in refused(name)
    splits = opened(name, missing="most-frequent")
    assert (splits.classes, splits.input_shape) == (2, (105,))
    assert sum(sizes(splits)) == 32_561


def test_columns_whose_names_have_commas_are_quoted_and_others_are_guessed(
    written: Written,
) -> None:
    lines = [f"{i},{'ab'[i % 2]},{i % 5},{'yn'[i % 3 > 0]}" for i in range(60)]
    name = written("\n".join(['id,"Job, title",size,Will churn?', *lines]))
    quoted = literal('id,"Job, title"')
    assert opened(name, drop=quoted).input_shape == (1,)
    assert opened(name, drop=quoted).dropped == ("id", '"Job, title"')
    said = refused(name, ConfigError, drop=literal("id,Job, title"))
    assert "drop=Job: there is no such column" in said
    assert 'a name with a comma is given in quotes: "Job, title";' in said
    assert 'the file has id, "Job, title", size, Will churn?' in said
    assert "did you mean 'Will churn?'" in refused(name, ConfigError, target="Will churn")
    assert "did you mean 'size'" in refused(name, ConfigError, target="Size")
