"""Statistics of tables and arrays: each function gives a mechanism whose sensitivity follows from public facts.

Values are moved into public bounds and rounded onto a public grid row by row, before anything is added up, so sums are
sums of integers: exact, in any order, with an integer sensitivity. Rows of a unit beyond its ``max_rows`` are left out.
"""

from privet.statistics.count import count
from privet.statistics.grid import Grid
from privet.statistics.histogram import histogram
from privet.statistics.mean import mean
from privet.statistics.sum import sum

__all__ = ["Grid", "count", "histogram", "mean", "sum"]
