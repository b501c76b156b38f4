"""Data: one reader a file, all of which give the same :class:`Dataset`."""

from bsx.data.dataset import Dataset, Part, Samples, Splits
from bsx.data.prepare import open_dataset
from bsx.data.room import memory_limit
from bsx.data.sampling import WAYS, check_augmentation, check_order
from bsx.data.stream import Stream

__all__ = [
    "WAYS",
    "Dataset",
    "Part",
    "Samples",
    "Splits",
    "Stream",
    "check_augmentation",
    "check_order",
    "memory_limit",
    "open_dataset",
]
