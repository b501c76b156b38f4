"""The tables of the store, version by version."""

APPLICATION_ID = 0x62737801  # "bsx", 1: tells our files from any other SQLite database

# A step brings a store from one version to the next: the first makes version 1 of an empty file.
# To add a table, add a step. Those that stand here have been written to disk and never change.
STEPS: tuple[str, ...] = (
    """
CREATE TABLE sweeps (
    sweep_id TEXT PRIMARY KEY,
    name TEXT,
    created TEXT NOT NULL,
    touched TEXT NOT NULL,             -- when it was last run: the newest is shown by default
    status TEXT NOT NULL,
    config TEXT NOT NULL,              -- JSON of SweepConfig
    facts TEXT NOT NULL,               -- JSON of Facts
    environment TEXT NOT NULL
) STRICT;

CREATE TABLE recipes (
    recipe_id TEXT PRIMARY KEY,
    recipe TEXT NOT NULL               -- JSON of Recipe
) STRICT;

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    recipe_id TEXT NOT NULL REFERENCES recipes,
    unit_id TEXT NOT NULL,
    learning_rate REAL NOT NULL,
    seed INTEGER NOT NULL,
    status TEXT NOT NULL,
    stopped_at INTEGER NOT NULL,
    train_seconds REAL NOT NULL,
    final TEXT NOT NULL,               -- JSON: part → metric → value
    environment TEXT NOT NULL,
    error TEXT,
    metric_names TEXT NOT NULL,        -- JSON: the metrics among the curve's columns
    curve BLOB NOT NULL                -- columns of little-endian doubles, zlib
) STRICT;

CREATE TABLE sweep_runs (
    sweep_id TEXT NOT NULL REFERENCES sweeps,
    run_id TEXT NOT NULL,
    PRIMARY KEY (sweep_id, run_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE speeds (
    unit_id TEXT PRIMARY KEY,
    record TEXT NOT NULL               -- JSON of SpeedRecord
) STRICT;

CREATE TABLE sweep_speeds (
    sweep_id TEXT NOT NULL REFERENCES sweeps,
    unit_id TEXT NOT NULL,
    PRIMARY KEY (sweep_id, unit_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    attempt INTEGER PRIMARY KEY,
    unit_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    outcome TEXT,                      -- done | failed | out_of_memory | stopped; NULL: cut off
    detail TEXT
) STRICT;
""",
    """
CREATE TABLE holders (                 -- who holds the lock of a recipe, or did so last
    recipe_id TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
""",
    """
CREATE TABLE diagnostics (             -- what was measured of runs that were trained again
    record_id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    record TEXT NOT NULL               -- JSON of DiagnosticRecord
) STRICT;

CREATE TABLE sweep_diagnostics (
    sweep_id TEXT NOT NULL REFERENCES sweeps,
    record_id TEXT NOT NULL,
    PRIMARY KEY (sweep_id, record_id)
) STRICT, WITHOUT ROWID;
""",
)

STORE_VERSION = len(STEPS)
