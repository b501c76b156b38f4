"""Draw docs/pictures/shallue-fashion-mnist.png: a sweep of bsx over the points of Shallue et al.

    python docs/picture_shallue.py SWEEP.json     what `bsx show --format json` printed

Prints how far apart the two curves are, as docs/reproductions/shallue.md says it.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

from matplotlib.figure import Figure

# Read off their figure, ± 5 %: batch size → iterations to a validation error of 0.10
PUBLISHED = {2: 22550, 8: 6360, 32: 1794, 128: 506, 512: 305, 2048: 169, 8192: 155,
             32768: 169, 55000: 155}  # fmt: skip
PICTURE = Path(__file__).parent / "pictures" / "shallue-fashion-mnist.png"


def main(file: str) -> None:
    """Draw the picture and print the distance."""
    document = json.loads(Path(file).read_text(encoding="utf-8"))
    measured = {
        row["batch_size"]: row["to_target"][0]["steps"]
        for row in document["batch_sizes"]
        if row["to_target"] and row["to_target"][0]["steps"]["value"]
    }
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.loglog(*zip(*PUBLISHED.items(), strict=True), "o--", color="#777777", mfc="none",
                label="Shallue et al. 2019, read off their figure")  # fmt: skip
    sizes = sorted(measured)
    values = [measured[size]["value"] for size in sizes]
    bars = [[abs((measured[s][end] or measured[s]["value"]) - measured[s]["value"]) for s in sizes]
            for end in ("low", "high")]  # fmt: skip
    axes.errorbar(sizes, values, yerr=bars, fmt="s-", color="#0072B2", label="bsx")
    target = document["targets"][0]
    least, critical = (target[key]["value"] for key in ("min_steps", "critical_batch_size"))

    def curve(size: float) -> float:
        """Return the iterations by the fitted trade-off."""
        return float(least * (1 + critical / size))

    between = [sizes[0] * (sizes[-1] / sizes[0]) ** (n / 99) for n in range(100)]
    axes.loglog(between, [curve(size) for size in between], color="#0072B2", lw=1, alpha=0.6,
                label="the trade-off that bsx fits")  # fmt: skip
    axes.set(xlabel="batch size", ylabel="iterations to 90 % validation accuracy")
    axes.set_xticks(
        [2, 8, 32, 128, 512, 2048, 8192, 32768], [2, 8, 32, 128, 512, "2k", "8k", "32k"]
    )
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.legend()
    figure.savefig(PICTURE, dpi=150, metadata={"Software": "bsx"})
    _say("measured", {size: measured[size]["value"] for size in sizes})
    _say("fitted", {size: curve(size) for size in sizes})


def _say(what: str, steps: dict[int, float]) -> None:
    """Print how far iterations, relative to those at the first size, are from the published."""
    first, *rest = sorted(steps)
    apart = [
        math.log2(steps[size] / steps[first]) - math.log2(PUBLISHED[size] / PUBLISHED[first])
        for size in rest
    ]
    rms = math.sqrt(sum(x * x for x in apart) / len(apart))
    said = ", ".join(f"{x:+.2f}" for x in apart)
    print(f"{what}: log2 of the iterations against those at {first}, less the published: {said}")  # noqa: T201
    print(f"{what}: root mean square {rms:.2f}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
