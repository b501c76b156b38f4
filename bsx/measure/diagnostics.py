"""One run trained again by the plain loop, and what is measured on its way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from bsx.measure.gradient_noise import noise_draws, part_size
from bsx.measure.gradients import CHUNK, directions
from bsx.measure.sharpness import LossSurface, box_maximum, top_eigenvalue
from bsx.models import has_batchnorm
from bsx.schema import (
    DiagnosticRecord,
    DiagnosticUnit,
    Observation,
    Record,
    Report,
    diagnostic_id,
)
from bsx.schema.encoding import from_json, to_json
from bsx.train.checkpoint import Checkpoints
from bsx.train.keeper import Keeper
from bsx.train.loop import train_run
from bsx.train.observers import log_spaced, thirds, undisturbed
from bsx.train.session import Clock, Session
from bsx.train.threads import take_threads

NOISE_POINTS = 10

# (model, step, samples seen) → what was measured there
Take = Callable[[nn.Module, int, int], Observation]


@dataclass
class _Measure:
    """What is measured at which steps, and what came of it."""

    name: str
    steps: Collection[int]
    take: Take
    normalized_over: int | None
    seen: list[Observation] = field(default_factory=list)


def measure(unit: DiagnosticUnit, report: Report) -> Iterator[tuple[Record, ...]]:
    """Train the run of ``unit`` and yield a record of each of its measures."""
    take_threads(unit.threads)
    session = Session(unit)
    measures = [_MEASURES[name](session, unit) for name in unit.measures]

    def observe(model: nn.Module, step: int, samples_seen: int) -> None:
        for one in measures:
            if step in one.steps:
                with undisturbed(model):
                    one.seen.append(one.take(model, step, samples_seen))

    clock = Clock(session.device)
    folder = unit.checkpoints
    kept = None if folder is None else Checkpoints(folder, unit.unit_id)
    keeper = Keeper(kept, session.steps, report, clock, beside=_Seen(measures))
    trained = train_run(session, unit.run, keeper, clock, observe)
    found = tuple(
        DiagnosticRecord(
            record_id=diagnostic_id(unit.run, one.name, _batch_sizes(unit, one.name)),
            run=unit.run,
            measure=one.name,
            status=trained.status.value,
            observations=tuple(one.seen),
            normalized_over=one.normalized_over,
            environment=session.environment,
        )
        for one in measures
    )
    yield (*keeper.notices, *found)
    keeper.done()


class _Seen:
    """What was measured so far, as a checkpoint keeps it."""

    def __init__(self, measures: Sequence[_Measure]) -> None:
        self._measures = measures

    def state(self) -> dict[str, list[str]]:
        """Return the observations of each measure."""
        return {one.name: [to_json(seen) for seen in one.seen] for one in self._measures}

    def restore(self, state: Mapping[str, Sequence[str]]) -> None:
        """Have seen what was seen then."""
        for one in self._measures:
            one.seen[:] = [from_json(Observation, text) for text in state[one.name]]


def _noise_scale(session: Session, unit: DiagnosticUnit) -> _Measure:
    model = session.model(unit.seed)
    part = part_size(session, model)

    def take(model: nn.Module, step: int, samples_seen: int) -> Observation:
        draws = noise_draws(session, model, unit.seed, step, part)
        return Observation(step, samples_seen, noise=draws)

    over = part if has_batchnorm(model) else None
    return _Measure("noise-scale", log_spaced(session.evaluate_at, NOISE_POINTS), take, over)


def _gradients(session: Session, unit: DiagnosticUnit) -> _Measure:
    def take(model: nn.Module, step: int, samples_seen: int) -> Observation:
        norm, found = directions(session, model, unit.batch_sizes, unit.seed, step)
        return Observation(step, samples_seen, full_norm=norm, directions=found)

    over = CHUNK if has_batchnorm(session.model(unit.seed)) else None
    return _Measure("gradients", thirds(session.evaluate_at), take, over)


def _sharpness(session: Session, unit: DiagnosticUnit) -> _Measure:
    def take(model: nn.Module, step: int, samples_seen: int) -> Observation:
        surface = LossSurface(session, model)
        here = surface.here()
        return Observation(
            step,
            samples_seen,
            sharpness=box_maximum(surface.loss_and_gradient, here),
            eigenvalue=top_eigenvalue(surface.curvature(here), len(here)),
        )

    return _Measure("sharpness", (session.steps,), take, None)


def _batch_sizes(unit: DiagnosticUnit, measure: str) -> tuple[int, ...]:
    return unit.batch_sizes if measure == "gradients" else ()


_MEASURES: dict[str, Callable[[Session, DiagnosticUnit], _Measure]] = {
    "noise-scale": _noise_scale,
    "gradients": _gradients,
    "sharpness": _sharpness,
}
