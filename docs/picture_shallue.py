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
    axes.set(xlabel="batch size", ylabel="iterations to 90 % validation accuracy")
    axes.set_xticks(
        [2, 8, 32, 128, 512, 2048, 8192, 32768], [2, 8, 32, 128, 512, "2k", "8k", "32k"]
    )
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.legend()
    figure.savefig(PICTURE, dpi=150, metadata={"Software": "bsx"})
    first = sizes[0]
    apart = [
        math.log2(measured[size]["value"] / measured[first]["value"])
        - math.log2(PUBLISHED[size] / PUBLISHED[first])
        for size in sizes[1:]
    ]
    rms = math.sqrt(sum(x * x for x in apart) / len(apart))
    said = ", ".join(f"{x:+.2f}" for x in apart)
    print(f"log2 of the iterations against those at {first}, less the published: {said}")  # noqa: T201
    print(f"root mean square {rms:.2f}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
