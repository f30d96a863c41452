"""Notebook 10: boxes and rules with common bugs."""

from ...analysis.class_activation import bright_box
from ..seeing import by_saliency, iou


def transposed_box(heat, threshold):
    """A box with rows and columns exchanged."""
    return bright_box(heat.T, threshold)


def short_box(heat, threshold):
    """A box that ends at the last bright pixel instead of after it."""
    return bright_box(heat, threshold) - [0, 0, 1, 1]


def careless_overlap(a, b):
    """Intersection over union that ignores disjoint boxes."""
    return iou(a, b) or -1.0


def deconvolution_as_guided(gy, y, rule):
    """Two correct rules, and deconvolution's as the third."""
    return by_saliency(gy, y, "plain" if rule == "plain" else "deconvolution")
