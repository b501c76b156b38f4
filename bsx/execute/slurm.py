"""Units run as jobs of Slurm, submitted by submitit; a job and this process share a folder.

A job that is preempted, or that comes to the end of its time, keeps its state, is put back into the
queue by itself and goes on from there. Only this file imports submitit, and what it calls in a job.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bsx.errors import ConfigError
from bsx.execute.apart import ApartExecutor, Message
from bsx.execute.base import Requeued, UnitError
from bsx.execute.job import END, GO, STOP, Job, Orders, Told
from bsx.execute.relay import Place
from bsx.schema import Cluster, Facts, SpeedUnit, SweepConfig, Unit

MOST_JOBS = 16  # at once, where --workers does not say
DEFAULT_SECONDS = 3600.0  # of one job
MOST_SLICES = 1000  # of that time, one after another, for one unit
_BEATS = 5.0  # seconds between two signs of life to the jobs
_LOOKS = {"local": (0.1, 1.0), "slurm": (1.0, 30.0)}  # seconds between looks: at files, at states
_WAITS = 20.0  # seconds for a job of this machine to do what it is ordered
_GONE_FOR = 15.0  # seconds for the files of a job that has ended to be seen here
_OURS = ("cpus_per_task", "gpus_per_node", "partition", "time", "signal_delay_s", "job_name")


@dataclass
class _Running:
    job: Any
    folder: Path
    told: Told
    orders: Orders
    unit: Unit
    gone: float | None = None  # since when the batch system says that it has ended


class SlurmExecutor(ApartExecutor[int]):
    """Runs each unit as a job.

    Args:
        cluster: how jobs are asked for.
        folder: that the jobs share with this process.
    """

    waits = True

    def __init__(self, patience: float | None, cluster: Cluster, folder: Path) -> None:
        super().__init__(patience)
        self._cluster = cluster
        self._root = folder.absolute()
        self._folder: Path | None = None
        self._numbers = itertools.count()
        self._jobs: dict[int, _Running] = {}
        self._looks, self._asks = _LOOKS[cluster.slurm_cluster]
        self._asked = 0.0  # when the batch system was last asked for the states of jobs
        self._over = threading.Event()

    @classmethod
    def of(cls, config: SweepConfig, folder: Path) -> SlurmExecutor:
        """Return the executor that a sweep asks for."""
        _submitit()
        cluster = config.cluster
        if cluster.slurm_cluster == "slurm" and shutil.which("sbatch") is None:
            raise ConfigError(
                "--executor slurm: there is no sbatch on this machine; give this command where "
                "jobs are submitted from, or try --slurm-cluster local"
            )
        for key in cluster.slurm_args:
            if key in _OURS:
                raise ConfigError(
                    f"--slurm-arg {key}={cluster.slurm_args[key]}: bsx sets that itself, from "
                    "--threads, --slurm-gpus, --slurm-partition and --slurm-time"
                )
        return cls(config.hang_seconds, cluster, Path(cluster.slurm_folder or folder / "slurm"))

    def release(self) -> None:
        """Give no sign of life any more, and remove the folder of the jobs."""
        self._over.set()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # where others' are there, too
                self._root.rmdir()

    def placed(self, facts: Facts, config: SweepConfig) -> Facts:
        """Return the facts with as many workers as jobs may be there at once."""
        each = config.threads or facts.devices
        workers = config.workers or min(MOST_JOBS, facts.workers)
        return replace(facts, workers=workers, threads=each, worker_threads=each)

    def _begin(self, unit: Unit) -> int:
        number = next(self._numbers)
        root = self._shared()
        folder = root / f"{number}-{unit.unit_id[:12]}"
        folder.mkdir(mode=0o700)
        orders = Orders(folder)
        job = self._submitted(unit, folder)
        self._jobs[number] = _Running(job, folder, Told(folder), orders, unit)
        return number

    def _submitted(self, unit: Unit, folder: Path) -> Any:
        submitit = _submitit()
        work = Job(unit, str(folder), Place.here(), self.patience)
        with _undisturbed():
            try:
                how = self._cluster.slurm_cluster
                asker = submitit.AutoExecutor(
                    folder / "job", cluster=how, **{f"{how}_max_num_timeout": MOST_SLICES}
                )
                asker.update_parameters(**parameters(unit, self._cluster))
                return asker.submit(work)
            except (RuntimeError, ValueError, NameError, AssertionError) as error:
                line = " ".join(str(error).split())
                raise ConfigError(f"--executor slurm: no job can be submitted: {line}") from None

    def _listen(self, seconds: float | None) -> Iterable[Message[int]]:
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            news = [message for number in list(self._jobs) for message in self._news(number)]
            if news or (until is not None and time.monotonic() >= until):
                return news
            time.sleep(self._looks)

    def _news(self, number: int) -> Iterator[Message[int]]:
        running = self._jobs[number]
        told = False
        for kind, content in running.told.news():
            told = True
            if kind == "requeued":
                content = Requeued("its job was preempted or out of time, and is queued again")
            elif kind == "error" and _is_stop(content) and running.orders.order == GO:
                kind = "waits"  # it is put off; that it goes on is told when it does
            yield Message(number, kind, content)
        if not told:
            state = self._ended(running)
            if state is not None:
                yield Message(number, "error", _died(state, running))

    def _ended(self, running: _Running) -> str | None:
        """Return the state of a job that has ended without a word, or None."""
        if time.monotonic() >= self._asked + self._asks:
            self._asked = time.monotonic()
            for number, one in enumerate(self._jobs.values()):
                over = one.job.done(force_check=number == 0)  # which asks for all of them
                one.gone = (one.gone or time.monotonic()) if over else None
        if running.gone is None:
            return None
        wait = 10 * self._looks if self._cluster.slurm_cluster == "local" else _GONE_FOR
        return str(running.job.state) if time.monotonic() > running.gone + wait else None

    def _ask_to_end(self, handle: int) -> None:
        self._jobs[handle].orders.give(STOP)

    def _end(self, handle: int) -> None:
        running = self._jobs.pop(handle)
        with contextlib.suppress(OSError):
            running.orders.give(END)
        if self._cluster.slurm_cluster == "local":  # it hears the order; nobody is left to wait
            _waited_for(running.job._process)
        elif not running.job.done():
            running.job.cancel(check=False)

    def _shared(self) -> Path:
        """Return the folder of this process, where it gives signs of life from now on."""
        if self._folder is None:
            import tempfile

            try:
                self._root.mkdir(parents=True, exist_ok=True)
                self._folder = Path(tempfile.mkdtemp(prefix="sweep-", dir=self._root))
            except OSError as error:
                raise ConfigError(
                    f"--slurm-folder {self._root}: it cannot be written: {error.strerror}"
                ) from None
            threading.Thread(target=self._live, daemon=True).start()
        return self._folder

    def _live(self) -> None:
        while not self._over.wait(_BEATS):
            for running in list(self._jobs.values()):
                with contextlib.suppress(OSError):
                    running.orders.beat()


def parameters(unit: Unit, cluster: Cluster) -> dict[str, Any]:
    """Return what submitit is to ask for: one task with the unit's threads and devices.

    What is timed has its node to itself.
    """
    seconds = cluster.slurm_seconds or DEFAULT_SECONDS
    gpus = cluster.slurm_gpus or (getattr(unit, "devices", 1) if unit.device == "cuda" else 0)
    asked: dict[str, Any] = {
        "name": f"bsx-{unit.kind}",
        "timeout_min": max(1, int(-(-seconds // 60))),
        "cpus_per_task": unit.threads,
    }
    if gpus:
        asked["gpus_per_node"] = gpus
    if cluster.slurm_cluster == "local":
        return asked
    if cluster.slurm_partition is not None:
        asked["slurm_partition"] = cluster.slurm_partition
    if isinstance(unit, SpeedUnit):
        asked["slurm_exclusive"] = True
    return asked | _further(cluster.slurm_args)


def _further(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of sbatch as submitit takes them: those it knows, and all others."""
    from submitit.slurm.slurm import SlurmExecutor as Known

    known = Known._valid_parameters()
    given = {f"slurm_{key}": value for key, value in args.items() if key in known}
    others = {key: value for key, value in args.items() if key not in known}
    return given | ({"slurm_additional_parameters": others} if others else {})


def _waited_for(process: subprocess.Popen[bytes]) -> None:
    """Wait for what looks after a job of this machine; the job itself ends by its orders."""
    try:
        process.wait(_WAITS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_stop(content: object) -> bool:
    from bsx.errors import Stopped

    return isinstance(content, Stopped)


def _died(state: str, running: _Running) -> UnitError:
    """Tell how a job ended that said nothing."""
    detail = ""
    with contextlib.suppress(OSError):
        said = sorted((running.folder / "job").glob("*.err"))
        detail = "".join(file.read_text(errors="replace") for file in said)[-4000:]
    return UnitError(f"its job {running.job.job_id} is gone ({state})", detail, worth_retrying=True)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Start jobs that do not hear what is sent to this process and all it started: it decides."""
    ours = {getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ours)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _submitit() -> Any:
    try:
        import submitit
    except ImportError:
        raise ConfigError(
            "--executor slurm: submitit is not installed; pip install 'bsx[slurm]', or leave "
            "--executor out to train on this machine"
        ) from None
    logging.getLogger("submitit").setLevel(logging.ERROR)
    return submitit
