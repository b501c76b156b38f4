"""What a caution or a reason says to a person: code and values in, plain sentences out.

The text is plain, never markup: whoever prints it must print it as it is. Each sentence says what
to know and, where there is one, the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bsx.render.phrases import Values, batch_sizes, clean, shown, spelled
from bsx.render.reasons import REASONS
from bsx.render.sentences import WORDS
from bsx.schema import Caution, Metric, Recommendation

# Values that tell two cautions of one code apart, so that only equal ones share a line.
_TELLING = {
    "learning_rate_at_edge": ("goal", "side", "metric", "threshold"),
    "tuned_at_edge": ("name", "side", "metric", "threshold"),
    "censored": ("metric", "threshold"),
    "reached_at_first_look": ("metric", "threshold"),
    "failed": ("error",),
    "no_critical_batch_size": ("metric", "threshold"),
    "critical_batch_size_beyond": ("metric", "threshold"),
    "critical_batch_size_vague": ("metric", "threshold"),
    "poor_fit": ("metric", "threshold"),
    "not_measured": ("measure", "error"),
    "normalized_over": ("measure",),
}


def message(caution: Caution, metric: Metric | None = None) -> str:
    """Word one caution, without its batch size; an unknown code is spelled out.

    ``metric`` is the one that quality is judged by: it decides how a tolerance is written.
    """
    return _worded(caution.code, [_with(caution, metric)])


def grouped(cautions: Iterable[Caution], metric: Metric | None = None) -> list[str]:
    """Word cautions one a line, those that say the same of several batch sizes together."""
    groups: dict[tuple[object, ...], list[Caution]] = {}
    for caution in cautions:
        telling = tuple(repr(caution.values.get(k)) for k in _TELLING.get(caution.code, ()))
        of_a_size = caution.batch_size is not None
        groups.setdefault((caution.code, of_a_size, *telling), []).append(caution)
    return [_line(group, metric) for group in groups.values()]


def reason(recommendation: Recommendation, metric: Metric | None = None) -> str:
    """Word why a batch size is recommended, as a sentence."""
    caution = recommendation.reason
    price = recommendation.price_per_hour if recommendation.objective == "cost" else None
    asked = {"objective": recommendation.objective, "price_per_hour": price}
    values = {**_with(caution, metric), "batch_size": recommendation.batch_size, **asked}
    word = REASONS.get(caution.code)
    try:
        text = clean(word(values)) if word else _unknown(caution.code, caution.values)
    except (KeyError, TypeError, ValueError):
        text = _unknown(caution.code, caution.values)
    return sentence(text)


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?")) else ".")


def _with(caution: Caution, metric: Metric | None) -> Values:
    known = {} if metric is None else {"bounded": metric.bounded}
    return {**known, **caution.values}


def _line(group: list[Caution], metric: Metric | None) -> str:
    text = _worded(group[0].code, [_with(caution, metric) for caution in group])
    sizes = [c.batch_size for c in group if c.batch_size is not None]
    return f"{batch_sizes(sizes)}: {text}" if sizes else text


def _worded(code: str, group: Sequence[Values]) -> str:
    word = WORDS.get(code)
    if word is None:
        return _unknown(code, group[0])
    try:
        return clean(word(group))
    except (KeyError, TypeError, ValueError):
        return _unknown(code, group[0])  # a sentence for other values than these


def _unknown(code: str, values: Values) -> str:
    details = ", ".join(f"{spelled(k)} {shown(v)}" for k, v in values.items() if v is not None)
    return clean(spelled(code) + (f" ({details})" if details else ""))
