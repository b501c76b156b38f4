"""The runs of a batch size, made once: a plan is looked through after each round."""

from __future__ import annotations

from functools import lru_cache

from bsx.schema import Point, Recipe, Run, rate_of, recipe_at
from bsx.tuning import Seeds

_RECIPES_REMEMBERED = 64


def runs_of(recipe: Recipe, rates: Seeds) -> dict[tuple[Point, int], Run]:
    """Return the runs of a batch size, by rate or trial and seed.

    The same run is the same object, which works its identity out once.
    """
    made = _made(recipe.canonical)
    found: dict[tuple[Point, int], Run] = {}
    for point, seeds in rates.items():
        known = made.setdefault(repr(point), [])  # 1 and 1.0 are equal, and not written alike
        if len(known) < seeds:
            at_point, rate = recipe_at(recipe, point), rate_of(point)
            known += [Run(at_point, rate, seed) for seed in range(len(known), seeds)]
        found.update({(point, seed): run for seed, run in enumerate(known[:seeds])})
    return found


@lru_cache(maxsize=_RECIPES_REMEMBERED)
def _made(_recipe: str) -> dict[str, list[Run]]:
    """The runs made so far of a recipe, by point and seed; filled by those who ask."""
    return {}
