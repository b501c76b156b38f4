"""``bsx config`` and ``bsx sweep --save``: the question as a file, and where each value is from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bsx import __version__
from bsx.config import as_toml, json_schema, read_arms, settings_given
from bsx.settings import SETTINGS
from tests.here import QUICK, Shell, here

__all__ = ["here"]

# Flags as they are typed, of every way in which values are written
QUESTIONS: list[dict[str, Any]] = [
    {},
    {"batch_sizes": "16,64", "learning_rate": "0.05", "seeds": "2", "epochs": "1"},
    {"batch_sizes": "2..64", "learning_rate": "0.01,0.1", "within": "1h30m", "full_batch": True},
    {"model_args": ["hidden=64,64", "norm=batch"], "target": ["accuracy=0.9", "f1=0.5..0.7:0.1"]},
    {"tune": ["learning-rate,momentum"], "search": ["momentum=0.5..0.9"], "trials": "8"},
    {"vary": ["optimizer=sgd,adam", "model.norm=none,batch"], "name": 'a "name" of\tmine ö'},
    {"clip_norm": "none", "hang_timeout": "none", "freeze": ["layers.*"], "drop_last": True},
    {"learning_rate": "tuned", "learning_rate_rule": "linear", "base_batch_size": "16"},
    {"command": "python -m t {batch_size} {lr}", "train_samples": "10_000", "seeds": "1"},
]


@pytest.mark.parametrize("flags", QUESTIONS, ids=lambda flags: ",".join(flags) or "nothing")
def test_a_saved_question_is_the_same_question(tmp_path: Path, flags: dict[str, Any]) -> None:
    environ = {"BSX_TOLERANCE": "0.01"}
    file = tmp_path / "saved.toml"
    file.write_text(as_toml(settings_given(flags, environ, None), "1"), encoding="utf-8")
    asked, door = read_arms(flags, environ, None)
    again, door_again = read_arms({}, {}, file)
    assert again == asked and door_again == door
    jsonschema.validate(tomllib.loads(file.read_text(encoding="utf-8")), json_schema("1"))


def test_every_default_in_a_saved_file_may_be_uncommented(tmp_path: Path) -> None:
    text = as_toml(settings_given({}, {}, None), "1")
    _, _, defaults = text.partition("as bsx has it:\n")
    file = tmp_path / "defaults.toml"
    file.write_text(defaults.replace("# ", ""), encoding="utf-8")
    given = settings_given({}, {}, file)
    assert {one.setting.key: one.value for one in given} == {
        one.setting.key: one.value for one in settings_given({}, {}, None)
    }
    jsonschema.validate(tomllib.loads(file.read_text(encoding="utf-8")), json_schema("1"))


def test_a_table_of_a_file_is_shown_as_toml(here: Shell) -> None:
    Path("my.toml").write_text('[model_args]\nhidden = [64, 32]\nbias = true\nnorm = "none"\n')
    code, out, _ = here.bsx("config", "show", "my.toml")
    assert code == 0
    assert '{hidden = [64, 32], bias = true, norm = "none"}' in " ".join(out.split())


def test_a_sweep_saves_what_is_asked_and_may_leave_it_at_that(here: Shell) -> None:
    asked = ["--dataset", "wine", "--model", "logistic", *QUICK]
    code, _, err = here.bsx("sweep", *asked, "--save", "my.toml", "--dry-run", "--quiet")
    assert code == 0, err
    assert not (here.folder / "bsx-runs").exists()
    code, out, err = here.bsx("sweep", "my.toml", "--get", "sweep_id", "--quiet")
    assert code == 0, err
    assert here.swept(*asked[:4])["sweep_id"] == out.strip()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ["--save", "no/such/folder.toml"],
            "--save no/such/folder.toml: there is no folder no/such",
        ),
        (["--save", "my.toml", "--more-seeds", "2"], "give --seeds with all of them instead"),
    ],
)
def test_what_cannot_be_saved_is_refused_first(here: Shell, asked: list[str], said: str) -> None:
    here.swept("--dataset", "wine", "--model", "logistic")
    code, _, err = here.bsx("sweep", *asked)
    assert code == 2 and said in err and err.count("\n") == 1


def test_each_value_says_where_it_comes_from(here: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    (here.folder / "my.toml").write_text("epochs = 7\nseeds = 2\n")
    monkeypatch.setenv("BSX_SEEDS", "3")
    code, out, err = here.bsx("config", "show", "my.toml", "--name", "x", "--format", "json")
    assert code == 0, err
    found = json.loads(out)
    assert list(found) == [s.key for s in SETTINGS]
    origins = {key: (found[key]["source"], found[key]["origin"]) for key in found}
    assert origins["name"] == ("flag", "--name")
    assert origins["seeds"] == ("environment", "BSX_SEEDS")
    assert origins["epochs"] == ("file", "my.toml")
    assert origins["model"] == ("default", "default")
    assert found["seeds"]["value"] == 3
    assert here.bsx("config", "show", "my.toml", "--get", "epochs.value")[1] == "7.0\n"
    code, out, _ = here.bsx("config", "show", "my.toml")
    assert "BSX_SEEDS" in out and "my.toml" in out
    assert "| seeds | 3 |" in here.bsx("config", "show", "--format", "markdown")[1]


def test_settings_that_cannot_be_meant_together_are_refused(here: Shell) -> None:
    code, out, err = here.bsx("config", "show", "--base-batch-size", "8", "--lr", "0.1")
    assert (code, out) == (2, "") and "--base-batch-size 8 has no meaning" in err


def test_the_schema_knows_every_setting_and_tells_right_from_wrong(here: Shell) -> None:
    code, out, _ = here.bsx("config", "schema")
    schema = json.loads(out)
    assert code == 0 and list(schema["properties"]) == [s.key for s in SETTINGS]
    assert __version__ in schema["title"]
    jsonschema.Draft7Validator.check_schema(schema)
    good = {"label-smoothing": 0.1, "batch_sizes": [8, 16], "within": "10m", "schedule": "cosine"}
    jsonschema.validate(good, schema)
    for wrong in ({"batchsize": 3}, {"seeds": 0}, {"schedule": "cosin"}, {"learning_rate": -1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
