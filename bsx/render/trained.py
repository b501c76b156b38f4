"""What a sweep trained, as text: data, model, rates, seeds and budget."""

from __future__ import annotations

import dataclasses

from bsx import arms
from bsx.literals import as_typed
from bsx.render import branched, numbers, phrases, searched
from bsx.render.usual import unusual
from bsx.schema import Branched, Program, Sweep

_UNSAID = frozenset({"complete", "planned"})  # states in which nothing is amiss


def described(sweep: Sweep, found: Branched | None = None) -> list[tuple[str, str]]:
    """Say what was trained, on what, and for how long, as (name, text) pairs.

    ``found``: what a branched sweep came to.
    """
    arm = arms.label(sweep.config)
    first = [("arm", f"{phrases.clean(arm)}, of --vary")] if arm else []
    return first + _trained(sweep, found)


def _trained(sweep: Sweep, found: Branched | None) -> list[tuple[str, str]]:
    config, facts = sweep.config, sweep.facts
    if config.command is not None and config.command.program.elsewhere:
        return _trained_elsewhere(sweep)
    if config.command is not None:
        return _trained_by_program(sweep, config.command.program)
    lines = [
        ("data", _data(sweep)),
        ("model", f"{_ingredient(config.model)}, {numbers.count(facts.parameters)} parameters"),
        ("optimizer", f"{_ingredient(searched.without(config))}, {_rates(sweep)}"),
        *_search(sweep),
        ("seeds", _seeds(config.seeds)),
        ("budget", _budget(sweep)),
    ]
    if found is not None:
        lines[2:4] = [
            ("optimizer", _ingredient(config.optimizer)),
            *branched.described(sweep, found),
            ("seeds", str(config.seeds)),
        ]
    if told := unusual(config):
        lines.insert(-1, ("training", told))
    if sweep.status not in _UNSAID:
        lines.append(("status", phrases.sweep_status(sweep.status)))
    return lines


def _trained_by_program(sweep: Sweep, program: Program) -> list[tuple[str, str]]:
    rates = _rates(sweep) if program.takes_rate else "learning rate the program's own"
    lines = [
        ("command", phrases.clean(program.text)),
        ("data", f"{numbers.count(program.train_samples)} training samples"),
        ("rate", rates),
        *_search(sweep),
        ("seeds", _seeds(sweep.config.seeds)),
        ("budget", _budget(sweep) if program.takes_length else "the program's own"),
    ]
    if sweep.status not in _UNSAID:
        lines.append(("status", phrases.sweep_status(sweep.status)))
    return lines


def _trained_elsewhere(sweep: Sweep) -> list[tuple[str, str]]:
    config, facts = sweep.config, sweep.facts
    better = "higher" if facts.metric.higher_is_better else "lower"
    samples = (
        f"{numbers.count(facts.train_samples)} training samples"
        if facts.train_samples
        else "how many samples is not told, so nothing is said of epochs (--train-samples)"
    )
    values = config.learning_rates.values
    shown = ", ".join(numbers.learning_rate(value, 6) for value in values[:12])
    shown += f" and {len(values) - 12} more" if len(values) > 12 else ""
    return [
        ("metric", f"{phrases.clean(facts.metric.name)} on validation, {better} is better"),
        ("data", samples),
        ("rates", shown or "not told"),
        ("seeds", str(config.seeds)),
    ]


def title(sweep: Sweep) -> str:
    """Name a sweep, as the heading above all that is said of it."""
    command = sweep.config.command
    if command is not None and command.program.elsewhere:
        return f"Curves of {phrases.clean(command.program.text)}"
    return f"Sweep {sweep.sweep_id}"


def says_name(sweep: Sweep) -> bool:
    """Whether the name of a sweep is in its title already: curves are called by their file."""
    return sweep.config.name is not None and title(sweep).startswith(
        f"Curves of {phrases.clean(sweep.config.name)}."
    )


def _ingredient(ingredient: object) -> str:
    named = dataclasses.asdict(ingredient)  # type: ignore[call-overload]
    args = ", ".join(f"{key}={_argument(value)}" for key, value in named["args"].items())
    return phrases.clean(f"{named['name']} ({args})" if args else named["name"])


def _argument(value: object) -> str:
    if isinstance(value, str):
        return as_typed(value) if "," in value else value
    if not isinstance(value, list | tuple):
        return str(value)
    return ",".join(_argument(one) for one in value)


def _data(sweep: Sweep) -> str:
    facts = sweep.facts
    splits = (
        f"{numbers.count(facts.train_samples)} training, "
        f"{numbers.count(facts.validation_samples)} validation and "
        f"{numbers.count(facts.test_samples)} test samples"
    )
    shape = " × ".join(map(str, facts.input_shape)) or "1"
    classes = f", {numbers.count(facts.classes)} classes" if facts.classes else ""
    name = _ingredient(dataclasses.replace(sweep.config.dataset, name=facts.dataset_name))
    guessed = guessed_target(sweep)
    target = "" if guessed is None else f", target {guessed}"
    return f"{name}: {splits} of {shape}{classes}{target}"


def guessed_target(sweep: Sweep) -> str | None:
    """Name the column that is predicted where nobody said which; None where that was said."""
    if not sweep.facts.predicted or "target" in sweep.config.dataset.args:
        return None
    return phrases.listed([phrases.clean(column) for column in sweep.facts.predicted])


def _rates(sweep: Sweep) -> str:
    rates = sweep.config.learning_rates
    values = ", ".join(numbers.learning_rate(value, 6) for value in rates.values)
    base = f" from batch size {rates.base_batch_size}" if rates.base_batch_size else ""
    if rates.mode == "fixed":
        how = f"learning rate {values}"
    elif rates.mode == "grid":
        how = f"learning rate the best of {values}"
    else:
        search = sweep.config.search
        beside = search.beside if search else ()
        names = ["learning rate", *(phrases.spelled(axis.name) for axis in beside)]
        how = f"{phrases.listed(names)} tuned"
    if rates.rule == "tuned":
        return how if rates.mode == "fixed" else f"{how} at each batch size"
    if rates.rule == "none":
        return f"{how}, the same at each batch size"
    return f"{how}, {phrases.clean(rates.rule)} rule{base}"


def _search(sweep: Sweep) -> list[tuple[str, str]]:
    search = sweep.config.search
    return [("trials", searched.described(search))] if search else []


def _seeds(seeds: int) -> str:
    return "1" if seeds == 1 else f"{seeds}, the same at each batch size"


def _budget(sweep: Sweep) -> str:
    budget = sweep.config.budget
    limits = []
    if budget.epochs is not None:
        noun = "epoch" if budget.epochs == 1 else "epochs"
        limits.append(f"{numbers.significant(budget.epochs)} {noun}")
    if budget.steps is not None:
        limits.append(f"{numbers.count(budget.steps)} iterations")
    if budget.samples_seen is not None:
        limits.append(f"{numbers.count(budget.samples_seen)} samples seen")
    text = " or ".join(limits) + (", whichever comes first" if len(limits) > 1 else "")
    if budget.min_steps is None:
        return text or "the default"
    floor = f"at least {numbers.count(budget.min_steps)} iterations"
    return f"{text}, but {floor}" if text else floor
