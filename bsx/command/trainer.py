"""The user's program as a trainer: each run of a group is one run of the program."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bsx import files
from bsx.command import template
from bsx.command.curve import Reading, is_divergence, last_step, read_curve, steps_per_epoch
from bsx.command.events import source
from bsx.command.program import Ended, run_program
from bsx.command.reports import Report, Source
from bsx.errors import ConfigError, StoreError
from bsx.kills import MemoryKills, told
from bsx.schema import SETTLED, Group, Metric, Program, Run, RunRecord, RunStatus
from bsx.schema import Report as Progress

MOST_FAILURES = 3  # of a batch size whose every run has failed, before the rest is given up

_LOSS = Metric("loss", higher_is_better=False)
_NO_MEMORY = re.compile(
    r"out of memory|OutOfMemory|MemoryError|cannot allocate memory|can't allocate memory",
    re.IGNORECASE,
)
_BY_SIGNAL = 128  # above it, the guard's exit code says which signal
KILLED = _BY_SIGNAL + 9
_LAST_LINES = 3
_LONGEST_LINE = 300
_PRINTED_BYTES = 2000
_PRINTED_LINES = 2
_FRAME = re.compile(r'\s+File "(.+)", line (\d+)')


def train(group: Group, report: Progress) -> Iterator[tuple[RunRecord, ...]]:
    """Run the program for every run of the group and yield each record as it is complete.

    Where it runs out of memory once, or fails at the first few runs, the other runs of the group
    are recorded as what became of those, untried.
    """
    best: float | None = None
    failures = 0
    for number, run in enumerate(group.runs):
        one = _OneRun(group, run)

        def tell(fraction: float, value: float | None, number: int = number) -> None:
            nonlocal best
            best = _better(group.judged_by or _LOSS, value, best)
            report((number + fraction) / len(group.members), best)

        record = one.train(tell)
        yield (record,)
        if record.status in SETTLED:
            one.forget()
        if record.status in (RunStatus.FAILED, RunStatus.TIMED_OUT):
            failures += 1
        hopeless = failures == number + 1 == MOST_FAILURES
        if hopeless or record.status is RunStatus.OUT_OF_MEMORY:
            yield tuple(_untried(rest, record) for rest in group.runs[number + 1 :])
            return


def check_sources(program: Program) -> None:
    """Refuse to go on with a program that was changed after the sweep began: runs would be mixed.

    Raises:
        ConfigError: naming the file.
    """
    for path, known in program.sources.items():
        try:
            same = files.digest_of(path) == known
        except OSError:
            same = False
        if not same:
            raise ConfigError(
                f"--command: {path} was changed while it is in use; give the same command again"
            )


def _untried(run: Run, after: RunRecord) -> RunRecord:
    return RunRecord(run, after.status, error=f"not tried after others failed: {after.error}")


def _better(metric: Metric, value: float | None, best: float | None) -> float | None:
    if value is None or best is None:
        return best if value is None else value
    return max(value, best) if metric.higher_is_better else min(value, best)


@dataclass
class _OneRun:
    """One run of the program on its way."""

    group: Group
    run: Run

    def __post_init__(self) -> None:
        program = self.run.recipe.program
        if program is None:
            raise ConfigError("this run has no --command")
        self._program: Program = program
        self._judged = self.group.judged_by or _LOSS
        self._per_epoch = steps_per_epoch(self.run.recipe, program.train_samples)
        self._folder = self._folder_of_its_own()
        where = "" if self._folder is None else str(self._folder)
        self._command = template.filled(program.text, self.run, self._per_epoch, where)
        self._source: Source = source(program.reports)
        self._understood = 0
        self._diverged = False
        self._printed = b""  # the end of it

    def train(self, report: Progress) -> RunRecord:
        """Run the program to its end and say what came of it."""

        check_sources(self._program)
        kills = MemoryKills()

        def tick(seconds: float) -> bool:
            self._source.look(seconds)
            self._look_for_divergence()
            report(self._fraction(), None)
            return not self._diverged

        ended = run_program(
            self._command,
            self._environment(),
            self.group.timeout_seconds,
            self._take,
            tick,
        )
        self._source.finish()
        self._look_for_divergence()
        record = self._record(ended, out_of_memory=ended.code == KILLED and kills.found())
        report(1.0, record.final.get("validation", {}).get(self._judged.name))
        return record

    def forget(self) -> None:
        """Remove what the program kept on its way: the run is done."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _folder_of_its_own(self) -> Path | None:
        """Make the folder in which the program may keep its state from attempt to attempt.

        Raises:
            StoreError: where it cannot be made.
        """
        folder = self.group.checkpoints
        if template.CHECKPOINT not in self._program.placeholders or folder is None:
            return None
        own = Path(folder).absolute() / self.run.run_id
        try:
            own.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"no folder for {{checkpoint}} can be made at {own}: {error.strerror}; mend that, "
                "and the same command goes on from what is stored"
            ) from None
        return own

    def _take(self, chunk: bytes, seconds: float) -> None:
        self._printed = (self._printed + chunk)[-_PRINTED_BYTES:]
        self._source.output(chunk, seconds)

    def _look_for_divergence(self) -> None:
        new = self._source.found()[self._understood :]
        self._understood += len(new)
        self._diverged |= any(is_divergence(one, self._judged.name) for one in new)

    def _fraction(self) -> float:
        """How far the run is, where its length is known: 0 where it is not."""
        if not template.LENGTH & set(self._program.placeholders):
            return 0.0
        reports, recipe = self._source.found(), self.run.recipe
        last = last_step(reports[-1], recipe, self._program.train_samples) if reports else 0
        return min(1.0, last / recipe.steps)

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}  # reports come when they are made
        if self.group.threads != os.cpu_count():
            environment |= dict.fromkeys(
                ("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.group.threads)
            )
        return environment

    def _record(self, ended: Ended, *, out_of_memory: bool) -> RunRecord:
        reading = self._reading()
        status, error = self._status(ended, reading, out_of_memory)
        return RunRecord(
            run=self.run,
            status=status,
            curve=reading.points,
            final=reading.final if status is RunStatus.COMPLETED else {},
            stopped_at=reading.points[-1].step if reading.points else 0,
            train_seconds=ended.seconds,
            environment={"trainer": "command", "command": template.shown(self._command)},
            error=error,
        )

    def _reading(self) -> Reading:
        """The curve: up to where it diverged, if it did."""
        reports: Sequence[Report] = self._source.found()
        finite = len(reports)
        if self._diverged:
            judged = self._judged.name
            finite = next(i for i, one in enumerate(reports) if is_divergence(one, judged))
        recipe, samples = self.run.recipe, self._program.train_samples
        return read_curve(reports[:finite], recipe, samples, self._judged)

    def _status(
        self, ended: Ended, reading: Reading, out_of_memory: bool
    ) -> tuple[RunStatus, str | None]:
        if self._diverged:
            return RunStatus.DIVERGED, None
        if ended.timed_out:
            limit = self.group.timeout_seconds or 0.0
            return RunStatus.TIMED_OUT, f"the program took longer than --timeout {limit:g} s"
        if ended.code:
            said = _last_error(ended.last_words)
            status = RunStatus.FAILED
            if out_of_memory or _NO_MEMORY.search(ended.last_words):
                status = RunStatus.OUT_OF_MEMORY
            how = _how_it_ended(ended.code, out_of_memory)
            return status, f"the program {how}" + (f": {said}" if said else "")
        if reading.trouble:
            said = _last_lines(ended.last_words)
            also = f" (on stderr: {said})" if said else ""
            printed = _last_lines(self._printed.decode("utf-8", "replace"), _PRINTED_LINES)
            shown = f"; the last that it printed: {printed}" if printed else "; it printed nothing"
            if self._program.reports != "stdout":
                shown = ""
            return RunStatus.FAILED, f"the program ended well, but {reading.trouble}{shown}{also}"
        return RunStatus.COMPLETED, None


def _how_it_ended(code: int, out_of_memory: bool) -> str:
    if code <= _BY_SIGNAL:
        return f"ended with exit code {code}"
    return f"was ended by {told(code - _BY_SIGNAL, out_of_memory=out_of_memory)}"


def _last_error(text: str) -> str:
    """Return what a traceback of Python says and where it points; else the last lines."""
    lines = text.splitlines()
    frames = [i for i, line in enumerate(lines) if _FRAME.match(line)]
    said = [line for line in lines[frames[-1] + 1 :] if line[:1].strip()] if frames else []
    if not said:
        return _last_lines(text)
    found = _FRAME.match(lines[frames[-1]])
    where = f" ({Path(found[1]).name}, line {found[2]})" if found else ""
    return f"{_last_lines(said[0])}{where}"


def _last_lines(text: str, count: int = _LAST_LINES) -> str:
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip(" \t^~")]
    return " | ".join(line[-_LONGEST_LINE:] for line in lines[-count:])
