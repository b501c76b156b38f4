"""Which samples are for training, for validation and for the test."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from bsx.errors import ConfigError, DataError

PARTS = ("train", "validation", "test")


def divided(
    official: Mapping[str, Tensor] | None,
    labels: Tensor | None,
    total: int,
    name: str,
    *,
    fractions: Mapping[str, float],
    seed: int,
    subset: int | None,
) -> dict[str, Tensor]:
    """Return part → rows; official parts stay as they are, the others are drawn from train.

    ``labels``: by which a draw is stratified; None draws freely. ``fractions``: of all samples,
    for validation and test. ``subset``: how many samples to take first, in proportion to the
    parts and, where there are labels, to the classes.

    Raises:
        DataError: where a part would be empty, or a class too rare to be in each.
    """
    parts = dict(official or {"train": torch.arange(total)})
    if subset is not None:
        parts, total = _reduced(parts, labels, total, name, seed, subset), subset
    for part in ("test", "validation"):
        if part not in parts:
            count = math.floor(fractions[part] * total + 0.5)
            parts["train"], parts[part] = _drawn(parts["train"], labels, name, part, count, seed)
    for part in PARTS:
        if len(parts[part]) == 0:
            raise DataError(f"--dataset {name}: the {part} part is empty; it has {total} samples")
    if labels is not None:
        _check_learnable(labels, parts, name)
    return {part: parts[part] for part in PARTS}


def _reduced(
    parts: Mapping[str, Tensor],
    labels: Tensor | None,
    total: int,
    name: str,
    seed: int,
    subset: int,
) -> dict[str, Tensor]:
    if subset > total or subset < 3:
        raise ConfigError(
            f"--subset {subset}: {name} has {total:,} samples; give a number from 3 to that"
        )
    sizes = torch.tensor([len(rows) for rows in parts.values()])
    counts = _shares(sizes, subset * int(sizes.sum()) // total)
    generator = torch.Generator().manual_seed(seed)
    return {
        part: _sample(rows, labels, count, generator)
        for (part, rows), count in zip(parts.items(), counts.tolist(), strict=True)
    }


def _sample(rows: Tensor, labels: Tensor | None, count: int, generator: torch.Generator) -> Tensor:
    """Draw ``count`` of ``rows``, in their order: as many of each class as its share is."""
    shuffled = rows[torch.randperm(len(rows), generator=generator)]
    if labels is None:
        return shuffled[:count].sort().values
    sizes = torch.bincount(labels[rows])
    taken = [
        shuffled[labels[shuffled] == label][:share]
        for label, share in enumerate(_shares(sizes, count).tolist())
    ]
    return torch.cat(taken).sort().values


def _shares(sizes: Tensor, count: int) -> Tensor:
    """Divide ``count`` in proportion to ``sizes``, by the largest remainders."""
    exact = sizes.double() * count / sizes.sum()
    shares = exact.floor().long()
    rest = count - int(shares.sum())
    order = torch.argsort(exact - shares, descending=True, stable=True)
    shares[order[:rest]] += 1
    return shares


def _drawn(
    rows: Tensor, labels: Tensor | None, name: str, part: str, count: int, seed: int
) -> tuple[Tensor, Tensor]:
    # sklearn takes a second to import, and most processes are given what another has divided
    from sklearn.model_selection import train_test_split

    stratify = None if labels is None else labels[rows].numpy()
    try:
        rest, drawn = train_test_split(
            rows.numpy(), test_size=max(count, 1), random_state=seed, stratify=stratify
        )
    except ValueError as error:
        alone = _fewest(labels, rows)
        if alone is not None and alone[1] == 1:
            raise DataError(
                f"--dataset {name}: the rarest class, number {alone[0]}, has 1 sample, which "
                "cannot be in training, validation and test; give more samples of it or leave it "
                "out, or see whether these are the right targets"
            ) from None
        raise DataError(
            f"--dataset {name}: cannot draw a {part} part of {max(count, 1)} from {len(rows)} "
            f"samples ({_shortened(str(error))}{_rarest(labels, rows)}); give more samples or "
            f"another --{part}-fraction, or see whether these are the right targets"
        ) from None
    return torch.from_numpy(rest), torch.from_numpy(drawn)


def _shortened(said: str) -> str:
    """Leave out the list of classes, which may be hundreds."""
    return said.partition(" Classes with too few")[0].rstrip(". ")


def _rarest(labels: Tensor | None, rows: Tensor) -> str:
    found = _fewest(labels, rows)
    return "" if found is None else f"; the rarest class, number {found[0]}, has {found[1]}"


def _fewest(labels: Tensor | None, rows: Tensor) -> tuple[int, int] | None:
    """Return the rarest class and how many samples it has."""
    if labels is None or not len(rows):
        return None
    counts = torch.bincount(labels[rows])
    rare = int(torch.where(counts > 0, counts, counts.max() + 1).argmin())
    return rare, int(counts[rare])


def _check_learnable(labels: Tensor, parts: Mapping[str, Tensor], name: str) -> None:
    """Refuse parts that ask for a class of which training shows none."""
    shown = torch.bincount(labels[parts["train"]], minlength=int(labels.max()) + 1) > 0
    for part in ("validation", "test"):
        unknown = parts[part][~shown[labels[parts[part]]]]
        if len(unknown):
            row = int(unknown[0])
            raise DataError(
                f"--dataset {name}: class number {int(labels[row])} of sample {row} is in the "
                f"{part} part, but the training part has none of it; give samples of every class"
            )
