"""What a sweep came to, as Python has it: dataclasses, frames, and a page in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bsx.errors import ConfigError
from bsx.schema import (
    Analysis,
    BatchSizeSummary,
    Caution,
    Comparison,
    Curve,
    CurvePoint,
    Metric,
    Recipe,
    Recommendation,
    RunRecord,
    SpeedRecord,
    Sweep,
    TargetSummary,
)

if TYPE_CHECKING:
    import pandas

    from bsx.store import Store


@dataclass(frozen=True)
class RunCurve:
    """The curve of one run: what it was trained with, how it ended, its evaluations."""

    batch_size: int
    learning_rate: float
    seed: int
    status: str  # completed | dominated | diverged | out_of_memory | timed_out | failed
    points: Sequence[CurvePoint]
    run_id: str


@dataclass(frozen=True, repr=False)
class Result:
    """What a sweep came to.

    Attributes:
        sweep: what was asked, what was known of data and model, and how far it came.
        analysis: everything that the records say.
        runs: every run with its curve; ``curves()`` has them in brief.
        speeds: how fast each batch size was, measured alone.

    Printed it is the tables and cautions of the command line, in a notebook a page.
    """

    sweep: Sweep
    analysis: Analysis
    runs: tuple[RunRecord, ...] = field(default=(), compare=False)
    speeds: tuple[SpeedRecord, ...] = field(default=(), compare=False)

    @property
    def sweep_id(self) -> str:
        """The sweep's identity; ``bsx.load`` and ``bsx show`` find it by this."""
        return self.sweep.sweep_id

    @property
    def status(self) -> str:
        """How it ended: complete, stopped, out_of_time or failed."""
        return self.sweep.status

    @property
    def metric(self) -> str:
        """The metric that quality is judged by."""
        return self.analysis.metric

    @property
    def recommendation(self) -> Recommendation | None:
        """The batch size to take, with the reason; None where there is none to give."""
        return self.analysis.recommendation

    @cached_property
    def batch_sizes(self) -> Mapping[int, BatchSizeSummary]:
        """Batch size → all that was found out about it."""
        return MappingProxyType({row.batch_size: row for row in self.analysis.batch_sizes})

    @property
    def targets(self) -> tuple[TargetSummary, ...]:
        """The targets with their trade-offs; the first is the one that is recommended by."""
        return self.analysis.targets

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What the reader must know to read it rightly; ``caution_texts`` has the words."""
        return self.analysis.cautions

    @property
    def caution_texts(self) -> tuple[str, ...]:
        """The cautions in words, those of several batch sizes together."""
        from bsx.render import wording

        return tuple(wording.grouped(self.cautions, self.sweep.facts.metric))

    @property
    def explanation(self) -> str:
        """What each number means for this sweep, in plain words, as Markdown."""
        from bsx.render import explain

        return explain.markdown(self.sweep, self.analysis)

    def document(self) -> dict[str, Any]:
        """Return the document that ``--format json`` prints, its keys as the reference has them."""
        from bsx.render.document import document

        return document(self.sweep, self.analysis)

    def get(self, path: str) -> Any:
        """Return the value at a dotted path into the document, as ``--get`` does.

        Raises:
            NothingFound: where the path leads nowhere or to an unknown value.
        """
        from bsx.api.keywords import in_python
        from bsx.render.formats import lookup

        with in_python():
            return lookup(self.document(), path)

    def curves(self, batch_size: int | None = None) -> tuple[RunCurve, ...]:
        """Return the curve of every run, or of those at ``batch_size``.

        Raises:
            ConfigError: for a batch size that the sweep does not have.
        """
        if batch_size is not None and batch_size not in self.batch_sizes:
            known = ", ".join(map(str, self.batch_sizes))
            raise ConfigError(f"batch_size={batch_size}: the sweep has {known}")
        found = [
            RunCurve(
                record.run.recipe.batch_size,
                record.run.learning_rate,
                record.run.seed,
                str(record.status),
                record.curve,
                record.run_id,
            )
            for record in self.runs
        ]
        return tuple(
            sorted(
                (one for one in found if batch_size in (None, one.batch_size)),
                key=lambda one: (one.batch_size, one.learning_rate, one.seed, one.run_id),
            )
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return a frame with a row for each batch size, the columns of ``--format csv``.

        Raises:
            ConfigError: where pandas is not installed.
        """
        from bsx.api.frames import frame
        from bsx.render.rows import rows

        return frame(rows(self.document()), index="batch_size")

    def curves_frame(self, batch_size: int | None = None) -> pandas.DataFrame:
        """Return a frame with a row for each evaluation of every run.

        Raises:
            ConfigError: where pandas is not installed, or for a size that the sweep does not have.
        """
        from bsx.api.frames import frame

        return frame([row for one in self.curves(batch_size) for row in _evaluations(one)])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is worked out again, of which a read-only mapping cannot be copied."""
        return {key: value for key, value in vars(self).items() if key != "batch_sizes"}

    def __repr__(self) -> str:
        advice = self.recommendation
        said = "no recommendation" if advice is None else f"batch size {advice.batch_size}"
        model, data = self.sweep.config.model.name, self.sweep.facts.dataset_name
        return f"<bsx.Result {self.sweep_id}: {model} on {data}, {self.status}; {said}>"

    def __str__(self) -> str:
        from bsx.render.notebook import as_text

        return as_text(self.sweep, self.analysis)

    def _repr_html_(self) -> str:
        from bsx.render.notebook import as_html

        return as_html(self.sweep, self.analysis, self._picture())

    def _picture(self) -> bytes | None:
        """Return how iterations follow the batch size, as PNG; None where nothing can draw it."""
        import importlib.util

        from bsx.pictures import to_target

        found = to_target(self.sweep, self.analysis, "steps")
        if found is None or importlib.util.find_spec("matplotlib") is None:
            return None
        from bsx.render.plots import drawn

        return drawn(found, ("png",))["png"]


def result_of(store: Store, sweep: Sweep, recipes: Sequence[Recipe]) -> Result:
    """Return what is stored of a sweep, analysed."""
    from bsx.cli.output import analyzed

    analysis = analyzed(store, sweep, recipes)
    runs, speeds = store.runs(sweep.sweep_id), store.speeds(sweep.sweep_id)
    return Result(sweep, analysis, tuple(runs), tuple(speeds))


@dataclass(frozen=True, repr=False)
class Compared:
    """Two sweeps side by side: ratios and differences, paired over the seeds that both have.

    Printed it is the table of ``bsx compare``, in a notebook a page.
    """

    comparison: Comparison
    judged_by: Metric

    def document(self) -> dict[str, Any]:
        """Return the document that ``bsx compare --format json`` prints."""
        from bsx.render import comparison

        return comparison.document(self.comparison)

    def to_frame(self) -> pandas.DataFrame:
        """Return a frame with a row for each batch size that both have.

        Raises:
            ConfigError: where pandas is not installed.
        """
        from bsx.api.frames import frame
        from bsx.render.comparison import rows

        return frame(rows([self.document()]), index="batch_size")

    def __repr__(self) -> str:
        return f"<bsx.Compared: {self.comparison.second} against {self.comparison.first}>"

    def __str__(self) -> str:
        from bsx.render.notebook import comparison_text

        return comparison_text(self.comparison, self.judged_by)

    def _repr_html_(self) -> str:
        from bsx.render.notebook import comparison_html

        return comparison_html(self.comparison, self.judged_by)


def _evaluations(one: RunCurve) -> list[dict[str, Any]]:
    run = {
        "batch_size": one.batch_size,
        "learning_rate": one.learning_rate,
        "seed": one.seed,
        "status": one.status,
    }
    return [{**run, **_flat(point)} for point in Curve.of(one.points)]


def _flat(point: CurvePoint) -> dict[str, Any]:
    told = {
        name: getattr(point, name)
        for name in ("step", "epoch", "samples_seen", "train_seconds", "train_loss")
    }
    metrics = {"loss": point.validation_loss, **point.metrics}
    return {**told, **{f"validation_{name}": value for name, value in metrics.items()}}
