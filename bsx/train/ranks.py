"""Several processes that work on one unit, a device each, and end together.

The process that asks for them tells of what they do and takes no part: it hears when one of them
dies, ends the others, and is heard when it ends itself. What they do together goes through
``torch.distributed``: gloo on the CPU, nccl on CUDA.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from bsx import processes, streams
from bsx.errors import ProcessEnded, Stopped
from bsx.schema import Group, Record, Report, SpeedUnit
from bsx.train.threads import take_threads

_MEETS_WITHIN = timedelta(minutes=5)  # a device that says nothing for so long is given up
_DIES_WITHIN = 1.0  # seconds after which one that died is seen to have died

U = TypeVar("U", Group, SpeedUnit)


@dataclass(frozen=True)
class Rank:
    """One of the devices that work together."""

    number: int
    of: int

    def share(self, samples: int) -> slice:
        """Return which of the samples of a batch are this one's: as many as others', or one more.

        Of a batch smaller than the devices are many, some have none.
        """
        return slice(samples * self.number // self.of, samples * (self.number + 1) // self.of)

    def agree(self, value: float) -> float:
        """Return the value that the first one has."""
        told = torch.tensor([value], dtype=torch.float64)
        if dist.get_backend() == "nccl":
            told = told.to(f"cuda:{self.number}")
        dist.broadcast(told, src=0)
        return float(told)

    def sum(self, numbers: Tensor) -> Tensor:
        """Return the sum over all of them, the same to the bit everywhere; in place."""
        dist.all_reduce(numbers)
        return numbers


# What each of them does: the unit on its own device, which one it is, and where the first reports.
Body = Callable[[U, Rank, Report], Iterator[Sequence[Record]]]


def together(body: Body[U], unit: U, report: Report) -> Iterator[Sequence[Record]]:
    """Do a unit by as many processes as it has devices; yield what the first of them yields.

    Raises:
        ProcessEnded: where one of them was ended from outside.
        Exception: what one of them raised.
    """
    context: Any = multiprocessing.get_context(
        "forkserver" if sys.platform.startswith("linux") else "spawn"
    )
    connections: list[Connection] = []
    workers: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="bsx-") as folder:
        try:
            for number in range(unit.devices):
                ours, theirs = context.Pipe()
                rank = Rank(number, unit.devices)
                asked = (body, unit, rank, os.path.join(folder, "meeting"), theirs, list(sys.path))  # noqa: PTH118 — it becomes a URL
                process = context.Process(
                    target=_work, args=asked, name=f"device {number + 1}", daemon=True
                )
                with processes.without_the_script():
                    process.start()
                theirs.close()
                connections.append(ours)
                workers.append(process)
            yield from _told(connections, workers, report)
        finally:
            for process in workers:
                process.kill()
                process.join()
            for connection in connections:
                connection.close()


def _told(
    connections: Sequence[Connection], workers: Sequence[Any], report: Report
) -> Iterator[Sequence[Record]]:
    """Pass on what the first tells, until it is done or one of them fails."""
    stopped: Stopped | None = None
    while True:
        for ready in wait(connections):
            assert isinstance(ready, Connection)
            number = connections.index(ready)
            try:
                kind, content = ready.recv()
            except (EOFError, ConnectionResetError):
                raise _lost(number, workers) from None
            if kind == "error":
                raise _lost_first(workers) or content
            if number != 0:
                continue
            if kind == "records":
                yield content
            elif kind == "report" and stopped is None:
                try:
                    report(*content)
                except Stopped as asked:
                    stopped = asked  # when it has kept its state
                    ready.send(processes.STOP)
            elif kind == "stopped":
                raise stopped or Stopped("a device")
            elif kind == "done":
                return


def _lost(number: int, workers: Sequence[Any]) -> Exception:
    """Tell how one ended that said nothing."""
    workers[number].join(_DIES_WITHIN)
    code = workers[number].exitcode
    if code is not None and code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
        return ProcessEnded(f"the process of device {number + 1} of {len(workers)} {how}")
    return RuntimeError(f"the process of device {number + 1} of {len(workers)} ended by itself")


def _lost_first(workers: Sequence[Any]) -> Exception | None:
    """Return what became of one that died, for whose sake others failed."""
    for number, process in enumerate(workers):
        process.join(_DIES_WITHIN / len(workers))
        if process.exitcode is not None and process.exitcode < 0:
            return _lost(number, workers)
    return None


def _work(
    body: Body[U], unit: U, rank: Rank, meeting: str, connection: Connection, path: list[str]
) -> None:
    """Do the unit on one device: the body of a process."""
    processes.leave_signals_to_the_parent()
    sys.path[:] = path
    streams.print_nothing_but_messages()
    to_end = processes.end_with(connection)

    def report(fraction: float, best: float | None) -> None:
        connection.send(("report", (fraction, best)))
        if to_end.is_set():
            raise Stopped("the coordinator")

    try:
        take_threads(max(1, unit.threads // rank.of))
        _meet(rank, unit.device, meeting)
        mine = replace(unit, device=f"cuda:{rank.number}") if unit.device == "cuda" else unit
        for records in body(mine, rank, report):
            connection.send(("records", records))
        connection.send(("done", None))
        connection.recv()  # until it is ended: what goes first takes the others' connections along
    except Stopped:
        connection.send(("stopped", None))
    except EOFError:
        pass
    except Exception as error:
        connection.send(("error", _sendable(error)))


def _meet(rank: Rank, device: str, meeting: str) -> None:
    """Have all of them know each other; they are on one machine, and talk within it."""
    if device != "cuda":
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    else:
        torch.cuda.set_device(rank.number)
    dist.init_process_group(
        "nccl" if device == "cuda" else "gloo",
        init_method=f"file://{meeting}",
        rank=rank.number,
        world_size=rank.of,
        timeout=_MEETS_WITHIN,
    )


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
