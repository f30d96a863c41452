"""What can be said about a network without training it."""

from .summary import Row, Summary, summary

__all__ = ["Row", "Summary", "summary"]
