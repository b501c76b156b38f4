"""scikit-learn's small real data sets: they are embedded in the package, nothing is fetched."""

from __future__ import annotations

import numpy as np
import torch
from sklearn import datasets

from bsx.data.dataset import Dataset


def digits() -> Dataset:
    """Handwritten digits: 1,797 images of 1×8×8, 10 classes."""
    inputs, targets = datasets.load_digits(return_X_y=True)
    return _dataset(inputs.reshape(-1, 1, 8, 8), targets)


def breast_cancer() -> Dataset:
    """Breast cancer, Wisconsin: 569 samples of 30 features, 2 classes."""
    return _dataset(*datasets.load_breast_cancer(return_X_y=True))


def wine() -> Dataset:
    """Wine cultivars: 178 samples of 13 features, 3 classes."""
    return _dataset(*datasets.load_wine(return_X_y=True))


def iris() -> Dataset:
    """Iris flowers: 150 samples of 4 features, 3 classes."""
    return _dataset(*datasets.load_iris(return_X_y=True))


def diabetes() -> Dataset:
    """Diabetes progression: 442 patients of 10 features, a regression."""
    inputs, targets = datasets.load_diabetes(return_X_y=True)
    return Dataset(
        torch.from_numpy(np.asarray(inputs, dtype=np.float32)),
        torch.from_numpy(np.asarray(targets, dtype=np.float32)),
        task="regression",
        standardize_targets=True,
    )


def _dataset(inputs: np.ndarray, targets: np.ndarray) -> Dataset:
    return Dataset(
        torch.from_numpy(np.asarray(inputs, dtype=np.float32)),
        torch.from_numpy(np.asarray(targets, dtype=np.int64)),
    )
