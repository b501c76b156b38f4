"""What must hold of any input: it is refused in one line, or read as a plain reader reads it.

Each function of ``TARGETS`` draws one input, gives it to bsx, and says what came of it. What bsx
accepts is compared with NumPy, csv, json, tomllib or arithmetic in fractions. Whatever takes longer
than ``PATIENCE`` counts as a hang.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import pickle
import signal
import struct
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bsx.cli.app import run
from bsx.command.reports import parse_line
from bsx.config import read_sweep
from bsx.data import cells, table_files
from bsx.data.call import call_reader
from bsx.data.cifar import unpickled
from bsx.data.idx import read_idx
from bsx.errors import BsxError, DataError
from bsx.exchange import as_sweep, curves_of, layout_of, pairs_of, read_table
from bsx.models.weights import read_weights
from bsx.schema import canonical_json
from bsx.stats.elsewhere import checked, speeds_from
from bsx.stats.pairs import analyze_pairs
from bsx.train.checkpoint import MAGIC, Checkpoints
from tests import fakes
from tests.faults import spoiled as of

PATIENCE = 20  # seconds for one input, on a machine with much else to do
SPLIT = {"validation": 0.1, "test": 0.1, "seed": 0}
Target = Callable[[st.DataObject, Path], str]
ACCEPTED, REFUSED = "accepted", "refused"


def fuzz(target: Target, folder: Path, inputs: int, start: int = 0) -> Counter[str]:
    """Give so many inputs to bsx; return what came of how many."""
    counts: Counter[str] = Counter()

    @seed(start)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def each(data: st.DataObject) -> None:
        with in_time():
            try:
                counts[target(data, folder)] += 1
            except BsxError as error:
                assert str(error).strip()
                counts[REFUSED] += 1

    each()
    return counts


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """Fail what takes too long."""

    def late(_number: int, _frame: object) -> None:
        raise AssertionError(f"it takes longer than {PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def written(folder: Path, name: str, content: bytes) -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(content)
    return path


# --- the command line -----------------------------------------------------------------------

_FLAGS = ("--samples", "--batch-size", "--epochs", "--total-iterations", "--iterations-per-epoch",
          "--accumulation", "--world-size", "--micro-batch-size", "--length", "--window",
          "--horizon", "--stride", "--channels", "--classes", "--class-counts", "--tail",
          "--get", "--format", "--sampler")  # fmt: skip
_COUNTS = st.integers(1, 10**6).map(str)


def calc_arguments(data: st.DataObject) -> list[str]:
    """Draw arguments of ``bsx calc``."""
    flags = data.draw(st.lists(st.sampled_from(_FLAGS), max_size=4, unique=True))
    usual = data.draw(st.booleans())
    flags = ["--samples", "--batch-size", "--epochs", *flags] if usual else flags
    value = _COUNTS | st.sampled_from(of.NUMBERS) | st.text(max_size=6)
    pairs = [(flag, data.draw(_COUNTS if data.draw(st.booleans()) else value)) for flag in flags]
    return [part for pair in pairs for part in pair]


def calc(data: st.DataObject, _folder: Path) -> str:
    """``bsx calc``: the usual three numbers make ceil(N/B)·E iterations."""
    args = calc_arguments(data)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["calc", *args])
    check_said(code, out.getvalue(), err.getvalue())
    if code:
        return REFUSED
    given_ = dict(zip(args[::2], args[1::2], strict=True))
    if set(given_) == {"--samples", "--batch-size", "--epochs"}:
        with contextlib.redirect_stdout(printed := io.StringIO()):
            run(["calc", *args, "--format", "json"])
        found = json.loads(printed.getvalue())
        for one in found if isinstance(found, list) else [found]:
            steps = -(-plain(given_["--samples"]) // one["batch_size"])
            assert one["steps_per_epoch"] == steps
            assert one["total_steps"] == steps * plain(given_["--epochs"])
    return ACCEPTED


def plain(text: str) -> int:
    """Read a whole number as the decimal module does."""
    try:
        value = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        raise AssertionError(f"{text!r} is no number, but was accepted") from None
    assert value == value.to_integral_value() and value >= 1
    return int(value)


def check_said(code: int, out: str, err: str) -> None:
    """Assert that a command ended as documented: with a result, or with one line why not."""
    assert code in (0, 1, 2, 3), (code, err)
    assert "Traceback" not in err and "internal error" not in err, err
    if code:
        assert not out and err.startswith("bsx: error: ") and err.count("\n") == 1, (out, err)
        assert err.rstrip("\n").isprintable(), err


def sweep_toml(data: st.DataObject, folder: Path) -> str:
    """A TOML file of ``bsx sweep``: what tomllib refuses is refused, what counts is as it says."""
    content = data.draw(of.spoiled(*of.TOML))
    path = written(folder, "sweep.toml", content)
    try:
        known: dict[str, Any] | None = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        known = None
    config, _ = read_sweep({}, {}, path)
    assert known is not None
    for key, found in (("seeds", config.seeds), ("epochs", config.budget.epochs),
                       ("tolerance", config.tolerance)):  # fmt: skip
        if isinstance(known.get(key), int | float):
            assert found == known[key]
    if isinstance(known.get("batch_sizes"), list) and known["batch_sizes"]:
        assert config.batch_sizes.sizes is not None
        numbers = [n for n in known["batch_sizes"] if isinstance(n, int)]
        assert set(numbers) <= set(config.batch_sizes.sizes)
    return ACCEPTED


# --- data -------------------------------------------------------------------------------------


def csv_table(data: st.DataObject, folder: Path) -> str:
    """``csv:FILE``: the cells are those of the csv module, the numbers Python's."""
    content = data.draw(of.spoiled(*of.CSV))
    path = written(folder, "data.csv", content)
    found = table_files.read_csv(str(path), "csv", header=False, separator=",", encoding="utf-8")
    text = content.decode("utf-8-sig")
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
        if any(cell.strip() for cell in row)
    ]
    assert len(found.lines) == len(rows)
    for number, column in enumerate(zip(*rows, strict=True)):
        known = [None if cell.lower() in cells.EMPTY else cell for cell in column]
        assert list(found.columns[number]) == known
        with contextlib.suppress(DataError):
            numbers = found.numbers(number)
            if numbers is not None:
                plainly = [math.nan if cell is None else float(cell) for cell in known]
                np.testing.assert_array_equal(numbers, plainly)
    made = call_reader(f"csv:{path}", {"missing": "median"}, SPLIT)
    assert len(made.inputs) == len(made.targets) in (len(rows), len(rows) - 1)
    return ACCEPTED


def csv_series(data: st.DataObject, folder: Path) -> str:
    """``series:FILE``: no sample but of finite numbers."""
    content = data.draw(of.spoiled(of.lines(*((i, i * i, -i) for i in range(40)))))
    path = written(folder, "series.csv", content)
    made = call_reader(f"series:{path}", {"window": 3}, SPLIT)
    assert isinstance(made.inputs, torch.Tensor) and bool(torch.isfinite(made.inputs).all())
    assert len(made.inputs) <= content.count(b"\n") + content.count(b"\r") + 1
    return ACCEPTED


def idx_file(data: st.DataObject, folder: Path) -> str:
    """An idx file: what is read is what the header says, byte by byte."""
    content = data.draw(of.spoiled(*of.IDX))
    found = read_idx(written(folder, "file.idx", content))
    kind = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}[content[2]]
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    known = np.frombuffer(content, kind, offset=4 + 4 * len(shape)).reshape(shape)
    np.testing.assert_array_equal(found, known)
    return ACCEPTED


def npz_file(data: st.DataObject, folder: Path) -> str:
    """``npz:FILE``: the numbers are those that numpy.load gives."""
    path = written(folder, "data.npz", data.draw(of.spoiled(*of.NPZ)))
    made = call_reader(f"npz:{path}", {}, SPLIT)
    with np.lib.npyio.NpzFile(path, allow_pickle=False) as known:
        by_name = {name.lower(): known[name] for name in known.files}
    inputs = by_name["x"] if "x" in by_name and "y" in by_name else by_name.get("x_train")
    if inputs is not None and inputs.dtype.kind in "iuf":
        found = np.asarray(made.inputs)[: len(inputs)].reshape(inputs.shape)
        np.testing.assert_array_equal(found, inputs.astype(found.dtype))
    return ACCEPTED


def cifar_pickle(data: st.DataObject, _folder: Path) -> str:
    """A pickle of CIFAR: what is read, of arrays and plain values, is what pickle reads."""
    content = data.draw(of.spoiled(*of.PICKLES))
    found = unpickled(content, "batch")
    with warnings.catch_warnings():  # of arrays as old as these
        warnings.simplefilter("ignore")
        known = pickle.loads(content, encoding="bytes")  # it runs no code: it was accepted
    assert str(found) == str(known)
    return ACCEPTED if isinstance(found, dict) else REFUSED


def weights(data: st.DataObject, folder: Path) -> str:
    """``--init-from FILE``: tensors of the shapes that the file says, and no code."""
    ending = data.draw(st.sampled_from(sorted(of.WEIGHTS)))
    content = data.draw(of.spoiled(*of.WEIGHTS[ending]))
    found = read_weights(str(written(folder, f"weights{ending}", content)))
    assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())
    if ending == ".safetensors":
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        for name, tensor in found.items():
            begin, end = header[name]["data_offsets"]
            numbers = content[8 + length :][begin:end]
            assert list(tensor.shape) == header[name]["shape"]
            assert tensor.contiguous().view(torch.uint8).numpy().tobytes() == numbers
    return ACCEPTED


def checkpoint(data: st.DataObject, folder: Path) -> str:
    """Checkpoint files: the newest that is whole is taken up, or the one before, or none.

    Half of the spoiled ones carry the checksum of what they hold, as one that was meant to do
    harm would.
    """
    there = Checkpoints(folder, "unit")
    there.clear()
    for state in of.STATES:
        there.save(state)
    paths = sorted(folder.glob("unit.*"))
    whole = [path.read_bytes() for path in paths]
    spoilt = data.draw(st.sampled_from((paths[1:], paths)))
    made = False
    for path in spoilt:
        content = data.draw(of.spoiled(path.read_bytes()))
        if data.draw(st.booleans()):
            body = content[len(MAGIC) + 40 :]
            content = MAGIC + hashlib.sha256(body).digest() + len(body).to_bytes(8, "little") + body
            made |= content not in whole
        path.write_bytes(content)
    found = there.load()
    intact = [number for number, path in enumerate(paths) if path.read_bytes() == whole[number]]
    if not made:  # what only happened to break is never taken for whole
        expected = of.STATES[intact[-1]] if intact else None
        assert str(found.state) == str(expected)
        assert len(found.damaged) == (1 - intact[-1] if intact else 2)
    return ACCEPTED if found.state is not None and not found.damaged else REFUSED


# --- what was measured elsewhere --------------------------------------------------------------


def import_file(data: st.DataObject, folder: Path) -> str:
    """``bsx import``: as many rows as csv and json find, with the numbers that stand there."""
    content = data.draw(of.spoiled(*of.CURVES))
    found = read_table(written(folder, "curves", content))
    if content.lstrip()[:1] == b"{":
        text = content.decode("utf-8-sig")
        known = [json.loads(line) for line in text.split("\n") if line.strip()]
        named = [{k.strip(): v for k, v in row.items() if k.strip()} for row in known]
        assert str([dict(row.cells) for row in found.rows]) == str(named)  # nan is not nan
    layout = layout_of(found)
    if layout.is_curves:
        curves = curves_of(found, layout)
        assert curves.points <= len(found.rows)
        made = as_sweep(curves)
        assert sum(len(record.curve) for record in made.records) == curves.points
    else:
        pairs = pairs_of(found, layout)
        assert len(pairs) == len(found.rows)
        analyze_pairs(found.file, pairs)
    return ACCEPTED


def probe_document(data: st.DataObject, _folder: Path) -> str:
    """``bsx show --speed``: seconds above 0 of the sizes that the document has."""
    try:
        found = json.loads(data.draw(of.spoiled(json.dumps(of.PROBE).encode())))
    except (ValueError, RecursionError):
        found = None
    document = checked(found, "--speed FILE")
    records, origin = speeds_from(document, {8, 16, 4096}, fakes.config(), fakes.facts())
    assert all(0 < s < math.inf for record in records for s in record.step_seconds)
    assert len(canonical_json([records, origin])) > 2
    sizes = [row["batch_size"] for row in document["batch_sizes"]]
    assert {record.batch_size for record in records} <= {16, *map(int, sizes)}
    return ACCEPTED


def reported_line(data: st.DataObject, _folder: Path) -> str:
    """A line that a program prints: numbers by name, or nothing."""
    found = parse_line(data.draw(of.spoiled(*of.REPORTS)))
    assert all(isinstance(k, str) and isinstance(v, float) for k, v in found.items())
    return ACCEPTED if found else REFUSED


TARGETS: dict[str, Target] = {
    function.__name__: function
    for function in (calc, sweep_toml, csv_table, csv_series, idx_file, npz_file, cifar_pickle,
                     weights, checkpoint, import_file, probe_document, reported_line)
}  # fmt: skip
