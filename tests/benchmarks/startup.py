"""How long `bsx calc` takes to start, against a minimal Typer program with one command.

Run it with ``python -m tests.benchmarks.startup``. Both run side by side, in turn, so that a busy
machine slows both; the ratio of the medians is what counts. The target is at most 1.3.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 25
TARGET = 1.3
MINIMAL = """
import typer
app = typer.Typer()
@app.command()
def steps(samples: int = 1024, batch_size: int = 8) -> None:
    print(-(-samples // batch_size))
app()
"""
ASKED = ["calc", "--samples", "1024", "--batch-size", "8", "--epochs", "10"]
PROGRAMS = {
    "minimal Typer program": [sys.executable, "-c", MINIMAL],
    "bsx calc --get": [sys.executable, "-m", "bsx", *ASKED, "--get", "total-iterations"],
    "bsx calc --format json": [sys.executable, "-m", "bsx", *ASKED, "--format", "json"],
    "bsx calc": [sys.executable, "-m", "bsx", *ASKED],
}


def seconds(command: list[str]) -> float:
    """Return how long ``command`` runs, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Time the programs in turn and print medians and ratios."""
    for command in PROGRAMS.values():
        seconds(command)  # warm the file cache and write the byte code
    drawn: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(ROUNDS):
        for name, command in PROGRAMS.items():
            drawn[name].append(seconds(command))
    base = statistics.median(drawn["minimal Typer program"])
    for name, times in drawn.items():
        median = statistics.median(times)
        print(f"{name:24} {1000 * median:6.0f} ms   ratio {median / base:.2f}")
    print(f"target: at most {TARGET}")


if __name__ == "__main__":
    main()
