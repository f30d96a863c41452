"""What can be said about a network without training it."""

from .receptive_field import ReceptiveField, receptive_field, receptive_field_by_gradient
from .summary import Row, Summary, summary

__all__ = [
    "ReceptiveField",
    "Row",
    "Summary",
    "receptive_field",
    "receptive_field_by_gradient",
    "summary",
]
