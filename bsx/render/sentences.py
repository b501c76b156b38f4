"""The sentence of every caution code: what to know, and the remedy where there is one.

Each takes the values of all the cautions that share the sentence, the first of them deciding what
they have in common, and raises KeyError, TypeError or ValueError for values it has no words for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bsx.render import (
    next_run,
    numbers,
    of_advice,
    of_branches,
    of_data,
    of_files,
    of_measures,
    of_runs,
    searched,
)
from bsx.render.phrases import (
    OWN_LENGTH,
    SOME_SEEDS,
    Values,
    batch_sizes,
    clean,
    each,
    goal,
    listed,
    longer,
    more_seeds,
    remedied,
    spelled,
    tolerance,
)
from bsx.schema import Estimate

_MANY_SEEDS = 10  # times those there are: more than anybody should be told to train


def _learning_rate_at_edge(group: Sequence[Values]) -> str:
    first = group[0]
    aim = "best at the end"
    if first.get("goal") != "final":
        aim = f"fastest to {goal(first) if 'threshold' in first else 'the target'}"
    rates = sorted({float(values["learning_rate"]) for values in group})
    which = " to ".join(
        numbers.learning_rate(rate) for rate in dict.fromkeys((rates[0], rates[-1]))
    )
    extreme, other = {
        "low": ("lowest", "a lower"),
        "high": ("highest", "a higher"),
    }.get(str(first.get("side")), ("last", "another"))
    remedy = remedied(group, "give --learning-rate a grid that reaches further", "try such ones")
    if first.get("searched"):
        end, further = searched.further(first, str(first["searched"]))
        said = f"the learning rate {aim} ({which}) lies {end}, so {other} one may be better"
        return f"{said}; {further}"
    return (
        f"the learning rate {aim} ({which}) is the {extreme} that was tried, so {other} one may "
        f"be better; {remedy}"
    )


def _censored(group: Sequence[Values]) -> str:
    shares = [float(values["reached_fraction"]) for values in group]
    lowest, highest = (numbers.percent(share, 0) for share in (min(shares), max(shares)))
    remedy = f"{longer(group, '--epochs, --min-steps')} or set an easier --target"
    remedy = remedied(group, remedy, "longer runs, or an easier target, may tell")
    if max(shares) == 0:
        return f"no seed reached {goal(group[0])} within the budget; {remedy}"
    share = lowest if lowest == highest else f"{lowest} to {highest}"
    who = f"only {share} of the seeds"
    if min(shares) == 0:
        who = f"of the seeds none, or at most {highest},"
    return (
        f"{who} reached {goal(group[0])} within the budget, so what it takes is uncertain "
        f"upwards; {remedy}"
    )


def _diverged(group: Sequence[Values]) -> str:
    return remedied(
        group,
        "every run diverged; try lower learning rates (--learning-rate)",
        "every run diverged; lower learning rates may not",
    )


def _out_of_memory(group: Sequence[Values]) -> str:
    return "out of memory; this is as large as a batch gets here"


def _accumulated(group: Sequence[Values]) -> str:
    return (
        f"memory held no whole batch, so that it was trained in passes of "
        f"{each(group, 'micro_batch_size')} samples, their gradients accumulated"
    )


def _failed(group: Sequence[Values]) -> str:
    runs = sum(int(values.get("runs") or 0) for values in group)
    lines = str(group[0].get("error") or "").strip().splitlines()
    error = clean(lines[-1]) if lines else "unknown error"  # a traceback says it last
    how_many = (
        f"{numbers.count(runs)} {'run' if runs == 1 else 'runs'} failed" if runs else "failed"
    )
    return f"{how_many}: {error}; the same command tries again"


def _tail_merged(group: Sequence[Values]) -> str:
    return (
        "the last batch of an epoch would hold one sample, on which BatchNorm cannot train; it is "
        f"merged into the batch before it, which then holds {each(group, 'last_batch')}"
    )


def _batchnorm_of_micro_batch(group: Sequence[Values]) -> str:
    size = numbers.count(group[0]["micro_batch_size"])
    return (
        f"BatchNorm sees {size} samples at a time, a micro-batch, and not the whole batch, so that "
        "these learn otherwise than from whole batches; Ghost BatchNorm in chunks of "
        f"{size} is the same either way (--model-arg norm=ghost)"
    )


def _batch_grows(group: Sequence[Values]) -> str:
    return (
        f"the batch grows on the way, to {each(group, 'grows_to', numbers.whole)}; the size that "
        "names a row is the one it starts from, its time is put together from the sizes on the "
        "way, and its memory is that of the largest"
    )


def _growth_not_timed(group: Sequence[Values]) -> str:
    largest = each(group, "timed_to", numbers.whole)
    return (
        f"no batch above {largest} was timed, so that the time to the target is at most what is "
        "said: larger ones are counted as if a sample took as long"
    )


def _target_auto(group: Sequence[Values]) -> str:
    return (
        f"the target, validation {goal(group[0])}, was chosen from the results: the strictest "
        f"round one that nearly every seed of every batch size reaches within {_share(group)} of "
        "its budget; set your own with --target"
    )


def _share(group: Sequence[Values]) -> str:
    return numbers.percent(group[0]["within"], 0)


def _target_not_common(group: Sequence[Values]) -> str:
    first, within = group[0], _share(group)
    without = batch_sizes(first["sizes"])
    larger = "a larger budget (--epochs, --min-steps) lets"
    if first.get("own_length"):
        larger = f"longer runs ({OWN_LENGTH}) let"
    how = remedied(group, larger, "longer runs would let")
    too_few = "too few do"
    if first.get("blown"):
        too_few, how = f"{too_few} without blowing up later", "lower learning rates may let"
    return (
        f"the target, validation {goal(first)}, was chosen from the results without {without}: "
        f"nearly every seed of the others reaches it within {within} of the budget, there "
        f"{too_few}, and no target that all reach so would tell them apart; {how} all take part, "
        "or set your own with --target"
    )


def _target_below_baseline(group: Sequence[Values]) -> str:
    first = group[0]
    reached = numbers.significant(first["baseline"], 3)
    how = "train longer, or set a harder --target" if first["source"] == "auto" else (
        "set a harder --target"
    )  # fmt: skip
    return (
        f"the target, validation {goal(first)}, is no better than what needs no training: "
        f"{clean(first['name'])} has {reached}. Iterations to it mean little; "
        f"{remedied(group, how, 'a harder --target would mean more')}"
    )


def _target_not_kept(group: Sequence[Values]) -> str:
    first = group[0]
    best = numbers.significant(first["best"], 3)
    confirm = max(3, 2 * int(first.get("confirm", 1)))
    return (
        f"every batch size that reaches the target, validation {goal(first)}, ends short of it "
        f"(the best at {best}): to touch it may be luck; --confirm {confirm} asks for so many "
        "evaluations in a row, or set an easier --target"
    )


def _few_seeds(group: Sequence[Values]) -> str:
    seeds = int(group[0]["seeds"])
    have = (
        "1 seed gives no intervals" if seeds == 1 else f"{seeds} seeds give wide, unsure intervals"
    )
    if seeds == 2:
        have += f" (n = 2 stands for those whose ends differ by a factor above {numbers.VAGUE})"
    if group[0].get("asked_elsewhere"):  # another sentence says how many would do
        return have
    command = more_seeds(group[0], 5 - seeds)
    trains = f": {command} trains only the new ones" if command else ""
    return f"{have}; 5 or more are better{trains}"


def _no_critical_batch_size(group: Sequence[Values]) -> str:
    first = group[0]
    why = next_run.reason(first["reason"], first.get("departure"))
    said = f"the critical batch size{_towards(group)} cannot be determined: {why}"
    return _and_next(said, first)


def _and_next(said: str, first: Values) -> str:
    """Add what to run next."""
    steps = dict(first.get("next_run") or {})
    if first.get("threshold", 0.0) is None:  # of what was told, no other target can be set
        steps = {code: value for code, value in steps.items() if not code.endswith("_target")}
    fits = [goal(one) for one in first.get("fits_at") or ()]
    if fits:
        said += f" (of the same runs it is known for {listed(fits)})"
    then = next_run.what_next(steps, elsewhere=bool(first.get("elsewhere")))
    return f"{said}; {then}" if then else said


def _towards(group: Sequence[Values]) -> str:
    return f" for {goal(group[0])}" if "threshold" in group[0] else ""


def _critical_batch_size_beyond(group: Sequence[Values]) -> str:
    value, largest = float(group[0]["value"]), float(group[0]["largest"])
    return (
        f"the critical batch size{_towards(group)}, about {numbers.whole(value)}, lies beyond the "
        f"largest size that was run ({numbers.count(largest)}): it is an extrapolation; "
        f"{remedied(group, 'add larger sizes', 'larger sizes would tell')}"
    )


def _reference_outside(group: Sequence[Values]) -> str:
    first = group[0]
    smallest, largest = numbers.count(first["smallest"]), numbers.count(first["largest"])
    return (
        "the critical batch size of 20 % overhead counts from batch size "
        f"{numbers.count(first['reference'])}, which is outside the sizes that were run "
        f"({smallest} to {largest}): it is an extrapolation"
    )


def _critical_batch_size_vague(group: Sequence[Values]) -> str:
    first = group[0]
    known = Estimate(float(first["value"]), first.get("low"), first.get("high"))
    alone = known.low is None and known.high is None
    size = numbers.whole(known.value) if alone else numbers.estimate(known, numbers.whole)
    return _and_next(
        f"the critical batch size{_towards(group)} is known but roughly, {size}", first
    )


def _poor_fit(group: Sequence[Values]) -> str:
    first = group[0]
    why = next_run.reason("poor_fit", first.get("departure"))
    said = f"read the critical batch size{_towards(group)} as an order of magnitude: {why}"
    return _and_next(said, first)


def _speed_noisy(group: Sequence[Values]) -> str:
    return (
        f"the time per iteration varied by {each(group, 'spread', numbers.percent)} between "
        "repeats; was the machine busy? Measure again when it is idle"
    )


def _speed_of_other(group: Sequence[Values]) -> str:
    first = group[0]
    if "model" in first:
        return (
            f"the speeds are those of {clean(first['model'])} on {clean(first['dataset'])}, which "
            "a probe timed; nothing tells whether the curves are of the same, and only then the "
            "times to the target are right"
        )
    differs = listed([spelled(key) for key in first["differs"]])
    return (
        f"the speeds were measured with another {differs} than the sweep was trained with, so that "
        "times to the target may be wrong; probe what the sweep trains"
    )


def _quality_not_settled(group: Sequence[Values]) -> str:
    first = group[0]
    needed, seeds = first.get("seeds_needed"), int(first["seeds"])
    command = more_seeds(first, needed - seeds if needed else SOME_SEEDS)
    remedy = f"about {numbers.count(needed)} would" if needed else "more of them may"
    remedy += f" ({command})" if command else ""
    remedy += ", or a wider --tolerance"
    if needed and needed > _MANY_SEEDS * seeds:
        remedy = f"it would take about {numbers.count(needed)}; give a wider --tolerance"
    if samples := first.get("samples"):
        one = f"one of {numbers.count(samples)} validation samples is"
        remedy += f"; {one} {numbers.significant(100 / samples, 2)} points, so that more of them"
        remedy += " (--validation-fraction) tell more"
    within = f"within {tolerance(first)} of"
    what = f"it ends {within} {batch_sizes([first['best']])}, the best"
    if first["is_best"]:
        what = f"no other ends {within} it"
    return f"{seeds} seed{'s' * (seeds != 1)} cannot show that {what}; {remedy}"


WORDS: dict[str, Callable[[Sequence[Values]], str]] = {
    "learning_rate_at_edge": _learning_rate_at_edge,
    "tuned_at_edge": searched.tuned_at_edge,
    "censored": _censored,
    "diverged": _diverged,
    "dominated": searched.dominated,
    "out_of_memory": _out_of_memory,
    "accumulated": _accumulated,
    "failed": _failed,
    "tail_merged": _tail_merged,
    "batchnorm_of_micro_batch": _batchnorm_of_micro_batch,
    "batch_grows": _batch_grows,
    "growth_not_timed": _growth_not_timed,
    "target_auto": _target_auto,
    "target_not_common": _target_not_common,
    "target_below_baseline": _target_below_baseline,
    "target_not_kept": _target_not_kept,
    "few_seeds": _few_seeds,
    "no_critical_batch_size": _no_critical_batch_size,
    "reference_outside": _reference_outside,
    "critical_batch_size_beyond": _critical_batch_size_beyond,
    "critical_batch_size_vague": _critical_batch_size_vague,
    "poor_fit": _poor_fit,
    "speed_noisy": _speed_noisy,
    "speed_of_other": _speed_of_other,
    "quality_not_settled": _quality_not_settled,
    **of_runs.WORDS,
    **of_advice.WORDS,
    **of_data.WORDS,
    **of_branches.WORDS,
    **of_files.WORDS,
    **of_measures.WORDS,
}
