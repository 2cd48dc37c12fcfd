"""The clinicians' table: sizes as people give them, in a spreadsheet."""

from medsize.supervision.size_table.combine import Estimate, combine
from medsize.supervision.size_table.entry import UNITS, SizeEntry, Unit
from medsize.supervision.size_table.extent import Extent, from_fraction, to_fraction
from medsize.supervision.size_table.names import known_name
from medsize.supervision.size_table.read import SizeTable, parse_size_table, read_size_table
from medsize.supervision.size_table.write import write_size_table

__all__ = [
    "UNITS",
    "Estimate",
    "Extent",
    "SizeEntry",
    "SizeTable",
    "Unit",
    "combine",
    "from_fraction",
    "known_name",
    "parse_size_table",
    "read_size_table",
    "to_fraction",
    "write_size_table",
]
