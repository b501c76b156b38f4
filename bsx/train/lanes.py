"""Lanes: the runs of a group trained at once, their weights stacked.

The contract is the plain loop's. Learning rates and seeds differ between lanes, and momentum and
weight decay where they are tuned; the batch size, the model's shape and the step are common. A
lane whose loss is no longer finite is recorded as diverged and dropped from the computation at the
next evaluation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bsx.models import Stacked, has_batchnorm
from bsx.schema import CurvePoint, Group, Point, Record, Report, RunRecord
from bsx.states import States, can_grow, key_of_group
from bsx.train.batches import passes
from bsx.train.checkpoint import Checkpoints
from bsx.train.evaluate import evaluate
from bsx.train.feed import Feed
from bsx.train.gradients import is_plain, treat
from bsx.train.graphs import Played, recorder
from bsx.train.halving import dominated, rungs
from bsx.train.keeper import Ends, Keeper, curve_from, curve_state
from bsx.train.session import Clock, Session, curve_point, run_record
from bsx.train.threads import take_threads
from bsx.train.updaters import build_updater, takes_a_grid


def train(group: Group, report: Report) -> Iterator[tuple[Record, ...]]:
    """Train the runs of the group side by side and yield all records at once, in lane order.

    What a lane computes may depend on its neighbours in the last bit: a group is stored whole or
    not at all.
    """
    take_threads(group.threads)
    session = Session(group)
    lanes = Lanes(session, group)
    torch.manual_seed(group.members[0][1])  # what is drawn on the way: dropout, noise
    clock = Clock(session.device)
    folder = group.checkpoints
    kept = None if folder is None else Checkpoints(folder, group.unit_id)
    ends = None
    if group.states is not None and can_grow(group.recipe) and not group.halving:
        ends = Ends(States(group.states), key_of_group(group), session.environment)
    keeper = Keeper(kept, session.steps, report, clock, ends)
    before = keeper.taken_up(session.device)
    if before is not None:
        lanes.restore(before)
    best: float | None = None
    for next_evaluation in session.evaluate_at[bisect_right(session.evaluate_at, lanes.done) :]:
        clock.start()
        while lanes.taken < next_evaluation:
            lanes.step()
            keeper.after_step(lanes.taken, lanes.state)
        seconds = clock.stop()
        if lanes.taken == session.steps:
            keeper.ended(lanes.taken, lanes.state)
        lanes.evaluate(seconds)
        if lanes.done in lanes.rungs:
            lanes.drop_the_dominated()
        if not len(lanes.alive):
            break
        for lane in lanes.alive:
            best = session.better(lanes.curves[lane][-1].metrics[session.quality[0]], best)
        keeper.tell(lanes.done, best, lanes.state)
    yield (*keeper.notices, *lanes.records(clock.stop()))
    keeper.done()


# From this batch size on, one product for all rates of a seed beats one for each lane.
_WIDE_FROM = 16
# Samples of each lane at once on a CPU, where it makes no difference to what is computed: what the
# layers of all lanes make of more does not stay in its caches, and a step waits for memory.
_SAMPLES_AT_ONCE = 128


class Lanes:
    """The state of the lanes: stacked weights, one optimizer step for all, curves so far."""

    def __init__(self, session: Session, group: Group) -> None:
        self.session = session
        self.runs = group.runs
        self.curves: dict[int, list[CurvePoint]] = {n: [] for n in range(len(self.runs))}
        self._stopped_at: dict[int, int] = {}
        self._behind: set[int] = set()  # of those that were stopped, the dominated ones
        self._members = group.members
        self.rungs = rungs(session.evaluate_at, session.steps) if group.halving else ()
        optimizer = session.recipe.optimizer
        grid = takes_a_grid(optimizer) and is_plain(session.recipe.training)
        wide = grid and session.recipe.batch_size >= _WIDE_FROM
        self._lanes, width = arranged(group.members, wide)
        points = [group.members[lane][0] for lane in self._lanes]
        of_lanes = [group.members[lane][1] for lane in self._lanes]
        seeds = sorted(set(of_lanes))
        self.taken = self.done = 0  # steps in all, and up to the last evaluation
        self._seeds = seeds
        self._feed = Feed(session, seeds, range(session.steps))
        self._streams = torch.tensor(
            [seeds.index(seed) for seed in of_lanes[::width]], device=session.device
        )
        models = {seed: session.model(seed) for seed in seeds}
        self._model = Stacked([models[seed] for seed in of_lanes], session.input_shape, width)
        self._at_once = session.recipe.training.micro_batch_size
        apart = self._model.is_known and not has_batchnorm(models[seeds[0]])
        if self._at_once is None and apart and session.device.type == "cpu":
            self._at_once = _SAMPLES_AT_ONCE
        self._updater = build_updater(optimizer, self._model, points, grid=grid)
        self._begin_tally()
        # What is known of the lanes' own layers and of descent is not known of anything else:
        # that a step depends on nothing but tensors that stay where they are.
        record = recorder(session.device) if grid and self._model.is_known else None
        self._played = Played(record)

    @property
    def alive(self) -> list[int]:
        """The numbers of the runs that go on: neither diverged nor dominated."""
        return [lane for lane in self._lanes if lane not in self._stopped_at]

    def step(self) -> None:
        """Take one optimizer step in every lane; nothing waits for the device."""
        inputs, targets = self._feed.batch(self.taken, self._streams)
        factor = self.session.factor(self.taken)
        self._played(self._take_step, self._changing, factor, inputs, targets)
        self.taken += 1

    def _take_step(self, factor: float, inputs: Tensor, targets: Tensor) -> None:
        self._updater.begin()
        if self._model.width > 1:
            targets = targets.repeat_interleave(self._model.width, dim=0)
        losses = self._backward(inputs, targets)
        gradients = self._model.gradients
        training = self.session.recipe.training
        if not is_plain(training):
            gradients = treat(self._model.parameters, gradients, training, lanes=True)
        self._updater.scale_rates(factor)
        self._updater.step(gradients)
        self._loss_sum += losses
        self._finite &= torch.isfinite(losses)
        self._finite_steps += self._finite

    def _changing(self) -> list[Tensor]:
        """All that a step changes, where it lies now."""
        return [*self._model.state, self._loss_sum, self._finite, self._finite_steps]

    def _backward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Bring the model's gradients up to date; return the mean loss of each lane, (lanes,).

        What is descended is each lane's loss times its weight with the updater.
        """
        batch = inputs.shape[1]
        if self._at_once is None or self._at_once >= batch:
            return self._pass(inputs, targets, self._updater.weights, self._updater.carry)
        total = torch.zeros((), device=inputs.device)
        for part in passes(batch, self._at_once):
            share = (part.stop - part.start) / batch
            carry = 1.0 if part.start else self._updater.carry
            scale = self._updater.weights * share
            total = total + self._pass(inputs[:, part], targets[:, part], scale, carry) * share
        return total

    def _pass(self, inputs: Tensor, targets: Tensor, scale: Tensor, carry: float) -> Tensor:
        with self.session.precision():
            outputs = self._model.forward(inputs, training=True)
            losses, slope = self.session.task.lane_slopes(outputs, targets, scale)
            self._model.backward(slope, carry)
        return losses

    def evaluate(self, seconds: float) -> None:
        """Append a point to each lane's curve, and drop the lanes that diverged on the way."""
        step, steps = self.taken, self.taken - self.done
        metrics = evaluate(self._model, self.session.curve_part, self.session.task)
        columns = {name: values.tolist() for name, values in metrics.items()}
        losses = (self._loss_sum / steps).tolist()
        finite_steps = self._finite_steps.tolist()
        seen = self._feed.order.samples_seen(step)
        alive = set(self.alive)
        for position, lane in enumerate(self._lanes):
            if lane not in alive:
                continue
            point = None
            if finite_steps[position] == steps:
                values = {name: column[position] for name, column in columns.items()}
                point = curve_point(self.session, step, seen, seconds, losses[position], values)
            if point is None:
                self._stopped_at[lane] = step - steps + int(finite_steps[position])
            else:
                self.curves[lane].append(point)
        self._shorten()
        self.done = step
        self._restart_tally()

    def drop_the_dominated(self) -> None:
        """Stop the runs of rates that are clearly behind at this rung, right after evaluation."""
        curves = {lane: self.curves[lane] for lane in self.alive}
        steps, quality = self.session.steps, self.session.quality[:2]
        behind = dominated(self._members, curves, self.done, steps, quality)
        self._behind |= behind
        self._stopped_at |= dict.fromkeys(behind, self.done)
        self._shorten()
        self._restart_tally()

    def state(self) -> dict[str, Any]:
        """Return all that the steps to come depend on, and what came of those before."""
        return {
            "taken": self.taken,
            "done": self.done,
            "lanes": list(self._lanes),
            "model": self._model.state,
            "updater": self._updater.state(),
            "tally": [self._loss_sum, self._finite, self._finite_steps],
            "stopped_at": dict(self._stopped_at),
            "behind": sorted(self._behind),
            "curves": {lane: curve_state(points) for lane, points in self.curves.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on, from the start that this is, from a state of the same group."""
        self._keep_only([self._lanes.index(lane) for lane in state["lanes"]])
        for mine, theirs in zip(self._model.state, state["model"], strict=True):
            mine.copy_(theirs)
        self._updater.restore(state["updater"])
        self._loss_sum, self._finite, self._finite_steps = state["tally"]
        self._played.forget()
        self._stopped_at = dict(state["stopped_at"])
        self._behind = set(state.get("behind", ()))
        self.curves = {lane: curve_from(curve) for lane, curve in state["curves"].items()}
        self.taken, self.done = state["taken"], state["done"]
        self._feed = Feed(self.session, self._seeds, range(self.taken, self.session.steps))

    def records(self, seconds: float) -> Iterator[RunRecord]:
        """Evaluate what is alive on every part, and yield the record of each lane."""
        final: dict[int, dict[str, dict[str, float]]] = defaultdict(dict)
        alive = set(self.alive)
        if alive:
            for part, samples in self.session.final_parts.items():
                metrics = evaluate(self._model, samples, self.session.task)
                columns = {name: values.tolist() for name, values in metrics.items()}
                for position, lane in enumerate(self._lanes):
                    if lane in alive:
                        final[lane][part] = {name: col[position] for name, col in columns.items()}
        share = seconds / len(self.runs)
        for lane, run in enumerate(self.runs):
            stopped_at = self._stopped_at.get(lane, self.session.steps)
            yield run_record(
                self.session,
                run,
                self.curves[lane],
                final.get(lane),
                stopped_at,
                share,
                behind=lane in self._behind,
            )

    def _shorten(self) -> None:
        """Compute no more of the grid than the lanes that are alive span."""
        alive = set(self.alive)
        self._keep_only([p for p, lane in enumerate(self._lanes) if lane in alive])

    def _keep_only(self, positions: Sequence[int]) -> None:
        """Keep the grid that these positions span."""
        width = self._model.width
        streams = sorted({p // width for p in positions})
        columns = sorted({p % width for p in positions})
        kept = [stream * width + column for stream in streams for column in columns]
        if not kept or len(kept) == len(self._lanes):
            return
        device = self.session.device
        rows = torch.tensor(streams, device=device)
        self._streams = self._streams[rows]
        self._model.keep(rows, torch.tensor(columns, device=device))
        self._updater = self._updater.keeping(self._model, kept)
        self._lanes = [self._lanes[position] for position in kept]
        self._begin_tally()
        self._played.forget()

    def _begin_tally(self) -> None:
        count, device = len(self._lanes), self.session.device
        self._loss_sum = torch.zeros(count, device=device, dtype=self.session.dtype)
        self._finite = torch.ones(count, device=device, dtype=torch.bool)
        self._finite_steps = torch.zeros(count, device=device, dtype=torch.int64)

    def _restart_tally(self) -> None:
        self._loss_sum.zero_()
        self._finite.fill_(True)
        self._finite_steps.zero_()


def arranged(members: Sequence[tuple[Point, int]], grid: bool) -> tuple[list[int], int]:
    """Return the order in which to lay members side by side, and how many share a stream.

    As a ``grid``, the points of one seed lie together, where every seed has the same; otherwise
    each member is a stream of its own, as they come.
    """
    by_seed: dict[int, dict[Point, int]] = defaultdict(dict)
    for number, (point, seed) in enumerate(members):
        by_seed[seed][point] = number
    full = list(dict.fromkeys(point for point, _ in members))
    complete = all(column.keys() == set(full) for column in by_seed.values())
    if grid and complete and len(members) == len(by_seed) * len(full):
        return [column[point] for column in by_seed.values() for point in full], len(full)
    return list(range(len(members))), 1
