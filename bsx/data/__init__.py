"""Data: one reader a file, all of which give the same :class:`Dataset`."""

from bsx.data.dataset import Dataset, Samples, Splits
from bsx.data.prepare import open_dataset

__all__ = ["Dataset", "Samples", "Splits", "open_dataset"]
