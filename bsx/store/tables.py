"""The tables of the store, and its version."""

STORE_VERSION = 1
APPLICATION_ID = 0x62737801  # "bsx", 1: tells our files from any other SQLite database

SCHEMA = """
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
"""

# Of ``bsx.store.diagnostics``, which lays them when it needs them: stores of version 1 lack them.
DIAGNOSTICS = """
CREATE TABLE IF NOT EXISTS diagnostics (
    record_id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    record TEXT NOT NULL               -- JSON of DiagnosticRecord
) STRICT;

CREATE TABLE IF NOT EXISTS sweep_diagnostics (
    sweep_id TEXT NOT NULL REFERENCES sweeps,
    record_id TEXT NOT NULL,
    PRIMARY KEY (sweep_id, record_id)
) STRICT, WITHOUT ROWID;
"""
