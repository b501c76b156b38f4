"""Lanes: the runs of a group trained at once, their weights stacked.

The contract is the plain loop's. Learning rates and seeds differ between lanes; the batch size,
the model's shape and the step are common. A lane whose loss is no longer finite is recorded as
diverged and dropped from the computation at the next evaluation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor

from bsx.models import Stacked
from bsx.schema import CurvePoint, Group, Report, RunRecord
from bsx.train.evaluate import evaluate
from bsx.train.gradients import is_plain, treat
from bsx.train.session import Clock, Session, curve_point, run_record
from bsx.train.updaters import build_updater


def train(group: Group, report: Report) -> Iterator[tuple[RunRecord, ...]]:
    """Train the runs of the group side by side and yield all records at once, in lane order.

    What a lane computes may depend on its neighbours in the last bit: a group is stored whole or
    not at all.
    """
    torch.set_num_threads(group.threads)
    session = Session(group)
    lanes = Lanes(session, group)
    torch.manual_seed(group.members[0][1])  # what is drawn on the way: dropout, noise
    clock = Clock(session.device)
    done = 0
    best: float | None = None
    for next_evaluation in session.evaluate_at:
        clock.start()
        for step in range(done, next_evaluation):
            lanes.step(step)
        seconds = clock.stop()
        lanes.evaluate(next_evaluation, next_evaluation - done, seconds)
        done = next_evaluation
        if not len(lanes.alive):
            break
        for lane in lanes.alive:
            best = session.better(lanes.curves[lane][-1].metrics[session.quality[0]], best)
        report(done / session.recipe.steps, best)
    yield tuple(lanes.records(clock.stop()))


class Lanes:
    """The state of the lanes: stacked weights, one optimizer step for all, curves so far."""

    def __init__(self, session: Session, group: Group) -> None:
        self.session = session
        self.runs = group.runs
        self.alive = list(range(len(group.members)))  # lane numbers still computed
        self.curves: dict[int, list[CurvePoint]] = {lane: [] for lane in self.alive}
        self._stopped_at: dict[int, int] = {}
        seeds = sorted({seed for _, seed in group.members})
        self._order = session.order(seeds)
        self._augment = session.augmentation(seeds)
        models = {seed: session.model(seed) for seed in seeds}
        self._seed_rows = torch.tensor(
            [seeds.index(seed) for _, seed in group.members], device=session.device
        )
        self._model = Stacked([models[seed] for _, seed in group.members], session.input_shape)
        self._model.train()
        self._updater = build_updater(
            session.recipe.optimizer, self._model, [rate for rate, _ in group.members]
        )
        self._restart_tally()

    def step(self, step: int) -> None:
        """Take one optimizer step in every lane; nothing waits for the device."""
        train = self.session.train
        of_seeds = self._order.rows(step)  # (seeds, batch)
        rows = of_seeds.index_select(0, self._seed_rows)  # (lanes, batch)
        flat = rows.reshape(-1)
        if self._augment.ways:
            varied = self._augment(train.inputs[of_seeds], step)
            inputs = varied.index_select(0, self._seed_rows)
        else:
            inputs = train.inputs.index_select(0, flat).view(*rows.shape, *train.inputs.shape[1:])
        targets = train.targets.index_select(0, flat).view(*rows.shape, *train.targets.shape[1:])
        losses, gradients = self._gradients(inputs, targets)
        self._updater.scale_rates(self.session.factor(step))
        self._updater.step(gradients)
        with torch.no_grad():
            self._loss_sum += losses
            self._finite &= torch.isfinite(losses)
            self._finite_steps += self._finite

    def _gradients(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the mean loss of each lane, shape (lanes,), and its treated gradients."""
        task, training = self.session.task, self.session.recipe.training
        parameters = list(self._model.parameters())
        batch = inputs.shape[1]
        size = training.micro_batch_size or batch
        total: Tensor | None = None
        summed: list[Tensor] = []
        for start in range(0, batch, size):
            part = inputs[:, start : start + size]
            with self.session.precision():
                losses = task.lane_losses(self._model(part), targets[:, start : start + size])
            if part.shape[1] < batch:
                losses = losses * (part.shape[1] / batch)
            gradients = torch.autograd.grad(losses.sum(), parameters)
            summed = list(map(torch.add, summed, gradients)) if summed else list(gradients)
            total = losses.detach() if total is None else total + losses.detach()
        assert total is not None
        if not is_plain(training):
            summed = treat(parameters, summed, training, lanes=True)
        return total, summed

    def evaluate(self, step: int, steps: int, seconds: float) -> None:
        """Append a point to each lane's curve, and drop the lanes that diverged on the way."""
        self._model.eval()
        metrics = evaluate(self._model, self.session.curve_part, self.session.task)
        self._model.train()
        columns = {name: values.tolist() for name, values in metrics.items()}
        losses = (self._loss_sum / steps).tolist()
        finite_steps = self._finite_steps.tolist()
        seen = self._order.samples_seen(step)
        kept = []
        for position, lane in enumerate(self.alive):
            point = None
            if finite_steps[position] == steps:
                values = {name: column[position] for name, column in columns.items()}
                point = curve_point(self.session, step, seen, seconds, losses[position], values)
            if point is None:
                self._stopped_at[lane] = step - steps + int(finite_steps[position])
            else:
                self.curves[lane].append(point)
                kept.append(position)
        if len(kept) < len(self.alive):
            self._drop_all_but(kept)
        self._restart_tally()

    def records(self, seconds: float) -> Iterator[RunRecord]:
        """Evaluate what is alive on every part, and yield the record of each lane."""
        final: dict[int, dict[str, dict[str, float]]] = defaultdict(dict)
        if self.alive:
            self._model.eval()
            for part, samples in self.session.final_parts.items():
                metrics = evaluate(self._model, samples, self.session.task)
                columns = {name: values.tolist() for name, values in metrics.items()}
                for position, lane in enumerate(self.alive):
                    final[lane][part] = {name: col[position] for name, col in columns.items()}
        share = seconds / len(self.runs)
        for lane, run in enumerate(self.runs):
            stopped_at = self._stopped_at.get(lane, self.session.recipe.steps)
            yield run_record(
                self.session, run, self.curves[lane], final.get(lane), stopped_at, share
            )

    def _drop_all_but(self, kept: list[int]) -> None:
        self.alive = [self.alive[position] for position in kept]
        if not kept:
            return
        lanes = torch.tensor(kept, device=self.session.device)
        self._seed_rows = self._seed_rows[lanes]
        self._model.keep(lanes)
        self._updater = self._updater.keeping(self._model, kept)

    def _restart_tally(self) -> None:
        count, device = len(self.alive), self.session.device
        self._loss_sum = torch.zeros(count, device=device, dtype=self.session.dtype)
        self._finite = torch.ones(count, device=device, dtype=torch.bool)
        self._finite_steps = torch.zeros(count, device=device, dtype=torch.int64)
