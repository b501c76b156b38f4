"""`bsx export`: formats, places, and what is said where it cannot be done."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from bsx.render.latex import escaped, sweep_latex
from bsx.render.markdown import sweep_markdown
from bsx.render.targets import trade_off
from tests.exchange.exported import SIZES, store
from tests.here import QUICK, Shell, here
from tests.render import sample

__all__ = ["here", "store"]


@pytest.fixture(autouse=True)
def _newest(store: Path, monkeypatch: pytest.MonkeyPatch, here: Shell) -> None:
    monkeypatch.setenv("BSX_STORE", str(store))


def test_rows_and_documents_are_those_of_show(here: Shell) -> None:
    for form in ("csv", "jsonl", "json", "markdown"):
        _, shown, _ = here.bsx("show", "--format", form)
        code, out, err = here.bsx("export", "--to", form)
        assert (code, out, err) == (0, shown, "")


def test_a_file_ends_as_its_format_is_called(here: Shell) -> None:
    for name, opening in (("a.csv", "batch_size,"), ("a.json", "{"), ("a.jsonl", '{"batch_size"'),
                          ("a.md", "# Sweep"), ("a.tex", "% Tables")):  # fmt: skip
        code, out, err = here.bsx("export", "--output", name)
        assert (code, out) == (0, "") and name in err
        assert Path(name).read_text().startswith(opening)


def test_another_target_is_another_export(here: Shell) -> None:
    here.bsx("export", "--target", "accuracy=0.8", "--output", "a.csv")
    rows = list(csv.DictReader(io.StringIO(Path("a.csv").read_text())))
    assert [int(row["batch_size"]) for row in rows] == list(SIZES)
    assert {row["to_target_threshold"] for row in rows} == {"0.8"}


def test_parquet_rows_are_those_of_jsonl(here: Shell) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    pd = pytest.importorskip("pandas")
    assert here.bsx("export", "-o", "a.parquet")[0] == 0
    expected = [json.loads(line) for line in here.bsx("export", "--to", "jsonl")[1].splitlines()]
    assert pq.read_table("a.parquet").to_pylist() == expected
    frame = pd.read_parquet("a.parquet")
    assert list(frame["batch_size"]) == list(SIZES)


def test_what_is_there_is_not_replaced_unless_forced(here: Shell) -> None:
    file = Path("a.csv")
    file.write_text("mine")
    code, out, err = here.bsx("export", "--output", "a.csv")
    assert (code, out) == (2, "")
    assert (
        err == "bsx: error: --output a.csv: this file is there already; add --force to replace it\n"
    )
    assert file.read_text() == "mine"
    assert here.bsx("export", "--output", "a.csv", "--force")[0] == 0
    assert file.read_text().startswith("batch_size")
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~_umask()
    assert [f.name for f in Path().iterdir()] == ["a.csv"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ([], 2, "say what to write: --to FORMAT, --output FILE or --plots DIR"),
        (["--to", "xls"], 2, "--to xls: give one of csv, json,"),
        (["--output", "a.xls"], 2, "--output a.xls: its ending does not say in which format"),
        (["--to", "parquet"], 2, "--to parquet needs --output, a file"),
        (["--to", "tensorboard"], 2, "--to tensorboard needs --output, a folder"),
        (["--to", "latex", "--curves"], 2, "--curves is for csv, json, jsonl, parquet"),
        (["--to", "mlflow", "-o", "x", "--curves"], 2, "--curves has every curve anyway"),
        (["--output", "nowhere/a.csv"], 2, "--output nowhere/a.csv: there is no folder nowhere"),
        (["--to", "csv", "--output", "."], 2, "--output .: this is a folder; name a file in it"),
        (["none-such", "--to", "csv"], 3, "none-such: there is no such sweep"),
        (["--curves", "none.csv"], 3, "none.csv: there is no such sweep"),
        (["--arms", "--to", "csv"], 2, "--arms: name one sweep that was run with --vary"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line(
    here: Shell, args: list[str], code: int, said: str
) -> None:
    found, out, err = here.bsx("export", *args)
    assert (found, out) == (code, ""), err
    assert err.startswith(f"bsx: error: {said}") and err.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(here: Shell) -> None:
    code, _, err = here.bsx("export", "--to", "csv", "--output", "/dev/full")
    assert code == 3
    assert err == (
        "bsx: error: --output /dev/full: cannot write it: No space left on device; give another "
        "place\n"
    )


def test_a_missing_library_is_named_with_what_brings_it(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for module, args, extra in (
        ("matplotlib", ["--plots", "figures"], "bsx[plot]"),
        ("pyarrow", ["-o", "a.parquet"], "bsx[parquet]"),
        ("tensorboard", ["--to", "tensorboard", "-o", "logs"], "bsx[tensorboard]"),
        ("mlflow", ["--to", "mlflow", "-o", "logs"], "bsx[mlflow]"),
        ("wandb", ["--to", "wandb", "-o", "logs"], "bsx[wandb]"),
    ):
        with monkeypatch.context() as without:
            for name in [n for n in sys.modules if n.partition(".")[0] == module]:
                without.delitem(sys.modules, name)
            without.setitem(sys.modules, module, None)
            code, out, err = here.bsx("export", *args)
        assert (code, out) == (2, ""), (module, err)
        assert f"pip install '{extra}'" in err and err.count("\n") == 1
        assert not Path("a.parquet").exists()


# --- LaTeX ------------------------------------------------------------------------------------

_COMMANDS = re.compile(r"\\[a-zA-Z]+|\\[^a-zA-Z]")


def assert_compiles(text: str) -> None:
    """Assert what LaTeX asks of a table: groups closed, no character that means something else."""
    bare = re.sub(r"(?m)(^|(?<={))%.*$", "", text)
    begun = re.findall(r"\\(begin|end)\{(\w+)\}", bare)
    opened: list[str] = []
    for what, name in begun:
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    plain = _COMMANDS.sub("", bare)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert not set(plain) & set("#%^_~\\") - {"~"}
    for table in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", bare, re.DOTALL):
        for line in table[1].splitlines():
            if line.endswith(r"\\"):
                assert len(re.findall(r"(?<!\\)&", line)) == len(table[0]) - 1, line


def test_latex_tables_compile_whatever_names_hold() -> None:
    hostile = "a_b & 100% of {x} ~^\\input{secrets} $1 #2 <|> \"q\" 'r' [t] -- é"
    made = sample.sweep(name=hostile)
    for analysis in (sample.analysis(), sample.troubled()):
        text = sweep_latex(made, analysis)
        assert_compiles(text)
        assert "\\input" not in text and "é" in text
        assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\begin{table}")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_itself_compiles_the_tables_and_none_is_too_wide(here: Shell) -> None:
    hostile = "a_b & 100% of {x} ~^\\input{secrets} $1 #2 <|> \"q\" 'r' [t] --"
    made = sample.sweep(name=hostile)
    tables = [sweep_latex(made, analysis) for analysis in (sample.analysis(), sample.troubled())]
    tables += [sweep_latex(sample.sweep(name=n), sample.analysis()) for n in ("批大小", "Größe_é")]
    for form in ("article", "[twocolumn]{article}"):
        kind = form if form.startswith("[") else f"{{{form}}}"
        Path("paper.tex").write_text(
            f"\\documentclass{kind}\n\\usepackage{{booktabs,graphicx}}\n\\begin{{document}}\n"
            + "\n".join(tables)
            + "\\end{document}\n"
        )
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"],
            capture_output=True, timeout=120,
        )  # fmt: skip
        log = done.stdout.decode(errors="replace")
        assert done.returncode == 0, log
        assert "Missing character" not in log
        # of the captions some lines may be; of tables none
        assert not re.findall(r"Overfull.*alignment|Overfull \\hbox \((?:\d{2,})", log), log


def test_a_folder_that_cannot_be_made_is_refused_by_its_flag_and_with_the_remedy(
    here: Shell,
) -> None:
    code, out, err = here.bsx("export", "--plots", "/proc/x")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "--plots /proc/x: cannot write it" in err and "give another place" in err


def test_a_name_that_latex_cannot_set_gives_way_to_the_id_of_the_sweep() -> None:
    made = sample.sweep(name="批大小")
    text = sweep_latex(made, sample.analysis())
    assert "批" not in text and f"Sweep {made.sweep_id}." in text
    assert "Sweep Größe." in sweep_latex(sample.sweep(name="Größe"), sample.analysis())


def test_latex_has_no_hints_of_what_to_type() -> None:
    analysis = sample.analysis()
    found = dataclasses.replace(analysis, targets=analysis.targets * 9)
    assert "bsx show" in sweep_markdown(sample.sweep(), found)
    assert "bsx show" not in sweep_latex(sample.sweep(), found)


def test_latex_has_the_trade_off_with_its_intervals() -> None:
    text = sweep_latex(sample.sweep(), sample.analysis())
    (table,) = re.findall(
        r"\\begin\{table\}(?:(?!\\begin).)*Trade\{-\}off.*?\\end\{table\}", text, re.S
    )
    assert table.count(r"\toprule") == 1 and r"value (95 \% interval)" in table
    names = ("critical batch size, E_min/S_min", "critical batch size, 20 % overhead from 2",
             "fewest iterations, S_min", "fewest samples, E_min")  # fmt: skip
    for name in map(escaped, names):
        (row,) = (line for line in table.splitlines() if line.strip().startswith(name))
        assert re.search(r"& [\d,]+ \([\d,]+--[\d,]+\) \\\\$", row), row
    assert "costs twice the fewest iterations" in table
    # what was not determined has no table
    none = sweep_latex(sample.sweep(), sample.troubled())
    assert ("Trade{-}off" in none) == any(map(trade_off, sample.troubled().targets))


def test_latex_is_escaped_character_by_character() -> None:
    assert escaped("50 % & $x_1^2$") == r"50 \% \& \$x\_1\textasciicircum{}2\$"
    assert escaped("\\input{a}") == r"\textbackslash{}input\{a\}"
    assert escaped("1 – 2 × 3 ≥ −4 ± ½") == r"1 -- 2 $\times$ 3 $\geq$ $-$4 $\pm$ ½"


# --- arms, branches, imports ------------------------------------------------------------------


def test_all_arms_of_a_vary_are_exported_together(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BSX_STORE")
    quick = [*QUICK, "--dataset", "wine", "--model", "logistic", "--quiet"]
    assert here.bsx("sweep", *quick, "--optimizer", "adam", "--format", "csv")[0] == 0
    assert here.bsx("sweep", *quick, "--vary", "optimizer=sgd,adamw", "--format", "csv")[0] == 0
    labels = ["optimizer=sgd", "optimizer=adamw"]
    code, out, err = here.bsx("export", "--arms", "--to", "csv")
    assert code == 0, err
    assert list(dict.fromkeys(r["arm"] for r in csv.DictReader(io.StringIO(out)))) == labels
    _, out, _ = here.bsx("export", "--arms", "--curves")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(dict.fromkeys(r["arm"] for r in rows)) == labels
    assert len({(r["arm"], r["batch_size"], r["seed"]) for r in rows}) == 2 * 2 * 2
    _, out, _ = here.bsx("export", "--arms", "--to", "json")
    assert [arm["arm"] for arm in json.loads(out)["arms"]] == labels
    _, out, _ = here.bsx("export", "--arms", "--to", "latex")
    assert_compiles(out)
    assert all(escaped(label) in out for label in labels)
    assert here.bsx("export", "--arms", "--to", "markdown")[0] == 0


def test_what_was_imported_is_exported_and_imported_again(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BSX_STORE")
    lines = ["B,step,seconds,acc", *(f"{b},{s},{s / 10},{1 - b / (b + s)}" for b in (2, 4, 8)
                                     for s in (1, 5, 20))]  # fmt: skip
    Path("curves.csv").write_text("\n".join(lines))
    args = ["--target", "accuracy=0.6", "--format", "json", "--quiet"]
    first = json.loads(here.bsx("import", "curves.csv", *args)[1])
    code, _, err = here.bsx("export", "--curves", "--output", "again.csv")
    assert code == 0, err
    again = json.loads(here.bsx("import", "again.csv", *args)[1])
    assert again["batch_sizes"] == first["batch_sizes"]
    assert again["targets"] == first["targets"]


@pytest.mark.parametrize("place", ["nowhere/a.csv", "nowhere/a.html", "nowhere/a.toml"])
def test_a_missing_folder_is_a_mistake_in_the_command_whoever_writes(
    place: str, here: Shell
) -> None:
    asked = {
        "nowhere/a.csv": [["export", "--output", place]],
        "nowhere/a.html": [["report", "--output", place], ["sweep", "--report", place]],
        "nowhere/a.toml": [["sweep", "--save", place], ["probe", "--save", place]],
    }
    here.swept("--dataset", "iris", "--model", "logistic")
    for args in asked[place]:
        code, _, err = here.bsx(*args)
        assert code == 2, args
        assert f"{args[1]} {place}: there is no folder nowhere; make it first" in err
