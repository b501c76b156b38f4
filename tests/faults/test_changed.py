"""Data and files that change: another identity, said so; no old results are mixed in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bsx.store import Store
from tests.here import QUICK, Shell, here

__all__ = ["here"]

X = np.random.default_rng(0).normal(size=(60, 3))
NET = ("from torch import nn\n\n\nclass Net(nn.Sequential):\n    def __init__(self, output_size):\n"
       "        super().__init__(nn.Linear(3, WIDTH), nn.Tanh(), nn.Linear(WIDTH, output_size))\n"
       )  # fmt: skip


def write_csv(first: float = 0.5) -> None:
    rows = [f"{first},0,0,0", *(f"{a},{b},{c},{i % 2}" for i, (a, b, c) in enumerate(X))]
    Path("data.csv").write_text("\n".join(rows))


def write_npz(first: float = 0.5) -> None:
    np.savez("data.npz", x=np.vstack([[first, 0, 0], X]), y=np.arange(61) % 2)


def write_model(width: int = 2) -> None:
    Path("model.py").write_text(NET.replace("WIDTH", str(width)))


def write_weights(value: float = 1.0) -> None:
    state = {"0.weight": torch.full((2, 3), value), "0.bias": torch.ones(2),
             "2.weight": torch.ones(2, 2), "2.bias": torch.ones(2)}  # fmt: skip
    torch.save(state, "weights.pt")


def write_program(loss: float = 0.5) -> None:
    Path("train.py").write_text(f'print(\'{{"step": 9, "val_loss": {loss}}}\')\n')


PROGRAM = ["--command", f"{sys.executable} train.py {{batch_size}}", "--train-samples", "64",
           "--batch-sizes", "4,8", "--executor", "inline"]  # fmt: skip
BY_FILE = {
    "csv": (write_csv, [*QUICK, "--dataset", "csv:data.csv"], "the data of csv:data.csv"),
    "npz": (write_npz, [*QUICK, "--dataset", "npz:data.npz"], "the data of npz:data.npz"),
    "model": (write_model, [*QUICK, "--dataset", "npz:data.npz", "--model", "model.py:Net"],
              "model.py:Net"),
    "weights": (write_weights, [*QUICK, "--dataset", "npz:data.npz", "--model", "model.py:Net",
                                "--init-from", "weights.pt"], "weights.pt"),
    "program": (write_program, PROGRAM, "train.py"),
}  # fmt: skip


def run_ids() -> dict[str, set[str]]:
    """Return the runs of each stored sweep."""
    with Store("bsx-runs") as store:
        return {s.sweep_id: {r.run_id for r in store.runs(s.sweep_id)} for s in store.sweeps()}


@pytest.mark.parametrize("changed", BY_FILE)
def test_what_is_changed_between_two_sweeps_is_told_and_trained_anew(
    here: Shell, changed: str
) -> None:
    write, args, named = BY_FILE[changed]
    write_npz()
    write_model()
    write()
    code, before, err = here.bsx("sweep", *args, "--format", "json")
    assert code == 0 and "changed since" not in err, err
    (first,) = run_ids()
    write(3)  # type: ignore[operator]
    code, after, err = here.bsx("sweep", *args, "--format", "json")
    assert code == 0, err
    assert f"{named} changed since sweep {first} was run" in " ".join(err.split())
    ids = run_ids()
    (second,) = ids.keys() - {first}
    assert len(ids[first]) == len(ids[second]) and not ids[first] & ids[second]
    assert here.bsx("show", first, "--format", "json")[1] == before != after
    write()  # as it was: its own results count again, the other's do not
    _, again, err = here.bsx("sweep", *args, "--format", "json")
    assert "stored already" in err and again == before
    assert run_ids() == ids


def test_a_file_that_is_written_again_alike_is_no_change(here: Shell) -> None:
    write_csv()
    args = ["sweep", *QUICK, "--dataset", "csv:data.csv"]
    here.bsx(*args)
    write_csv()
    os.utime("data.csv", (0, 0))
    _, _, err = here.bsx(*args)
    assert "changed" not in err and "stored already" in err


def test_other_data_by_another_question_are_no_change(here: Shell) -> None:
    write_csv()
    here.bsx("sweep", *QUICK, "--dataset", "csv:data.csv")
    _, _, err = here.bsx("sweep", *QUICK, "--dataset", "csv:data.csv", "--split-seed", "1")
    assert "changed" not in err


# --- while it runs ----------------------------------------------------------------------------


def test_a_program_that_changes_while_it_is_in_use_is_not_run_on(here: Shell) -> None:
    """The first run is kept; the second would be of another program under the same name."""
    Path("train.py").write_text(
        "print('{\"step\": 9, \"val_loss\": 0.5}')\nopen(__file__, 'a').write('# more\\n')\n"
    )
    code, out, err = here.bsx("sweep", *PROGRAM)
    assert (code, out) == (2, "") and "train.py was changed while it is in use" in err
    assert [len(ids) for ids in run_ids().values()] == [1]


def test_a_model_that_changes_while_it_is_in_use_is_not_trained_on(here: Shell) -> None:
    """The coordinator has built it once when the first worker begins."""
    write_npz()
    changes = (
        "with open(__file__, 'a') as file:\n            file.write('# more\\n')\n        super()"
    )
    Path("model.py").write_text(NET.replace("WIDTH", "2").replace("super()", changes))
    args = [*QUICK, "--dataset", "npz:data.npz", "--model", "model.py:Net"]
    code, out, err = here.bsx("sweep", *args)
    assert (code, out) == (2, "") and "model.py:Net: the file was changed" in err
    assert [len(ids) for ids in run_ids().values()] in ([], [0])


def test_data_that_are_drawn_anew_each_time_are_refused(here: Shell) -> None:
    """Each process would train on its own, under one name."""
    Path("mine.py").write_text(
        "import os\nimport numpy as np\n\n\ndef load():\n"
        "    rng = np.random.default_rng(os.getpid())\n"
        "    return rng.normal(size=(60, 3)), np.arange(60) % 2\n"
    )
    code, out, err = here.bsx("sweep", *QUICK[:-1], "workers", "--dataset", "mine.py:load")
    assert (code, out) == (3, "") and "seed it" in err
