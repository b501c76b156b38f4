"""What a sweep measured, for other programs: files of curves and rows, written whole or not at all.

Every evaluation of every run is a row, with the columns that ``bsx import`` knows; what a batch
size comes to is a row made elsewhere. Here is only what writes them.
"""

from bsx.exchange.exports.curves import curve_columns, curve_rows
from bsx.exchange.exports.files import TABLES, write_rows
from bsx.exchange.exports.writing import check_free, check_place, made_folder, written

__all__ = ["TABLES", "check_free", "check_place", "curve_columns", "curve_rows", "made_folder",
           "write_rows", "written"]  # fmt: skip
