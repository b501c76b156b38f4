"""What was measured beside the curves, as the document has it."""

from __future__ import annotations

from typing import Any

from bsx.schema import Analysis, BatchSizeSummary, Gradients, NoiseCurve, plain


def of_row(row: BatchSizeSummary) -> dict[str, Any]:
    """Return the keys of one batch size."""
    return {
        "noise_scale": plain(row.noise_scale),
        "noise_curve": _noise_curve(row.noise_curve),
        "sharpness": plain(row.sharpness),
        "hessian_eigenvalue": plain(row.hessian_eigenvalue),
        "against_small": plain(row.against_small),
        "at_equal_epochs": plain(row.at_equal_epochs),
        "at_equal_steps": plain(row.at_equal_steps),
    }


def of_sweep(analysis: Analysis) -> dict[str, Any]:
    """Return the keys of the whole sweep."""
    return {
        "gradients": _gradients(analysis.gradients),
        "small_batch_size": analysis.small_batch_size,
        "equal_epochs": analysis.equal_epochs,
        "equal_steps": analysis.equal_steps,
    }


def _noise_curve(curve: NoiseCurve | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    return {
        "learning_rate": curve.learning_rate,
        "seed": curve.seed,
        "at": curve.at,
        "growth": plain(curve.growth),
        "points": plain(curve.points),
    }


def _gradients(gradients: Gradients | None) -> dict[str, Any] | None:
    if gradients is None:
        return None
    return {
        "batch_size": gradients.batch_size,
        "learning_rate": gradients.learning_rate,
        "seed": gradients.seed,
        "cosine": gradients.cosine,
        "points": [
            {
                "place": point.place,
                "step": point.step,
                "epoch": point.epoch,
                "full_norm": point.full_norm,
                "variance_exponent": plain(point.variance_exponent),
                "settles_at": plain(point.settles_at),
                "batch_sizes": plain(point.directions),
            }
            for point in gradients.points
        ],
    }
