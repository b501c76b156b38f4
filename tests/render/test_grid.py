"""How tables get narrower: what is conceded, what comes back, and what is said of it."""

from __future__ import annotations

import dataclasses

from bsx.render import grids
from bsx.render.grid import Column, Grid, drop, shorten
from bsx.render.markdown import table
from tests.render import sample


def column(key: str, header: str, full: str, brief: str | None = None) -> Column:
    """Make a column of one cell."""
    return Column(key, header, (full,), None, None if brief is None else (brief,))


def test_what_is_left_out_for_want_of_width_is_named_and_what_is_there_is_not() -> None:
    columns = (column("size", "size", "8"), column("rate", "learning\nrate", "0.1"),
               column("share", "effi-\nciency, %", "50"))  # fmt: skip
    grid = Grid("title", columns, drop("rate", "share"), ("note",))
    assert "| size | learning rate | efficiency, % |" in table(grid)  # broken on a terminal alone
    assert grid.fitted(80).notes == ("note",)
    assert grid.fitted(15).notes == ("note", "left out for want of width: learning rate")
    none = grid.fitted(4)
    assert none.notes[-1] == "left out for want of width: learning rate, efficiency %"


def test_columns_of_one_name_that_are_all_left_out_are_named_once_and_else_by_their_group() -> None:
    twice = [dataclasses.replace(column(key, "rate", "0.1"), of=f"after {key}")
             for key in ("epochs", "steps")]  # fmt: skip
    grid = Grid("title", (column("size", "size", "8"), *twice), drop("epochs", "steps"))
    assert grid.fitted(10).notes == ("left out for want of width: rate after epochs",)
    assert grid.fitted(4).notes == ("left out for want of width: rate",)


def test_a_small_concession_is_taken_back_where_a_larger_one_made_room() -> None:
    columns = (column("size", "size", "8"), column("rate", "rate", "0.1"),
               column("loss", "loss", "0.5 (0.4–0.6)", "0.5"),
               column("wide", "w" * 30, "1"))  # fmt: skip
    grid = Grid("title", columns, shorten("loss") + drop("rate", "wide"))
    kept = grid.fitted(30)
    assert [c.key for c in kept.columns] == ["size", "rate", "loss"]
    assert kept.columns[-1].cells == ("0.5 (0.4–0.6)",)


def test_of_the_ends_validation_keeps_its_interval_longest() -> None:
    grid = grids.quality(sample.sweep(), sample.analysis())
    for width in range(30, 140):
        fitted = {c.key: c for c in grid.fitted(width).columns}
        whole = {c.key: c for c in grid.columns}
        if fitted["validation"].cells != whole["validation"].cells:
            assert not {"test", "gap"} & {
                key for key, c in fitted.items() if c.cells == whole[key].cells
            }


def test_a_rate_that_is_not_the_recommended_one_is_told_before_when_the_best_epoch_was() -> None:
    analysis = sample.analysis()
    taken = analysis.recommendation
    assert taken is not None

    def keys(rate: float, width: int) -> set[str]:
        changed = dataclasses.replace(taken, learning_rate=rate)
        told = grids.quality(sample.sweep(), dataclasses.replace(analysis, recommendation=changed))
        return {c.key for c in told.fitted(width).columns}

    row = next(r for r in analysis.batch_sizes if r.batch_size == taken.batch_size)
    assert row.final is not None and row.final.learning_rate is not None
    own = row.final.learning_rate
    without = [w for w in range(30, 140) if "rate" not in keys(own, w)]
    assert without and all("rate" in keys(own / 2, w) for w in without if w >= 60)
