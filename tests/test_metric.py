"""How much of a metric a tolerance is."""

from __future__ import annotations

import pytest

from bsx.schema import Metric


@pytest.mark.parametrize(
    ("metric", "best", "margin"),
    [
        (Metric("accuracy", higher_is_better=True, bounded=True), 0.97, 0.005),
        (Metric("accuracy", higher_is_better=True, percent=True), 97.0, 0.5),
        (Metric("accuracy", higher_is_better=True, percent=True), 0.97, 0.005),  # a fraction, then
        (Metric("reward", higher_is_better=True), 200.0, 10.0),
        (Metric("loss", higher_is_better=False), 0.4, 0.02),
    ],
)
def test_a_tolerance_is_in_points_of_a_share_and_else_in_per_cent_of_the_best(
    metric: Metric, best: float, margin: float
) -> None:
    assert metric.margin(0.005, best) == pytest.approx(margin)


def test_what_was_stored_before_there_were_percentages_keeps_its_identity() -> None:
    from bsx.schema import canonical_json

    stored = '{"bounded":false,"higher_is_better":true,"name":"reward"}'
    assert canonical_json(Metric("reward", higher_is_better=True)) == stored
