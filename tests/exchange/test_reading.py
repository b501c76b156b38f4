"""What cannot be meant is refused with its place and the remedy; junk never gives a traceback."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bsx.cli.app import run
from bsx.errors import BsxError
from bsx.exchange import curves_of, layout_of, pairs_of, read_table, reading
from bsx.stats.pairs import analyze_pairs
from tests.here import Shell, here

__all__ = ["here"]

CURVES = "batch_size,step,accuracy\n"
PAIRS = "batch_size,steps\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "bad.csv is empty; give csv, JSON lines"),
        (" \n\n", "is empty"),
        (CURVES, "has no rows below its header"),
        ("batchsizes,step,accuracy\n8,1,0.5", "did you mean it by batchsizes? Call it batch_size"),
        ("size,step,accuracy\n8,1,0.5", "no column batch_size, the batch size; there are size"),
        ("batch_size,epoch,accuracy\n8,1,0.5", "no column step, the iteration of the evaluation"),
        ("batch_size,epoch,accuracy\n8,1,0.5", "--train-samples N"),
        ("B,bs,step,loss\n8,8,1,1", "the columns B and bs both say the batch size"),
        ("B,step,loss,loss\n8,1,1,1", "line 1: two columns are called 'loss'"),
        (CURVES + "8,1,0.5\n\n8,x,0.5", "line 4, column step: 'x' is no whole number"),
        (CURVES + "8,1.5,0.5", "line 2, column step: '1.5' is no whole number"),
        (CURVES + "8,-1,0.5", "column step: '-1' is below 0"),
        (CURVES + "0,1,0.5", "column batch_size: '0' is below 1; give a batch size of at least 1"),
        (CURVES + "-8,1,0.5", "column batch_size: '-8' is below 1"),
        (CURVES + "1e99,1,0.5", "column batch_size: '1e99' is above 10^9"),
        (CURVES + "8,1,0.5\n8,1,0.6", "line 3, column step: '1' comes again for batch size 8"),
        (CURVES + "8,5,0.5\n8,1,0.6", "'1' goes back for batch size 8, which was at 5"),
        (
            "B,seed,step,loss\n8,0,5,1\n8,0,1,1",
            "goes back for batch size 8, seed 0, which was at 5",
        ),
        (CURVES + "8,1,", "line 2, column accuracy: '' is empty; write nan where the run diverged"),
        (CURVES + "8,1,good", "column accuracy: 'good' is no number"),
        (CURVES + "8,1,51", "'51' does not lie between 0 and 1; give a fraction, or --metric"),
        (CURVES + "8,1,0.5,9", "line 2 has 4 cells, but the header names 3 columns"),
        (CURVES + "8,1", "line 2 has 2 cells, but the header names 3 columns; was it cut off?"),
        (CURVES + "8,1,0.1\n16,1,0.2", "every run has one row only, which is no curve"),
        ("B,step,lr,loss\n8,1,0,1\n8,2,0,1", "column lr: '0' is not above 0"),
        ("B,step,lr,loss\n8,1,nan,1\n8,2,1,1", "column lr: 'nan' is no number"),
        ("B,step,seed,loss\n8,1,a,1\n8,2,1,1", "column seed: 'a' is no whole number"),
        ("B,step,seconds,loss\n8,1,2,1\n8,2,1,1", "column seconds: '1' is less than 2 of a row"),
        ("B,step,seconds,loss\n8,1,-2,1", "column seconds: '-2' is no number of at least 0"),
        ("B,step,split,loss\n8,1,train,1", "every row is of the train or test part"),
        ("B,step,loss,acc\n8,1,1,\n8,2,1,", "has no value in column acc"),
        (
            "B,tokens\n8,1",
            "tokens do in place of iterations where the batch size is in tokens, too",
        ),
        ("tokens_per_batch,samples\n8,1", "samples do in place of iterations where the batch size"),
        (PAIRS + "8,46k", "line 2, column steps: '46k' is no number; write 46000"),
        (CURVES + "8,1.5k,0.5", "column step: '1.5k' is no whole number; write 1500"),
        (
            "model,B,steps\n85M,8,9\n85M,16,5\n151M,8,7\n151M,16,6",
            "mixes 2 curves, by its column "
            "model ('85M' there, '151M' here): call that column target",
        ),
        ("B,steps,reached\n8,9,maybe", "column reached: 'maybe' is neither true nor false"),
        ('{"B": [8, 16], "steps": [9]}', "different lengths: steps has 1 values, B 2"),
        (PAIRS + "8,0", "line 2, column steps: '0' is not above 0; give the iterations to the"),
        (PAIRS + "8,", "column steps: '' is empty"),
        (PAIRS + "8,>x", "column steps: '>x' is no number"),
        (PAIRS + "8,inf", "column steps: 'inf' is above 10^15"),
        (PAIRS + '8,"12,80"', "column steps: '12,80' is no number; give the iterations to the"),
        (PAIRS.replace(",", ";") + "8;12,800", "steps: '12,800' may be 12800 or 12.8; write 12800"),
        (PAIRS.replace(",", ";") + "8;>12.800", "steps: '12.800' may be 12800 or 12.8"),
        ("B;step;loss\n8;1.000;1", "column step: '1.000' may be 1000 or 1; write 1000 or 1"),
        ("B;steps\n8;812.333", "'812.333' may be 812333 or 812.333; write 812333 or 812.3330"),
        ("B;lr;step;loss\n8;0.1;1.000;0,2", "column step: '1.000' may be 1000 or 1; write"),
        ('B,step,seconds,loss\n8,1,"1,250",1', "seconds: '1,250' is no number of at least 0"),
        ("arm,B,steps\nsgd,8,5\nadam,16,5", "bad.csv holds 2 sweeps, by its column arm: sgd, adam"),
        ("arm,B,steps\nsgd,8,5\nadam,16,5", "call the column target to have a table of each"),
        ("trunk_steps,B,step,loss\n,8,1,1\n4,8,1,1", "holds branches, by its column trunk_steps"),
        (
            "B,step,momentum,loss\n8,1,0,1\n8,2,0,1\n8,1,0.9,1",
            "they differ in column momentum ('0' there, '0.9' here)",
        ),
        (
            "B,step,wall_time,rule,loss\n8,1,0.1,sgd,1\n8,2,0.2,sgd,1\n8,1,0.3,adam,1",
            "they differ in column rule ('sgd' there, 'adam' here)",
        ),
        (
            "B,step,wall_time,rule,loss\n8,1,0.1,sgd,1\n8,1,0.3,adam,1\n8,2,0.4,adam,1",
            "they differ in column rule ('sgd' there, 'adam' here)",
        ),
        ("B,step,wall_time,loss\n8,1,0.1,1\n8,2,0.2,1\n8,1,0.3,1", "; tell runs apart by columns"),
        (PAIRS + "8,5\n8,6", "'8' stands already in line 2; number repeated runs in a column seed"),
        ('{"B": 8}\n{"B": ', "bad.csv, line 2 is no JSON"),
        ('{"B": 8}\n7', "bad.csv, line 2 is no JSON object"),
        ('[{"B": 8}, 7]', "bad.csv, item 2 is no JSON object"),
        ("[" * 100_000, "is no JSON"),
        ('{"B": 8, "steps": [3]}', "line 1, column steps: '[3]' is no number"),
        ("a\0b", "is no text"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_place_value_and_remedy(
    here: Shell, content: str, said: str
) -> None:
    Path("bad.csv").write_text(content)
    code, out, err = here.bsx("import", "bad.csv")
    assert (code, out) == (3, ""), err
    assert err.startswith("bsx: error: ") and err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "say which way score is better, with --metric score:max or --metric score:min"),
        ((), "call their column steps_to_target"),
        (("--metric", "score"), "say which way is better"),
        (("--metric", "scor:max"), "did you mean score?"),
        (("--metric", "train_loss"), "quality is judged on validation"),
        (("--metric", "score:max", "--target", "loss=1"), "has no such metric; it has score"),
        (("--metric", "score:max", "--train-samples", "4"), "has a batch size of 8"),
        (("--metric", "score:max", "--train-samples", "x"), "give a whole number"),
        (("--metric", "score:max", "--objective", "money"), "give one of time, steps, samples"),
        (("--metric", "score:max", "--objective", "time"), "has no column seconds"),
        (("--metric", "score:max", "--format", "xml"), "give one of table"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    here: Shell, args: tuple[str, ...], said: str
) -> None:
    Path("runs.csv").write_text("B,step,score\n8,1,1\n8,2,2\n")
    code, out, err = here.bsx("import", "runs.csv", *args)
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


@pytest.mark.parametrize("flag", [("--target", "loss=1"), ("--objective", "steps")])
def test_options_of_curves_are_refused_for_pairs(here: Shell, flag: tuple[str, str]) -> None:
    Path("pairs.csv").write_text("B,steps\n8,10\n")
    code, _, err = here.bsx("import", "pairs.csv", *flag)
    assert code == 2 and "it holds iterations to a target, no curves" in err


def test_files_that_cannot_be_read_are_refused(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No such file" in here.bsx("import", "nowhere.csv")[2]
    assert "is a folder" in here.bsx("import", ".")[2]
    monkeypatch.setattr(reading, "LARGEST", 2**20)
    Path("huge.csv").write_text(CURVES + "8,1,0.5\n" * 2**18)
    code, _, err = here.bsx("import", "huge.csv")
    assert code == 3 and "above the 1 MiB that are read" in err
    Path("latin.csv").write_bytes(CURVES.encode() + b"8,1,caf\xe9")
    assert "latin.csv, line 2: this is no UTF-8 text" in here.bsx("import", "latin.csv")[2]


@pytest.mark.parametrize(
    "content",
    [
        PAIRS + "8,900\n16,500\n",
        "# Zhang et al., 2024\n\n#read off a figure\nbatch_size,steps\n8,900\n16,500\n",
        "# by numpy\n# batch_size,steps\n8,900\n16,500\n",
        '{"batch_size": [8, 16], "steps": [900, 500]}',
        '{\n "batch_size": {"0": 8, "1": 16},\n "steps": {"0": 900, "1": 500}\n}\n',
        "batch_size,samples\n8,7200\n16,7999\n",
        "tokens_per_batch,tokens\n8,7200\n16,8003\n",
        "batch_size,steps,std,note\n8,900,10,ok\n16,500,5,\n",
        "| batch_size | steps |\n|---|---:|\n| 8 | 900 |\n| 16 | 500 |\n",
        PAIRS + "8,900\n# measured again\n16,500\n",
    ],
)
def test_pairs_are_read_from_what_tables_come_as(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(content)
    layout = layout_of(table := read_table(path))
    assert not layout.is_curves
    assert [(p.batch_size, p.steps) for p in pairs_of(table, layout)] == [(8, 900), (16, 500)]


def test_a_column_of_what_was_reached_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("B,steps,reached\n8,900,False\n16,500,True\n32,300,\n")
    layout = layout_of(table := read_table(path))
    assert [pair.reached for pair in pairs_of(table, layout)] == [False, True, True]
    assert layout.left_out == ()


def test_samples_do_in_place_of_the_step_of_curves(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("B,samples,loss\n8,80,2\n8,161,1\n")
    (run,) = curves_of(table := read_table(path), layout_of(table)).runs
    assert [point.step for point in run.points] == [10, 20]


def test_epochs_do_in_place_of_the_step_where_their_samples_are_told(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("B,epoch,loss\n32,1,2\n32,2.5,1\n")
    layout = layout_of(table := read_table(path), train_samples=1000)
    (run,) = curves_of(table, layout).runs
    assert [point.step for point in run.points] == [32, 80]  # 1,000 / 32 is 31.25
    path.write_text("B,epochs to target\n32,1.5\n64,>2\n1000,2.25\n")
    layout = layout_of(table := read_table(path), train_samples=1000)
    found = [(p.steps, p.reached) for p in pairs_of(table, layout)]
    assert found == [(48, True), (32, False), (2, True)]


@pytest.mark.parametrize(
    ("cells", "steps"),
    [("32;1,5;0,25", 48), ("32;1.500;0,25", 48000), ("32;1,500;0.25", 48000), ("32;2;0.25", 64)],
)
def test_epochs_are_read_by_the_decimal_mark_of_other_numbers(
    tmp_path: Path, cells: str, steps: int
) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(f"B;epoch;loss\n{cells}\n")
    layout = layout_of(table := read_table(path), train_samples=1000)
    (run,) = curves_of(table, layout).runs
    assert [point.step for point in run.points] == [steps]


def test_each_run_says_by_its_first_epoch_whether_it_counts_from_0(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    rows = "32,0,0,train,9\n32,0,1,val,2\n32,0,2,val,1\n32,1,0,val,2\n32,1,1,val,1\n"
    path.write_text("B,seed,epoch,split,loss\n" + rows)
    layout = layout_of(table := read_table(path), train_samples=1000)
    steps = [[point.step for point in run.points] for run in curves_of(table, layout).runs]
    assert steps == [[32, 64], [32, 64]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("B,epoch,loss\n32,1e30,1\n", "column epoch: '1e30' is more than anybody trains"),
        ("B,epoch,loss\n32,-1,1\n", "column epoch: '-1' is no number of at least 0"),
        ("B,epoch,loss\n512,0.5,1\n512,0.75,1\n512,1,1\n", "is iteration 2, which comes again"),
        ("B,epoch,loss\n32,1,1\n64,2,1\n", "holds the epochs to a target, call it epochs_to_"),
        ("tokens_per_batch,epoch,loss\n32,1,1\n", r"no column step.*loss\. The first line"),
    ],
)
def test_epochs_that_cannot_be_meant_are_refused_in_words_of_epochs(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(content)
    with pytest.raises(BsxError, match=said):
        curves_of(table := read_table(path), layout_of(table, train_samples=1000))


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("val_balanced-accuracy", "balanced-accuracy"), ("val_exact-match", "exact-match"),
        ("val_top-5", "top-5"), ("top-10", "top-10"),
        ("val_bits-per-character", "bits-per-character"),
        ("val_balanced_accuracy", "balanced_accuracy"), ("val_top5", "top5"),
        ("val_stop-5", "stop_5"),
    ],
)  # fmt: skip
def test_what_bsx_calls_by_hyphens_keeps_its_name_and_direction(
    tmp_path: Path, column: str, name: str
) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(f"B,step,{column}\n32,1,0.5\n32,2,0.6\n")
    way = ":max" if name == "stop_5" else ""
    for asked in (f"{name}{way}", f"{column}{way}"):
        judged = layout_of(read_table(path), asked).judged
        assert judged is not None and judged.name == name
        assert judged.higher_is_better is (name != "bits-per-character")


def test_an_evaluation_that_is_written_in_parts_is_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(
        "B,epoch,step,train_acc,val_acc\n"
        "8,0,10,,0.5\n8,0,10,0.6,\n8,1,20,0.7,\n8,1,20,,0.6\n16,0,10,,0.5\n16,0,10,0.55,\n"
    )
    found = curves_of(table := read_table(path), layout_of(table))
    assert [len(run.points) for run in found.runs] == [2, 1]
    first, second = found.runs
    assert [p.metrics["accuracy"] for p in first.points] == [0.5, 0.6]
    assert (first.train["accuracy"], second.train["accuracy"]) == (0.7, 0.55)


@pytest.mark.parametrize(
    "rows",
    ["8,10,0.6,0.5\n8,10,0.6,0.5\n", "8,10,,0.5\n8,10,0.6,0.6\n", "8,10,,0.5\n8,10,,0.5\n"],
)
def test_rows_that_say_the_same_or_another_thing_are_no_parts_of_one(
    tmp_path: Path, rows: str
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("B,step,train_acc,val_acc\n" + rows)
    with pytest.raises(BsxError, match="'10' comes again"):
        curves_of(table := read_table(path), layout_of(table))


@pytest.mark.parametrize("indent", [None, 2])
def test_a_document_that_holds_rows_is_no_row(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "trainer_state.json"
    log = [{"step": 10, "eval_loss": 2.0}, {"step": 20, "eval_loss": 1.0}]
    document = {"global_step": 20, "train_batch_size": 8, "log_history": log}
    path.write_text(json.dumps(document, indent=indent))
    with pytest.raises(BsxError, match="with rows in its log_history: write these one a line"):
        read_table(path)


def test_curves_without_a_metric_on_validation_are_told_so(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("B,step,test_acc\n8,1,0.5\n8,2,0.6\n")
    with pytest.raises(BsxError, match=r"'test_acc' is of the test part. Call it val_accuracy"):
        pairs_of(table := read_table(path), layout_of(table))


def test_shares_of_the_training_part_are_fractions_too(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("B,step,acc,val_acc\n8,1,52.0,0.5\n8,2,61.0,0.6\n")
    with pytest.raises(BsxError, match=r"line 2, column acc: '52.0' does not lie between 0 and 1"):
        curves_of(table := read_table(path), layout_of(table))


def test_an_iteration_counts_before_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("B,step,epoch,loss\n32,7,1,2\n32,9,2,1\n")
    layout = layout_of(table := read_table(path), train_samples=1000)
    (run,) = curves_of(table, layout).runs
    assert [point.step for point in run.points] == [7, 9]


@pytest.mark.parametrize(("epochs", "steps"), [((0, 1), [32, 64]), ((0, 1.5), [48])])
def test_whole_epochs_that_begin_at_0_count_from_0(
    tmp_path: Path, epochs: tuple[float, ...], steps: list[int]
) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("B,epoch,loss\n" + "".join(f"32,{epoch},2\n" for epoch in epochs))
    layout = layout_of(table := read_table(path), train_samples=1000)
    (run,) = curves_of(table, layout).runs
    assert [point.step for point in run.points] == steps


def test_epochs_without_their_samples_are_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("B,epochs,loss\n32,1,2\n32,2,1\n")
    with pytest.raises(BsxError, match="say how many samples one has: --train-samples N"):
        layout_of(read_table(path))
    path.write_text("B,epochs\n32,0\n64,2\n")
    layout = layout_of(table := read_table(path), train_samples=1000)
    with pytest.raises(BsxError, match="line 2, column epochs: '0' is not above 0"):
        pairs_of(table, layout)


def test_a_line_that_begins_with_a_hash_keeps_the_numbers_of_those_below(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("# a note\n" + PAIRS + "8,x\n")
    with pytest.raises(BsxError, match="line 3, column steps: 'x'"):
        pairs_of(table := read_table(path), layout_of(table))


def test_semicolons_allow_for_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("B;lr;steps\n8;0,1;100,5\n16;0,2;60\n")
    table = read_table(tmp_path / "a.csv")
    first, _ = pairs_of(table, layout_of(table))
    assert (first.learning_rate, first.steps) == (0.1, 100.5)


@pytest.mark.parametrize(
    ("rate", "given", "steps"),
    [
        ("0.100", "812.333", 812.333), ("0,100", "812.333", 812333), ("0.1", "12,800", 12800),
        ("0,1", "12,800", 12.8), ("0.1", ">64.000", 64), ("1,5", ">12.800", 12800),
    ],
)  # fmt: skip
def test_with_semicolons_other_numbers_of_the_file_tell_thousands_from_decimals(
    tmp_path: Path, rate: str, given: str, steps: float
) -> None:
    size = "64.000" if "." in rate else "64,000"
    (tmp_path / "a.csv").write_text(f"B;lr;steps\n{size};{rate};{given}\n")
    table = read_table(tmp_path / "a.csv")
    (pair,) = pairs_of(table, layout_of(table))
    assert (pair.batch_size, pair.steps) == (64, steps)


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ('"12,800"', 12800), ("12 800", 12800), ("12_800", 12800), ("12'800", 12800),
        ("12\u202f800", 12800), ('"1,234,567"', 1234567), ('"12,800.5"', 12800.5),
        ("1.234.567", 1234567), ("12.800", 12.8), ('">12,800"', 12800),
    ],
)  # fmt: skip
def test_thousands_may_be_set_apart_where_they_can_be_nothing_else(
    tmp_path: Path, given: str, steps: float
) -> None:
    (tmp_path / "a.csv").write_text(f'B,steps\n"1,024",{given}\n')
    table = read_table(tmp_path / "a.csv")
    (pair,) = pairs_of(table, layout_of(table))
    assert (pair.batch_size, pair.steps) == (1024, steps)


def test_an_arm_of_one_value_and_branches_of_none_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("arm,trunk_steps,B,step,loss\nx,,8,1,1\nx,,8,2,1\n")
    table = read_table(tmp_path / "a.csv")
    assert curves_of(table, layout_of(table)).points == 2


# --- junk ---------------------------------------------------------------------------------------

words = st.sampled_from(
    ["8", "16", "32", "1", "2", "0.5", "nan", "inf", "-1", "", ">5", "x", "1e300", "1e-300", "0,5"]
)
names = st.sampled_from(
    ["batch_size", "B", "step", "steps", "loss", "val_loss", "accuracy", "lr", "seed", "seconds",
     "target", "split", "epoch", "train_loss", "é", "", "steps_to_target"]
)  # fmt: skip


def survives(path: Path, content: bytes) -> None:
    """Assert that a file is read and analysed, or refused in one line."""
    path.write_bytes(content)
    try:
        table = read_table(path)
        layout = layout_of(table)
        if layout.is_curves:
            curves_of(table, layout)
        else:
            analyze_pairs(table.file, pairs_of(table, layout))
    except BsxError as refused:
        assert str(refused)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200))
def test_binary_junk_never_gives_a_traceback(tmp_path: Path, content: bytes) -> None:
    survives(tmp_path / "junk", content)
    survives(tmp_path / "junk", b"batch_size,step,loss\n" + content)
    survives(tmp_path / "junk", b"batch_size,steps\n8,100\n" + content)
    survives(tmp_path / "junk", b"{" + content)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_tables_of_junk_never_give_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    header = data.draw(st.lists(names, min_size=2, max_size=6, unique=True))
    rows = data.draw(st.lists(st.lists(words, min_size=len(header), max_size=len(header)),
                              max_size=8))  # fmt: skip
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    survives(tmp_path / "junk.csv", text.getvalue().encode())
    lines = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
    survives(tmp_path / "junk.jsonl", "\n".join(lines).encode())


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.dictionaries(names, _JSON, max_size=5), max_size=6))
def test_objects_of_junk_never_give_a_traceback(
    tmp_path: Path, rows: list[dict[str, object]]
) -> None:
    survives(tmp_path / "junk.json", json.dumps(rows).encode())


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1)


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_curves_that_are_read_are_analysed_and_printed(
    tmp_path: Path, data: st.DataObject
) -> None:
    sizes = data.draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=4, unique=True))
    lines = ["batch_size,lr,seed,step,seconds,loss,train_loss"]
    for size in sizes:
        for rate in data.draw(
            st.lists(st.floats(1e-300, 1e15), min_size=1, max_size=2, unique=True)
        ):
            for seed in range(data.draw(st.integers(1, 2))):
                steps = data.draw(
                    st.lists(st.integers(0, 10**9), min_size=2, max_size=5, unique=True)
                )
                seconds = data.draw(st.floats(0, 1e90))
                for step in sorted(steps):
                    seconds *= 1.5
                    loss, train = data.draw(numbers), data.draw(numbers)
                    lines.append(f"{size},{rate},{seed},{step},{seconds},{loss},{train}")
    path = tmp_path / "curves.csv"
    path.write_text("\n".join(lines))
    for form in ("json", "table", "csv"):
        assert run(["import", str(path), "--format", form]) in (0, 3)


# --- as a program -------------------------------------------------------------------------------


def test_the_program_says_it_in_exit_codes_and_imports_no_torch(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("B,steps\n8,100\n16,60\n32,45\n64,35\n")
    (tmp_path / "bad.csv").write_text("B,steps\n8,x\n")
    code = (
        "import json, sys\nfrom bsx.cli.app import run\n"
        "codes = [run(['import', *args]) for args in json.loads(sys.argv[1])]\n"
        "assert 'torch' not in sys.modules\nprint(codes, file=sys.stderr)"
    )
    cases = (
        (["good.csv"], 0),
        (["good.csv", "--get", "targets.0.verdict"], 0),
        (["good.csv", "--get", "nothing"], 1),
        (["good.csv", "--target", "loss=1"], 2),
        (["bad.csv"], 3),
        (["none.csv"], 3),
        (["--help"], 0),
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([args for args, _ in cases])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert json.loads(done.stderr.splitlines()[-1]) == [expected for _, expected in cases]


def test_settings_in_an_object_of_their_own_are_found_by_the_last_part_of_their_names(
    tmp_path: Path,
) -> None:
    file = tmp_path / "log.jsonl"
    rows = [
        {
            "config": {"batch_size": size, "optim": {"lr": 0.1}, "loss": "mse", "width": 8},
            "_step": step,
            "val": {"loss": 1 / step},
        }
        for size in (8, 16)
        for step in (1, 2, 3)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    layout = layout_of(read_table(file))
    assert layout.roles == {
        "batch_size": "config.batch_size",
        "learning_rate": "config.optim.lr",
        "step": "_step",
    }
    assert layout.validation == {"loss": "val.loss"}
    assert layout.left_out == ("config.loss", "config.width")
    found = curves_of(read_table(file), layout)
    assert [(run.batch_size, run.rate) for run in found.runs] == [(8, 0.1), (16, 0.1)]


def test_two_settings_of_the_same_last_part_are_not_chosen_between(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"a": {"batch_size": 8}, "b": {"batch_size": 4}, "step": 1, "loss": 1}\n' * 2)
    with pytest.raises(BsxError, match=r"mean it by a\.batch_size or b\.batch_size\?") as refused:
        layout_of(read_table(file))
    assert "first line" not in str(refused.value)


@pytest.mark.parametrize(
    "header",
    ['"Step","bs16 - val_loss","bs64 - val_loss"', "step,val_loss_16,val_loss_64,val_loss_256"],
)
def test_a_column_for_each_run_is_told_how_to_become_rows(header: str, tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    cells = ",2.4,2.2,2.1"[: 4 * header.count(",")]
    file.write_text(f"{header}\n10{cells}\n20{cells}\n")
    with pytest.raises(BsxError, match='see "A column for each run" in docs/how-to/published'):
        layout_of(read_table(file))
    page = Path(__file__).parents[2] / "docs" / "how-to" / "published-curves.md"
    assert "### A column for each run\n" in page.read_text(encoding="utf-8")
