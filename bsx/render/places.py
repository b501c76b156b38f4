"""Where speeds were measured, in words."""

from __future__ import annotations

from collections.abc import Iterable

from bsx.render import numbers, phrases
from bsx.schema import Analysis, SpeedOrigin, Sweep

# Of what a machine is lent by that is not this one
_LENT = {"ray": ", on one node of the Ray cluster", "slurm": ", in a job of Slurm"}


def alone_on(device: str, threads: int, devices: int = 1) -> str:
    """Say what one model alone ran on: ``alone on cpu, 2 threads``."""
    with_threads = f", {threads} thread{'s' * (threads != 1)}" if device == "cpu" else ""
    several = f"{devices} × " if devices > 1 else ""
    return f"alone on {several}{device}{with_threads}"


def loop_named(loops: Iterable[str]) -> str:
    """Name the loops that were timed, if any was: ``, device loop``."""
    names = sorted({phrases.clean(loop) for loop in loops})
    return f", {phrases.listed(names)} loop" if names else ""


def timed_where(sweep: Sweep, analysis: Analysis) -> str:
    """Say where the speeds of a sweep were measured."""
    loops = loop_named(size.speed.loop for size in analysis.batch_sizes if size.speed)
    origin, command = analysis.speed_from, sweep.config.command
    if origin is None and command is not None:
        if command.program.elsewhere:
            return "of the runs themselves, by their seconds"
        return "of the program itself, between its reports"
    if origin is None:
        facts = sweep.facts
        alone = alone_on(facts.device, facts.threads, facts.devices)
        return f"one model {alone}{_LENT.get(sweep.config.executor, '')}{loops}"
    there = alone_on(phrases.clean(origin.device), origin.threads)
    return f"by a probe, one model {there}{_machine(origin)}{loops}"


def _machine(origin: SpeedOrigin) -> str:
    known = origin.environment
    hardware = known.get("accelerator") or known.get("processor")
    return f" ({phrases.clean(hardware)})" if hardware else ""


def interpolated(analysis: Analysis) -> tuple[str, ...]:
    """Say which sizes were not timed where the speeds come from, if any."""
    origin = analysis.speed_from
    shown = {size.batch_size for size in analysis.batch_sizes}
    sizes = [size for size in origin.interpolated if size in shown] if origin else []
    if not sizes:
        return ()
    named = phrases.listed([numbers.count(size) for size in sizes])
    return (f"{named} not timed there: on the line through those that were",)
