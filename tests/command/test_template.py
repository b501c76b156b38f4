"""Placeholders are filled in as values, never as text that a shell would read."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsx.command.template import PLACEHOLDERS, filled, placeholders, words
from bsx.errors import ConfigError
from bsx.schema import Run, Trial, recipe_at
from tests.command.programs import recipe

WORDS = st.text(st.characters(blacklist_characters="{}", blacklist_categories=("Cs", "Cc")))


def test_every_placeholder_becomes_its_value() -> None:
    text = "train {batch_size} {lr} {learning_rate} {seed} {steps} {epochs}"
    run = Run(recipe(text, steps=250), 0.001, 7)
    assert filled(text, run, 100) == ("train", "10", "0.001", "0.001", "7", "250", "3")


def test_what_is_tuned_beside_the_rate_becomes_the_trials_value() -> None:
    trial = Trial(0.1, (("momentum", 0.95), ("weight_decay", 1e-5)))
    run = Run(recipe_at(recipe(), trial), 0.1, 0)
    assert filled("t {batch_size} {lr} {momentum} {weight_decay}", run, 1)[2:] == (
        "0.1", "0.95", "1e-05",
    )  # fmt: skip


def test_a_placeholder_within_a_word_keeps_its_surroundings() -> None:
    run = Run(recipe(steps=1), 2.0**-10, 0)
    assert filled("t --lr={lr},{lr} b{batch_size}", run, 1)[1:] == (
        "--lr=0.0009765625,0.0009765625",
        "b10",
    )


def test_double_braces_stand_for_braces() -> None:
    run = Run(recipe(), 0.1, 0)
    assert filled("""t '{{"b": {batch_size}}}' {{x}}""", run, 1)[1:] == ('{"b": 10}', "{x}")


def test_quoted_words_stay_together_and_nothing_is_expanded() -> None:
    run = Run(recipe(), 0.1, 0)
    assert filled("t 'a  b' $HOME '*' ; rm {batch_size}", run, 1) == (
        "t", "a  b", "$HOME", "*", ";", "rm", "10",
    )  # fmt: skip


@given(st.lists(WORDS.filter(bool), min_size=1), st.floats(1e-9, 1e9), st.integers(0, 2**31 - 1))
def test_whatever_stands_between_placeholders_comes_through_unchanged(
    parts: list[str], rate: float, seed: int
) -> None:
    text = " ".join(f"{shlex.quote(part)}{{lr}} {{batch_size}}" for part in parts)
    command = filled(text, Run(recipe(), rate, seed), 1)
    assert command == tuple(w for part in parts for w in (f"{part}{rate!r}", "10"))
    assert all(float(word.removeprefix(part)) == rate
               for word, part in zip(command[::2], parts, strict=True))  # fmt: skip


@given(st.sets(st.sampled_from(PLACEHOLDERS)))
def test_the_placeholders_used_are_found(names: set[str]) -> None:
    text = "t " + " ".join(f"--{name}={{{name}}}" for name in [*names, "batch_size"])
    assert placeholders(text) == tuple(sorted(names | {"batch_size"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train --lr {lr}", "{batch_size}"),
        ("train {batchsize}", "did you mean {batch_size}?"),
        ("train {wd}", "for braces themselves. There are {batch_size}"),
        ("train {batch_size} {zzz}", "{{"),
        ("train '{batch_size}", "close it"),
        ("  ", "give the command"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        placeholders(text)
    assert "--command" in str(refused.value)
    assert said in str(refused.value)


def test_words_are_split_as_a_shell_does() -> None:
    assert words("a 'b c' d\\ e") == ("a", "b c", "d e")
