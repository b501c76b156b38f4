"""Text files, a character at a time: the next one is to be predicted at every position."""

from __future__ import annotations

import numpy as np
import torch

from bsx.data.chronological import Cut, check_size, chronological_starts
from bsx.data.dataset import Dataset
from bsx.data.given import read_text, whole
from bsx.data.source import File
from bsx.errors import DataError


def text(
    source: File,
    context: int = 64,
    stride: int | None = None,
    encoding: str = "utf-8",
    validation: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """text:FILE, next-character prediction: context=64 stride=CONTEXT encoding=utf-8.

    The vocabulary is every character of the file, in code-point order. Beginning, middle and end
    of the file are the training, validation and test parts. With ``stride`` equal to ``context``,
    the default, an epoch predicts each character once.

    Returns:
        inputs and targets int64 (samples, context), the targets one character ahead.

    Raises:
        DataError: for a file that is missing, empty, wrongly encoded, too short or of one
            character.
    """
    name = f"--dataset text:{source}"
    context = whole("context", context)
    stride = context if stride is None else whole("stride", stride)
    codes, vocabulary = _encoded(read_text(source, encoding, "text"), name)
    cut = Cut(context + 1, stride, "characters", "give a longer text or a smaller context")
    starts = chronological_starts(
        (), len(codes), cut, {"validation": validation, "test": test}, name
    )
    rows = np.concatenate(list(starts.values()))
    check_size(4 * len(rows) * context, name, "give a larger stride or a smaller context")
    windows = np.lib.stride_tricks.sliding_window_view(codes, cut.length)[rows]
    borders = np.cumsum([0, *map(len, starts.values())])
    parts = {
        part: torch.arange(int(low), int(high))
        for part, low, high in zip(starts, borders[:-1], borders[1:], strict=True)
    }
    return Dataset(
        torch.from_numpy(np.ascontiguousarray(windows[:, :-1])),
        torch.from_numpy(np.ascontiguousarray(windows[:, 1:])),
        task="language-modelling",
        parts=parts,
        standardize=False,
        output_size=vocabulary,
    )


def _encoded(content: str, name: str) -> tuple[np.ndarray, int]:
    """Number the characters by their place in the vocabulary."""
    points = np.frombuffer(content.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    vocabulary, codes = np.unique(points, return_inverse=True)
    if len(vocabulary) < 2:
        raise DataError(
            f"{name}: it holds {len(points)} times the one character {content[:1]!r}; "
            "nothing can be learned from it"
        )
    return codes.astype(np.int64), len(vocabulary)
