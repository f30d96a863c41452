"""Notebook 10: boxes and rules with common bugs."""

import numpy as np


def transposed_box(heat, threshold):
    """A box with rows and columns exchanged."""
    rows, columns = np.nonzero(heat >= threshold * heat.max())
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


def short_box(heat, threshold):
    """A box that ends at the last bright pixel instead of after it."""
    rows, columns = np.nonzero(heat >= threshold * heat.max())
    return columns.min(), rows.min(), columns.max(), rows.max()


def careless_overlap(a, b):
    """Intersection over union that ignores disjoint boxes."""
    shared = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)


def deconvolution_as_guided(gy, y, rule):
    """Two correct rules, and deconvolution's as the third."""
    return gy * (y > 0) if rule == "plain" else np.maximum(gy, 0)
