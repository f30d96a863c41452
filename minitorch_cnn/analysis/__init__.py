"""What can be said about a network without training it."""

from .compare import compare, summary_of
from .receptive_field import ReceptiveField, receptive_field, receptive_field_by_gradient
from .summary import Row, Summary, summary
from .tables import format_totals

__all__ = [
    "ReceptiveField",
    "Row",
    "Summary",
    "compare",
    "format_totals",
    "receptive_field",
    "receptive_field_by_gradient",
    "summary",
    "summary_of",
]
