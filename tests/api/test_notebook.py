"""bsx in a real notebook: cells run by a kernel, and what they show."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

CELLS = [
    """
import numpy as np
from torch import nn
import bsx

class Net(nn.Module):
    def __init__(self, input_shape, output_size):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], output_size)

    def forward(self, x):
        return self.layer(x)

labels = np.arange(200) % 2
inputs = np.random.default_rng(0).normal(size=(200, 3)).astype("float32") + 3 * labels[:, None]
asked = dict(dataset=(inputs, labels), batch_sizes=[8, 32, 64], learning_rate=0.1, seeds=2)
""",
    "bsx.sweep(model=Net, epochs=3, threads=1, target={'accuracy': 0.8}, **asked)",
    "bsx.sweep(model='mlpp')",
    "bsx.load().to_frame()[['steps', 'seeds']]",
    "bsx.calc(samples=1000, batch_size=[8, 64], epochs=2)",
]


@pytest.mark.slow
def test_a_notebook_shows_progress_tables_and_a_picture(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(
        notebook, timeout=600, allow_errors=True, resources=resources, kernel_name="python3"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that run it
        client.execute()
    defined, swept, refused, framed, computed = (cell.outputs for cell in notebook.cells)
    assert defined == []
    assert [output.output_type for output in swept] == ["display_data", "execute_result"]
    page = swept[-1].data["text/html"]
    assert "Quality: accuracy" in page and "python:Net" in page
    if _there("matplotlib"):
        assert "data:image/png;base64," in page
    (error,) = refused
    assert error.ename == "ConfigError" and "did you mean mlp" in error.evalue
    assert "iterations" in computed[-1].data["text/html"]
    if _there("pandas"):
        assert "steps" in framed[-1].data["text/html"]


def _there(name: str) -> Any:
    import importlib.util

    return importlib.util.find_spec(name)
