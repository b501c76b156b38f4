"""Probes side by side, ``bsx probe --vary``: what each arm buys."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from bsx.config import read_arms, read_sweep
from bsx.errors import ConfigError
from bsx.execute.base import UnitError
from bsx.probe import Prober, compared, probed
from bsx.render import probe_comparison
from bsx.render.formats import Format, get_text, machine_text
from bsx.render.progress import QuietProgress
from bsx.schema import Probe, ProbeComparison, Record, Report, SpeedUnit, Unit
from tests.here import Shell, bsx, document, here
from tests.probes import Oracle
from tests.stats import oracles

__all__ = ["here"]  # a fixture

PLAIN, OTHER = "precision=float32", "precision=bfloat16"


class Arms(Oracle):
    """Knows two arms, told apart by their precision; a machine that gets slower all the time.

    ``noise`` multiplies the times of the second arm, one factor a round.
    """

    def __init__(
        self,
        plain: Oracle,
        other: Oracle,
        drift: float = 1.0,
        noise: Sequence[float] = (1, 1, 1, 1, 1),
    ) -> None:
        super().__init__()
        self.arms = {"float32": plain, "bfloat16": other}
        self.drift, self.noise = drift, noise
        self.order: list[tuple[str, int]] = []

    def run(self, unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
        """Yield the one record of a unit, as slow as the machine has become."""
        assert not hasattr(unit, "members")
        precision = unit.recipe.training.precision  # type: ignore[union-attr]
        for records in self.arms[precision].run(unit, report):
            if not isinstance(unit, SpeedUnit):
                yield records
                continue
            measured = precision, unit.recipe.batch_size
            factor = self.drift ** len(self.order)
            if precision == "bfloat16":
                factor *= self.noise[self.order.count(measured)]
            self.order.append(measured)
            (record,) = records
            draws = tuple(draw * factor for draw in record.step_seconds)  # type: ignore[union-attr]
            yield (dataclasses.replace(record, step_seconds=draws),)  # type: ignore[arg-type]


def probers(executor: Arms, limit: int | None = None, most: int | None = None) -> list[Prober]:
    """Return the probers of both arms; 400 samples."""
    found = []
    for label in (PLAIN, OTHER):
        training = dataclasses.replace(oracles.config().training, precision=label.partition("=")[2])
        found.append(
            Prober(
                oracles.config(training=training),
                dataclasses.replace(oracles.facts(), train_samples=400),
                {},
                executor,
                QuietProgress(),
                limit,
                "machine" if limit is None else "user",
                most,
                label,
            )
        )
    return found


def both(executor: Arms, **limits: int | None) -> list[tuple[str, Probe]]:
    """Probe both arms."""
    return list(zip((PLAIN, OTHER), probed(probers(executor, **limits)), strict=True))


def comparison(arms: list[tuple[str, Probe]]) -> ProbeComparison:
    """Compare the second arm with the first."""
    (found,) = compared(arms)
    return found


def said(arms: list[tuple[str, Probe]]) -> str:
    """Return the sentences of the comparison."""
    return " ".join(probe_comparison.sentences(comparison(arms), arms))


def drawn(arms: list[tuple[str, Probe]], width: int) -> str:
    """Return what is printed for people."""
    console = Console(file=io.StringIO(), width=width, legacy_windows=False)
    probe_comparison.print_arms(console, arms, compared(arms))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def seconds(alpha: float, beta: float) -> Oracle:
    """Return an oracle whose steps take so long, whatever the size and for each sample."""
    return Oracle(seconds=lambda size: alpha + beta * size)


def faster() -> Arms:
    """Return two arms of which the second is twice as fast."""
    return Arms(seconds(1e-3, 1e-5), seconds(5e-4, 5e-6))


# --- timing -----------------------------------------------------------------------------------


def test_arms_take_turns_at_each_size_and_every_other_round_goes_backwards() -> None:
    executor = Arms(Oracle(), Oracle())
    both(executor, most=2)
    there = [("float32", 1), ("bfloat16", 1), ("float32", 2), ("bfloat16", 2)]
    back = there[::-1]
    assert executor.order == [*there, *back, *there, *back, *there]


def test_a_machine_that_gets_slower_all_the_time_does_so_for_all_arms() -> None:
    found = comparison(both(Arms(seconds(2e-3, 0), seconds(1e-3, 0), drift=1.02), most=64))
    assert len(found.sizes) == 7
    for size in found.sizes:
        assert size.throughput_ratio is not None
        assert size.throughput_ratio.value == pytest.approx(2.0, rel=0.02)
        assert (size.throughput_ratio.low or 0) <= 2.0 <= (size.throughput_ratio.high or 0)


def test_draws_are_kept_by_round() -> None:
    (_, probe), _ = both(Arms(Oracle(), Oracle()), most=2)
    assert [len(size.rounds) for size in probe.sizes] == [5, 5]
    assert all(len(draws) == 9 for size in probe.sizes for draws in size.rounds)
    assert probe.sizes[0].step_seconds == sum(probe.sizes[0].rounds, ())


def test_a_size_that_takes_long_in_one_arm_is_timed_there_once_and_has_no_interval() -> None:
    found = both(Arms(Oracle(), seconds(1.0, 0)), most=1)
    (size,) = comparison(found).sizes
    assert size.throughput_ratio is not None
    assert (size.throughput_ratio.n, size.throughput_ratio.low) == (1, None)
    assert "Each size was timed in one round: too few to tell" in said(found)


def test_a_round_that_fails_is_not_paired_with_another() -> None:
    class Fails(Oracle):
        def run(self, unit: Unit, report: Report) -> Iterator[Sequence[Record]]:
            if isinstance(unit, SpeedUnit) and len(self.timed) == 1:
                self.timed.append(0)
                raise UnitError("odd")
            yield from super().run(unit, report)

    found = both(Arms(Oracle(), Fails()), most=1)
    assert [len(draws) for draws in found[1][1].sizes[0].rounds] == [9, 0, 9, 9, 9]
    (size,) = comparison(found).sizes
    assert size.throughput_ratio is not None
    assert size.throughput_ratio.n == 4


def test_what_cannot_be_trained_is_refused_before_anything_runs() -> None:
    config = oracles.config(
        training=dataclasses.replace(oracles.config().training, micro_batch_size=1)
    )
    facts = dataclasses.replace(oracles.facts(), has_batchnorm=True)
    with pytest.raises(ConfigError, match="--micro-batch-size 1: BatchNorm"):
        Prober(config, facts, {}, Oracle(), QuietProgress(), None, "machine")


# --- what is said -----------------------------------------------------------------------------


def test_an_arm_that_is_faster_everywhere_is_said_to_be_and_by_how_much() -> None:
    text = said(both(faster(), most=8))
    assert text.startswith(
        f"{OTHER} trains 2.00 (2.00 to 2.00) times as many samples per second at batch size "
    )
    assert "where it gains most; it is faster at every batch size." in text


def test_where_it_is_slower_is_said_too() -> None:
    found = both(Arms(seconds(1e-3, 1e-4), seconds(2e-3, 4e-5)))
    slower = [size for size in (1, 2, 4, 8, 16) if 2e-3 + 4e-5 * size > 1e-3 + 1e-4 * size]
    assert slower == [1, 2, 4, 8, 16]
    assert "at batch size 400, where it gains most; from batch size 16 down it is slower" in said(
        found
    )
    back = said(both(Arms(seconds(1e-3, 0), seconds(1e-3, 1e-4)), most=8))
    assert back.startswith(f"{OTHER} is slower at every batch size: it trains 0.56 (0.56 to 0.56)")
    assert "at batch size 8, where it loses most." in back
    assert said(both(Arms(seconds(1e-3, 0), seconds(1e-3, 1e-4)), most=1)).startswith(
        f"{OTHER} is slower at batch size 1, where it trains 0.91 (0.91 to 0.91) times as many"
    )


def test_where_no_difference_shows_beside_one_that_does_is_said() -> None:
    def better_at_eight(size: int) -> float:
        return 1e-3 / (2 if size == 8 else 1)

    found = both(Arms(seconds(1e-3, 0), Oracle(seconds=better_at_eight)), most=16)
    assert said(found).startswith(
        f"{OTHER} trains 2.00 (2.00 to 2.00) times as many samples per second at batch size 8; no "
        "difference shows at batch sizes 1, 2, 4 and 16."
    )


def test_nothing_is_called_faster_or_slower_where_the_interval_holds_one() -> None:
    found = both(Arms(Oracle(), Oracle(), noise=(0.8, 1.2, 1.1, 0.9, 1.05)), most=16)
    assert all(
        (size.throughput_ratio.low or 0) < 1 < (size.throughput_ratio.high or 0)
        for size in comparison(found).sizes
        if size.throughput_ratio
    )
    text = said(found)
    assert "No difference in speed shows: every interval holds 1." in text
    assert "faster" not in text
    assert "slower" not in text


def test_nothing_is_called_slower_where_the_interval_is_shown_to_end_at_one() -> None:
    noise = [math.exp(0.02 + 0.0149 * z) for z in (-1.2, -0.5, 0, 0.5, 1.2)]
    found = both(Arms(Oracle(), Oracle(), noise=noise), most=1)
    (size,) = comparison(found).sizes
    assert size.throughput_ratio is not None
    assert 0.995 < (size.throughput_ratio.high or 0) < 1
    assert "No difference in speed shows" in said(found)


@pytest.mark.parametrize(
    ("peaks", "limit", "most", "says"),
    [
        ((100, 50), 2200, None, "The largest batch size that fits grows from 12 to 24, × 2."),
        ((50, 100), 2200, None, "The largest batch size that fits falls from 24 to 12, × 0.5."),
        ((100, 1), 2200, None, "grows from 12 to 400, the whole training set."),
        ((100, 1), 2200, 64, "grows from 12 to 64, that --max allows."),
        ((1, 100), 2200, None, "The largest batch size that fits falls from 400 or more to 12."),
        ((100, 100), 2200, None, "Both fit the same largest batch size, 12. At batch size 12 both"),
        ((100, 50), None, 64, "At batch size 64, the largest timed in both, it takes 0.57 times"),
        ((100, 9000), 2200, None, f"No batch size runs with {OTHER}."),
    ],
)
def test_what_it_does_to_memory_is_said(
    peaks: tuple[int, int], limit: int | None, most: int | None, says: str
) -> None:
    plain, other = (Oracle(peak=lambda size, per=per: 1000 + per * size) for per in peaks)  # type: ignore[misc]
    assert says in said(both(Arms(plain, other), limit=limit, most=most))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_all_tables_fit_the_terminal(width: int) -> None:
    text = drawn(both(faster(), limit=2200), width)
    assert max(map(len, text.splitlines())) <= width
    assert f"══ {PLAIN}" in text
    assert f"══ {OTHER}" in text
    assert f"{OTHER} against {PLAIN}: what it buys" in " ".join(text.split())


def test_where_nothing_was_timed_in_both_there_is_no_table() -> None:
    arms = both(Arms(Oracle(), Oracle(peak=lambda size: 9000)), limit=2200)
    after = drawn(arms, 80).partition(" against ")[2]
    assert after == (
        "precision=float32: what it buys\n\nNo batch size was timed in both.\n"
        "No batch size runs with precision=bfloat16.\n"
    )
    assert "|" not in probe_comparison.markdown(arms, compared(arms)).partition("What each buys")[2]


def test_markdown_says_the_same() -> None:
    arms = both(faster(), limit=2200)
    text = probe_comparison.markdown(arms, compared(arms))
    assert text.startswith("# precision=float32\n\n## Probe: mlp on")
    assert "## precision=bfloat16 against precision=float32: what it buys" in text
    assert "| 8 | 7.41 k | 14.8 k | 2.00 (2.00–2.00) | 1.00 |" in text
    assert "Both fit the same largest batch size, 12." in text


# --- documents --------------------------------------------------------------------------------


def test_the_document_has_the_arms_and_what_each_buys() -> None:
    arms = both(faster(), most=8)
    found = probe_comparison.document(arms, compared(arms))
    assert found == json.loads(machine_text(found, [], Format.JSON))
    assert found.keys() == {"schema_version", "arms", "comparisons"}
    assert [arm["arm"] for arm in found["arms"]] == [PLAIN, OTHER]
    assert [arm["largest"] for arm in found["arms"]] == [8, 8]
    (buys,) = found["comparisons"]
    assert (buys["first"], buys["second"], buys["largest"]) == (PLAIN, OTHER, [8, 8])
    assert [row["batch_size"] for row in buys["batch_sizes"]] == [1, 2, 4, 8]
    path = "comparisons.0.batch-sizes.4.throughput-ratio.value"
    assert float(get_text(found, path)) == pytest.approx(2.0)
    assert get_text(found, "arms.1.largest") == "8\n"


def test_rows_name_their_arm_and_have_the_ratio_to_the_first() -> None:
    arms = both(faster(), most=2)
    found = probe_comparison.document(arms, compared(arms))
    rows = probe_comparison.rows(found)
    parsed = list(csv.DictReader(io.StringIO(machine_text(found, rows, Format.CSV))))
    assert [(row["arm"], row["batch_size"]) for row in parsed] == [
        (PLAIN, "1"), (PLAIN, "2"), (OTHER, "1"), (OTHER, "2"),
    ]  # fmt: skip
    assert [row["throughput_ratio"] for row in parsed[:2]] == ["", ""]
    assert [float(row["throughput_ratio"]) for row in parsed[2:]] == pytest.approx([2.0, 2.0])
    assert [float(row["peak_memory_ratio"]) for row in parsed[2:]] == [1.0, 1.0]


# --- the command line -------------------------------------------------------------------------


def test_none_is_the_whole_batch_in_one_pass(tmp_path: Path) -> None:
    arms, _ = read_arms({"vary": ("micro-batch-size=none,32",)}, {}, None)
    assert [config.training.micro_batch_size for _, config in arms] == [None, 32]
    file = tmp_path / "sweep.toml"
    file.write_text("micro_batch_size = 32\nclip_norm = 1.0\n", encoding="utf-8")
    config, _ = read_sweep({"micro_batch_size": "none", "clip_norm": "None"}, {}, file)
    assert (config.training.micro_batch_size, config.training.clip_norm) == (None, None)
    with pytest.raises(ConfigError, match=r"--micro-batch-size nono: .*, or none"):
        read_sweep({"micro_batch_size": "nono"}, {}, None)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--save", "a.json"), "--save a.json: with --vary there are 2 probes"),
        (("--vary", "schedule=constant,cosine"), "--vary schedule=constant: that changes neither"),
        (("--command", "true {batch_size}"), "no such option: --command"),
    ],
)
def test_what_makes_no_sense_with_arms_is_refused(
    args: Sequence[str], says: str, here: Shell
) -> None:
    code, out, err = here.bsx("probe", "--vary", "precision=float32,bfloat16", *args)
    assert (code, out) == (2, "")
    assert says in " ".join(err.split())
    assert not list(here.folder.iterdir())


def test_a_program_of_the_users_cannot_be_probed(here: Shell) -> None:
    Path("own.toml").write_text('command = "true {batch_size}"\ntrain_samples = 9\n')
    code, out, err = here.bsx("probe", "own.toml")
    assert (code, out) == (2, "")
    assert "--command: a program of yours cannot be probed" in err


@pytest.mark.slow
def test_real_arms_are_measured_and_compared(tmp_path: Path) -> None:
    done = bsx(
        "probe", "--dataset", "wine", "--model", "logistic", "--max", "2", "--threads", "1",
        "--vary", "micro-batch-size=none,1", "--format", "json", cwd=tmp_path,
    )  # fmt: skip
    found = document(done)
    labels = ["micro_batch_size=none", "micro_batch_size=1"]
    assert [arm["arm"] for arm in found["arms"]] == labels
    sizes = [arm["config"]["training"]["micro_batch_size"] for arm in found["arms"]]
    assert sizes == [None, 1]
    (buys,) = found["comparisons"]
    assert buys["largest"] == [2, 2]
    for row in buys["batch_sizes"]:
        ratio = row["throughput_ratio"]
        assert ratio["n"] == 5
        assert 0 < ratio["low"] < ratio["value"] < ratio["high"]
        assert 0.9 < row["peak_memory_ratio"]["value"] < 1.1


def test_real_arms_are_shown_one_below_the_other(
    here: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsx.probe.ROUNDS_OF_ARMS", 1)
    args = ("--dataset", "wine", "--model", "logistic", "--max", "1", "--threads", "1")
    code, out, err = here.bsx("probe", *args, "--vary", "speed-loop=device,dataloader")
    assert code == 0, err
    assert out.startswith("══ speed_loop=device\n\nProbe: logistic on wine")
    assert "speed_loop=dataloader against speed_loop=device: what it buys" in out
    assert "Each size was timed in one round" in out


def test_the_note_says_that_the_ratio_is_not_the_quotient_of_the_columns() -> None:
    text = " ".join(drawn(both(Arms(Oracle(), Oracle()), most=2), 100).split())
    assert "paired round by round, so not quite the quotient of the two medians" in text
