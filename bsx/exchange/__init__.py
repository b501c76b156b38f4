"""Curves and numbers that were measured elsewhere: read, checked, and made what a sweep is made of.

A file is one of two kinds, told apart by their columns: curves (batch size, step, metric), which
are analysed as a sweep is, or pairs (batch size, steps to a target), to which the trade-off is
fitted. What cannot be meant is refused with its line before anything is computed.
"""

from bsx.exchange.curves import Curves, curves_of
from bsx.exchange.layout import Layout, layout_of
from bsx.exchange.pairs import pairs_of
from bsx.exchange.reading import Table, read_table
from bsx.exchange.sweep import Imported, as_sweep

__all__ = [
    "Curves",
    "Imported",
    "Layout",
    "Table",
    "as_sweep",
    "curves_of",
    "layout_of",
    "pairs_of",
    "read_table",
]
