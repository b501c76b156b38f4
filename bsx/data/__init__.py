"""Data: one reader a file, all of which give the same :class:`Dataset`."""

from bsx.data.dataset import Dataset, Samples, Splits
from bsx.data.prepare import open_dataset
from bsx.data.sampling import WAYS, check_augmentation, check_order

__all__ = [
    "WAYS",
    "Dataset",
    "Samples",
    "Splits",
    "check_augmentation",
    "check_order",
    "open_dataset",
]
