"""A branched sweep as tables and sentences: the critical batch size along the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bsx.render import numbers
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.schema import Branch, Branched, BranchPoint, BranchUnit, Group, Recipe, Sweep, WarmupStage

_MARKS = {"as_good": "✓", "worse": "✗", "diverged": "✗", "base": " ", "undecided": "?"}


def grids(found: Branched) -> list[Grid]:
    """Return the tables, in the order in which people read them."""
    tables = [_critical(found), _differences(found)]
    stages = found.warmup.stages if found.warmup else ()
    return [*tables, _warmup(stages)] if len(stages) > 1 else tables


def _critical(found: Branched) -> Grid:
    points = found.points
    losses = [point.loss for point in points]
    form = numbers.fixed(numbers.decimals([e.value for e in losses if e], most=4))
    critical = numbers.aligned([point.critical_batch_size for point in points], numbers.whole)
    shown = tuple(numbers.count(_largest(point, found.base_batch_size)) for point in points)
    columns = (
        Column("step", "after\niterations", tuple(numbers.count(p.step) for p in points)),
        Column("samples", "samples\nseen", tuple(numbers.count(p.samples) for p in points)),
        Column("epoch", "epochs", _epochs(points)),
        Column(
            "loss",
            "validation\nloss",
            numbers.aligned(losses, form),
            None,
            numbers.aligned(losses, form, intervals=False),
        ),
        Column("critical", "critical\nbatch size", critical),
        Column("shown", "shown to be\nas good up to", shown),
    )
    return Grid(
        f"Critical batch size along the training at batch size "
        f"{numbers.count(found.base_batch_size)}",
        columns,
        shorten("loss") + drop("loss", "samples", "step"),
        notes=(
            f"critical: it needs {numbers.percent(found.overhead, 0)} more samples to the same "
            f"loss than batch size {numbers.count(found.base_batch_size)}, or ends above it by "
            "the tolerance, whichever is more",
        ),
    )


def _largest(point: BranchPoint, base: int) -> int | None:
    if point.critical_batch_size is None:
        return None
    return max([base, *(b.batch_size for b in point.branches if b.verdict == "as_good")])


def _epochs(points: Sequence[BranchPoint]) -> tuple[str, ...]:
    texts = [numbers.significant(point.epoch) for point in points]
    return numbers.aligned_at_point(texts)


def _differences(found: Branched) -> Grid:
    base, points = found.base_batch_size, found.points
    rows = points[0].branches if points else ()
    differences = [b.difference for p in points for b in p.branches]
    form = numbers.fixed(numbers.decimals([d.value for d in differences if d], most=4))
    columns = [Column("batch_size", "batch\nsize", _sizes(rows))]
    steps = tuple(numbers.count(branch.steps) for branch in rows)
    columns.append(Column("steps", "itera-\ntions", steps))
    for point, epoch in zip(points, _epochs(points), strict=True):
        full, brief = ([_cell(b, form, wide) for b in point.branches] for wide in (True, False))
        header = f"{epoch.strip()}\nepochs"
        columns.append(Column(f"at_{point.step}", header, tuple(full), None, tuple(brief)))
    keys = [f"at_{point.step}" for point in points]
    return Grid(
        "Validation loss at the end of branches of "
        f"{numbers.count(found.samples)} samples, above that of batch size {numbers.count(base)}",
        tuple(columns),
        drop("steps") + shorten(*keys) + drop(*keys[:-1]),
        splits=True,
        notes=(
            "✓ shown to be as good",
            "✗ shown to be worse, or diverged",
            "? not shown either way",
        ),
    )


def _sizes(rows: Sequence[Branch]) -> tuple[str, ...]:
    return tuple(numbers.count(branch.batch_size) for branch in rows)


def _cell(branch: Branch, form: numbers.Form, wide: bool) -> str:
    """Write a difference with its sign, and the mark of the verdict."""
    if branch.verdict == "base":
        return "0  "
    mark = _MARKS.get(branch.verdict)
    if mark is None or branch.difference is None or branch.difference.value is None:
        return f"{branch.verdict.replace('_', ' ')}  "
    if branch.verdict == "diverged":
        return f"diverged {mark}"
    value = branch.difference.value
    half = numbers.half_width(branch.difference)
    sign = "+" if value >= 0 else "−"
    beside = f" ± {form(half)}" if wide and half is not None else ""
    return f"{sign}{form(abs(value))}{beside} {mark}"


def _warmup(stages: Sequence[WarmupStage]) -> Grid:
    epochs = numbers.aligned_at_point([numbers.significant(s.epoch) for s in stages])
    rates = numbers.aligned_at_point([numbers.learning_rate(s.learning_rate) for s in stages])
    columns = (
        Column("samples", "from\nsample", tuple(numbers.count(s.samples) for s in stages)),
        Column("epoch", "from\nepoch", epochs),
        Column("batch_size", "batch\nsize", tuple(numbers.count(s.batch_size) for s in stages)),
        Column("rate", "learning\nrate", rates),
    )
    return Grid("Batch warm-up that this implies", columns)


def warmup_sentence(found: Branched) -> str:
    """Say what the warm-up saves, or why there is none."""
    warmup, base = found.warmup, numbers.count(found.base_batch_size)
    if warmup is None:
        return "Nothing is known of larger batch sizes."
    last = _largest(found.points[-1], found.base_batch_size)
    if len(warmup.stages) == 1 and (last or 0) > found.base_batch_size:
        return (
            f"From some point on, larger batch sizes than {base} are shown to be as good only at "
            "the end of the run, where nothing is left to be saved: there is no warm-up to advise "
            "for a run of this length."
        )
    if len(warmup.stages) == 1:
        return (
            f"No larger batch size is shown to be as good as {base} from some point on, so that "
            "there is no warm-up to advise."
        )
    saved = 1 - warmup.steps / warmup.base_steps
    return (
        f"It sees the samples of the run in {numbers.count(warmup.steps)} iterations instead of "
        f"{numbers.count(warmup.base_steps)} at batch size {base}, {numbers.percent(saved, 0)} "
        "fewer. No stage takes a size that any later point does not bear out."
    )


def described(sweep: Sweep, found: Branched) -> list[tuple[str, str]]:
    """Say how trunk and branches were trained, as (name, text) pairs."""
    branching = sweep.config.branching
    assert branching is not None
    size = numbers.count(branching.base_batch_size)
    how = {"tuned": "tuned there", "grid": "the best of a grid there", "fixed": "given"}
    rate = numbers.learning_rate(found.learning_rate)
    length = ""
    if found.points:  # the last one is its end; an epoch asked for may end inside a batch
        end = found.points[-1]
        length = f"{numbers.count(end.step)} iterations ({numbers.significant(end.epoch)} epochs), "
    rule = "the same rate" if branching.rule == "none" else f"rates by the {branching.rule} rule"
    return [
        (
            "run",
            f"batch size {size}, {length}learning rate {rate}, "
            f"{how[sweep.config.learning_rates.mode]}",
        ),
        (
            "branches",
            f"{numbers.count(found.samples)} samples each from {len(found.points)} points, {rule}",
        ),
    ]


def foretold(unit: Group | BranchUnit) -> Iterator[tuple[Recipe, int, float]]:
    """Yield each recipe of a unit with its runs and about how many seconds they take."""
    if isinstance(unit, Group):
        yield unit.recipe, len(unit.runs), unit.predicted_seconds
        return
    by_size: dict[int, list[Recipe]] = {}
    for run in unit.runs:
        by_size.setdefault(run.recipe.batch_size, []).append(run.recipe)
    steps = {size: sum(recipe.steps for recipe in some) for size, some in by_size.items()}
    trunk = unit.trunk
    steps[trunk.batch_size] = steps.get(trunk.batch_size, 0) + trunk.steps
    for size, some in by_size.items():
        share = steps[size] / sum(steps.values())
        yield some[0], len(some), unit.predicted_seconds * share
