"""Units run on a Ray cluster, each by an actor that has a worker process beside it.

An actor takes one unit after another as long as they need the same of the cluster. Reports and
records are asked of it, so nothing is lost that it was told, and an actor that died is noticed at
once. Only this file imports ray.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import queue
import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bsx.errors import ConfigError
from bsx.execute.apart import ApartExecutor, Message
from bsx.execute.base import UnitError
from bsx.execute.relay import Place, relay
from bsx.schema import Facts, SpeedUnit, SweepConfig, Unit

_ANSWERS_WITHIN = 5.0  # seconds for a machine to take a connection
_LISTENS = 5.0  # seconds that an actor waits for something to tell before it says: nothing yet


class Need(NamedTuple):
    """What a unit needs of the cluster; ``node``: the one it is to have for itself."""

    cpus: float
    gpus: float
    node: str | None = None


class _Actor:
    """The far side: runs a unit, and keeps what it tells until it is asked."""

    def __init__(self, place: Place) -> None:
        place.enter()
        self._told: queue.Queue[tuple[str, object]] = queue.Queue()
        self._to_end = threading.Event()

    def run(self, unit: Unit, patience: float | None) -> None:
        """Run ``unit`` to its end."""
        self._to_end.clear()
        self._told.put(("begun", None))
        relay(unit, patience, lambda kind, content: self._told.put((kind, content)), self._to_end)

    def told(self) -> list[tuple[str, object]]:
        """Return what was told since this was last asked, or nothing after a while."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._told.get(timeout=_LISTENS))
            while True:
                found.append(self._told.get_nowait())
        return found

    def end(self) -> None:
        """Have the unit end as soon as it has kept its state."""
        self._to_end.set()


class RayExecutor(ApartExecutor[int]):
    """Runs each unit where the cluster has room for it.

    Args:
        address: of the cluster; None starts one on this machine, or takes what RAY_ADDRESS says.
    """

    waits = True

    def __init__(self, patience: float | None = None, address: str | None = None) -> None:
        super().__init__(patience)
        self._address = address
        self._ray: Any = None
        self._ours = False  # whether the connection was made here
        self._numbers = itertools.count()
        self._actors: dict[int, tuple[Need, Any]] = {}
        self._asked: dict[Any, int] = {}  # what an actor will tell next → of which unit
        self._idle: list[tuple[Need, Any]] = []

    @classmethod
    def of(cls, config: SweepConfig, folder: Path) -> RayExecutor:
        """Return the executor that a sweep asks for."""
        _imported()
        return cls(config.hang_seconds, config.cluster.ray_address)

    def release(self) -> None:
        """End the actors, and the connection where it was made here."""
        self._dismiss()
        if self._ours:
            self._ray.shutdown()
        self._ray, self._ours = None, False

    def prepare(self) -> None:
        """Connect with the cluster."""
        if self._ray is not None:
            return
        ours = not _imported().is_initialized()
        self._ray = connected(self._address) if ours else _imported()
        self._ours = ours

    def placed(self, facts: Facts, config: SweepConfig) -> Facts:
        """Return the facts with as many workers as the cluster has room for.

        The timed loop has a node to itself; ``--threads`` are those of each unit.
        """
        self.prepare()
        gpu = facts.device == "cuda"
        each = config.threads or facts.devices
        nodes = self._nodes()
        cpus = [int(node["Resources"].get("CPU", 0)) for node in nodes]
        gpus = [int(node["Resources"].get("GPU", 0)) for node in nodes]
        if max(cpus, default=0) < each:
            most = max(cpus, default=0)
            raise ConfigError(
                f"--threads {each}: no node of the Ray cluster has so many CPUs; the most is {most}"
            )
        if gpu and max(gpus, default=0) < facts.devices:
            raise ConfigError(
                f"--device cuda: no node of the Ray cluster has {facts.devices} GPU; start its "
                "nodes with --num-gpus, or give --device cpu"
            )
        by_cpu = (count // each for count in cpus)
        by_gpu = (count // facts.devices if gpu else 10**6 for count in gpus)
        room = sum(min(pair) for pair in zip(by_cpu, by_gpu, strict=True))
        workers = config.workers or max(1, min(room, facts.workers))
        threads = config.threads or (each if gpu else max(cpus))
        return replace(facts, workers=workers, threads=threads, worker_threads=each)

    def _begin(self, unit: Unit) -> int:
        need = self._need(unit)
        actor = next((actor for had, actor in self._idle if had == need), None)
        if actor is None:
            self._dismiss()  # what idles may hold what this one needs
            actor = self._hired(need)
        else:
            self._idle.remove((need, actor))
        number = next(self._numbers)
        self._actors[number] = need, actor
        actor.run.remote(unit, self.patience)
        self._ask(number)
        return number

    def _listen(self, seconds: float | None) -> Iterable[Message[int]]:
        ready, _ = self._ray.wait(list(self._asked), num_returns=1, timeout=seconds)
        for reference in ready:
            yield from self._heard(self._asked.pop(reference), reference)

    def _heard(self, number: int, reference: Any) -> Iterator[Message[int]]:
        try:
            told = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            yield Message(number, "error", _died(error))
            return
        if not any(kind in ("done", "error") for kind, _ in told):
            self._ask(number)
        yield from (Message(number, kind, content) for kind, content in told)

    def _ask_to_end(self, handle: int) -> None:
        self._actors[handle][1].end.remote()

    def _end(self, handle: int) -> None:
        """Keep an actor that is done for the next unit, and end one that is not."""
        need, actor = self._actors.pop(handle)
        asked = [reference for reference, number in self._asked.items() if number == handle]
        for reference in asked:
            del self._asked[reference]
        if asked:
            self._ray.kill(actor)
        else:
            self._idle.append((need, actor))

    def _ask(self, number: int) -> None:
        self._asked[self._actors[number][1].told.remote()] = number

    def _dismiss(self) -> None:
        """Let go of the actors that have nothing to do."""
        for _, actor in self._idle:
            self._ray.kill(actor)
        self._idle.clear()

    def _hired(self, need: Need) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options: dict[str, Any] = {"num_cpus": need.cpus, "max_concurrency": 4}
        if need.gpus:
            options["num_gpus"] = need.gpus
        if need.node is not None:
            there = NodeAffinitySchedulingStrategy(need.node, soft=False)
            options["scheduling_strategy"] = there
        return self._ray.remote(_Actor).options(**options).remote(Place.here())

    def _need(self, unit: Unit) -> Need:
        devices = getattr(unit, "devices", 1)
        gpus = devices if unit.device == "cuda" else 0
        if not isinstance(unit, SpeedUnit):
            return Need(unit.threads, gpus)
        able = [n for n in self._nodes() if n["Resources"].get("GPU", 0) >= gpus]
        node = max(able, key=lambda n: (n["Resources"].get("CPU", 0), n["NodeID"]))
        return Need(node["Resources"].get("CPU", 0), gpus, node["NodeID"])

    def _nodes(self) -> list[Any]:
        return [node for node in self._ray.nodes() if node["Alive"]]


def _died(error: Exception) -> UnitError:
    line = str(error).partition("\n")[0]
    reason = f"its process on the Ray cluster is gone: {type(error).__name__}: {line}"
    return UnitError(reason, str(error), worth_retrying=True)


def _imported() -> Any:
    # Ray takes what users do to its authors, if it is not told to leave it.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "--executor ray: ray is not installed; pip install 'bsx[ray]' (on every node), or "
            "leave --executor out to train on this machine"
        ) from None
    return ray


def connected(address: str | None, **asked: Any) -> Any:
    """Join the cluster, or start one here; return ray.

    Who handled a signal before handles it afterwards, and nothing is printed.

    Raises:
        ConfigError: where there is no such cluster, or no ray.
    """
    ray = _imported()
    where, given = (f"--ray-address {address}", address) if address else ("--executor ray", None)
    if given is None and (variable := os.environ.get("RAY_ADDRESS")):
        where, given = f"RAY_ADDRESS={variable}", variable
    _check_reachable(given or "", where)
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGINT")]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            ray.init(
                address=address,
                log_to_driver=False,
                configure_logging=False,
                logging_level="ERROR",
                **({} if address else {"include_dashboard": False}),
                **asked,
            )
    except Exception as error:  # plain ones, too, where a part of it does not start in time
        ray.shutdown()
        line = str(error).partition("\n")[0]
        raise ConfigError(
            f"{where}: no connection with the Ray cluster: {line}; see `ray status`"
        ) from None
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
    return ray


def _check_reachable(address: str, where: str) -> None:
    """See that somebody listens at HOST:PORT or ray://HOST:PORT; Ray itself tries for minutes.

    Raises:
        ConfigError: naming ``where`` the address was given.
    """
    scheme, _, rest = address.rpartition("://")
    if scheme not in ("", "ray") or ":" not in rest:
        return  # auto, local, or of a service that has its own ways
    remedy = "give HOST:PORT as `ray start --head` printed it, or auto on a machine of the cluster"
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise ConfigError(f"{where}: no host and port; {remedy}")
    try:
        socket.create_connection((host, port), _ANSWERS_WITHIN).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"{where}: no Ray cluster is reached there ({why}); {remedy}") from None
