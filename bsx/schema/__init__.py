"""Everything that travels: frozen dataclasses without torch, writable as JSON.

What was asked (``asked``), what planning must know (``known``), what is to be done (``work``), what
came of it (``records``) and what it means (``analysis``). Nothing here computes a result.
"""

from bsx.schema.analysis import (
    Analysis,
    BatchSizeSummary,
    Final,
    Recommendation,
    Regimes,
    Speed,
    SpeedOrigin,
    TargetSummary,
    ToTarget,
)
from bsx.schema.asked import (
    AIMS,
    BatchSizes,
    Budget,
    Command,
    Ingredient,
    Initialization,
    LearningRates,
    Objective,
    Program,
    Sampling,
    Scaling,
    Split,
    SweepConfig,
    TargetSpec,
    Training,
    View,
)
from bsx.schema.canonical import (
    SCHEMA_VERSION,
    canonical_json,
    digest,
    digest_of,
    plain,
)
from bsx.schema.comparison import (
    ComparedSize,
    Comparison,
)
from bsx.schema.curve import (
    Curve,
    CurvePoint,
)
from bsx.schema.imported import (
    FittedSize,
    Pair,
    PairedSize,
    Pairs,
)
from bsx.schema.known import (
    Baseline,
    CostModel,
    Facts,
    Metric,
)
from bsx.schema.probed import (
    ComparedProbeSize,
    Probe,
    ProbeComparison,
    ProbedSize,
)
from bsx.schema.quantity import (
    Caution,
    Estimate,
)
from bsx.schema.records import (
    SETTLED,
    MemoryRecord,
    Notice,
    Record,
    RunRecord,
    RunStatus,
    SpeedRecord,
    Sweep,
)
from bsx.schema.watching import Watcher
from bsx.schema.work import (
    CalibrationUnit,
    Group,
    MemoryUnit,
    Recipe,
    Report,
    Run,
    SpeedUnit,
    Unit,
    side_by_side,
)

__all__ = [
    "AIMS",
    "SCHEMA_VERSION",
    "SETTLED",
    "Analysis",
    "Baseline",
    "BatchSizeSummary",
    "BatchSizes",
    "Budget",
    "CalibrationUnit",
    "Caution",
    "Command",
    "ComparedProbeSize",
    "ComparedSize",
    "Comparison",
    "CostModel",
    "Curve",
    "CurvePoint",
    "Estimate",
    "Facts",
    "Final",
    "FittedSize",
    "Group",
    "Ingredient",
    "Initialization",
    "LearningRates",
    "MemoryRecord",
    "MemoryUnit",
    "Metric",
    "Notice",
    "Objective",
    "Pair",
    "PairedSize",
    "Pairs",
    "Probe",
    "ProbeComparison",
    "ProbedSize",
    "Program",
    "Recipe",
    "Recommendation",
    "Record",
    "Regimes",
    "Report",
    "Run",
    "RunRecord",
    "RunStatus",
    "Sampling",
    "Scaling",
    "Speed",
    "SpeedOrigin",
    "SpeedRecord",
    "SpeedUnit",
    "Split",
    "Sweep",
    "SweepConfig",
    "TargetSpec",
    "TargetSummary",
    "ToTarget",
    "Training",
    "Unit",
    "View",
    "Watcher",
    "canonical_json",
    "digest",
    "digest_of",
    "plain",
    "side_by_side",
]
