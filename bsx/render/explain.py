"""What each number of a sweep means, in plain language: `bsx show --explain`.

For someone who meets these words for the first time: every paragraph is about this sweep, with its
own numbers, and says nothing that was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from bsx.render import explained_branches as branches
from bsx.render import explained_costs as costs
from bsx.render import explained_measures as measures
from bsx.render import explained_words as words
from bsx.render import trained, wording
from bsx.render.markdown import escaped
from bsx.render.meanings import meaning
from bsx.render.tables import MARGIN, Plain, prose
from bsx.schema import Analysis, Branched, Caution, Sweep

# key → heading, in the order in which they are read
_HEADINGS = {
    "branches": "The trunk and its branches",
    "batch_iteration_epoch": "Batch, iteration, epoch",
    "target": "The target",
    "learning_rate": "The learning rate",
    "recommendation": "What is recommended, and what it costs",
    "critical_batch_size": "The critical batch size",
    "batch_warmup": "The batch warm-up",
    "speed": "Speed and memory",
    "quality": "Quality, and the generalization gap",
    "noise_scale": "The gradient noise scale",
    "gradients": "The gradients of batches",
    "sharpness": "The sharpness of minima",
    "intervals": "Why there are intervals",
    "cautions": "The cautions",
}


def explanation(sweep: Sweep, analysis: Analysis) -> dict[str, list[str]]:
    """Return topic → paragraphs, those left out of which nothing is known."""
    branched = analysis.branched
    found = _of_branches(sweep, analysis, branched) if branched else _of_sizes(sweep, analysis)
    known = {key: [text for text in texts if text] for key, texts in found.items()}
    return {key: texts for key, texts in known.items() if texts}


def _of_sizes(sweep: Sweep, analysis: Analysis) -> Mapping[str, Sequence[str | None]]:
    return {
        "batch_iteration_epoch": [words.of_an_epoch(sweep, analysis)],
        "target": [words.of_the_target(sweep, analysis)],
        "learning_rate": words.of_the_rates(sweep, analysis),
        "recommendation": costs.of_the_choice(sweep, analysis),
        "critical_batch_size": [costs.of_the_critical_size(analysis)],
        "speed": costs.of_speed(sweep, analysis),
        "quality": words.of_quality(sweep, analysis),
        "noise_scale": measures.of_noise_scale(analysis),
        "gradients": measures.of_gradients(analysis),
        "sharpness": measures.of_sharpness(sweep, analysis),
        "intervals": [words.of_intervals(sweep, analysis)],
        "cautions": cautions(sweep, analysis),
    }


def _of_branches(
    sweep: Sweep, analysis: Analysis, found: Branched
) -> Mapping[str, Sequence[str | None]]:
    return {
        "branches": branches.of_the_branches(sweep, found),
        "critical_batch_size": branches.of_the_critical_size(found),
        "batch_warmup": branches.of_the_warmup(found),
        "intervals": [branches.of_intervals(sweep, found)],
        "cautions": cautions(sweep, analysis),
    }


def cautions(sweep: Sweep, analysis: Analysis) -> list[str]:
    """Return each caution as a sentence, with what it means for who reads the numbers."""
    groups: dict[str, list[Caution]] = {}
    for caution in analysis.cautions:
        groups.setdefault(caution.code, []).append(caution)
    return [
        " ".join([*map(wording.sentence, lines), meaning(code)]).strip()
        for code, group in groups.items()
        if (lines := wording.grouped(group, sweep.facts.metric))
    ]


def print_explanation(console: Console, sweep: Sweep, analysis: Analysis) -> None:
    """Print the explanation, at most as wide as ``console`` and as can be read."""
    width = console.width
    margin = MARGIN if width >= 60 else 0
    parts: list[RenderableType] = [Text(trained.title(sweep), style="bold")]
    for key, texts in explanation(sweep, analysis).items():
        parts += ["", Text(_HEADINGS[key], style="bold")]
        parts += [prose(text, margin, width) for text in texts]
    console.print(Plain(Group(*parts)), end="")


def markdown(sweep: Sweep, analysis: Analysis) -> str:
    """Write the explanation as Markdown, ending with a newline."""
    blocks = [f"# {escaped(trained.title(sweep))}"]
    for key, texts in explanation(sweep, analysis).items():
        blocks.append(f"## {_HEADINGS[key]}")
        blocks += map(escaped, texts)
    return "\n\n".join(blocks) + "\n"
