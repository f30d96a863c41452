"""Synthetic images of geometric shapes with exact classes, boxes and masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..randomness import stream
from .images import ImageDataset

CHUNK = 1 << 20  # pixels rendered at once, so that temporaries stay small


class Shapes(ImageDataset):
    """Bright shapes on a dark background: images (N, channels, size, size) uint8, labels (N,).

    num_samples: N; size: of an image, at least 8; channels: 3 for colours, 1 for grey; objects:
    shapes per image; seed: it determines sample i, independently of num_samples; target: the second
    part of a sample, the "label", an int, or the "mask" (size, size) int64, for which `classes` are
    "ground" and the shapes.

    A shape has a random class, position, size, angle and colour, and the background a random
    colour. Edges are smoothed over one pixel, and weak noise is added. The image is divided into
    ceil(sqrt(objects))^2 cells with at most one object each, so shapes never overlap.

    labels (N,): the class of object 0; object_labels (N, objects): of each object; boxes (N,
    objects, 4) int64: left, top, right, bottom in pixels, right and bottom exclusive, so that
    `mask[top:bottom, left:right]` is the tight bounding box; masks (N, size, size) uint8: 0 for the
    background, 1 + class for a shape.

    Raises: ValueError for a setting out of range, or cells of fewer than 8 pixels.
    """

    def __init__(
        self,
        num_samples: int,
        size: int = 32,
        channels: int = 3,
        objects: int = 1,
        seed: int = 0,
        transform: Callable[..., Any] | None = None,
        target: str = "label",
    ):
        for name, value in (("num_samples", num_samples), ("objects", objects)):
            if value < 1:
                raise ValueError(f"Shapes: {name}={value} must be at least 1")
        if channels not in (1, 3):
            raise ValueError(f"Shapes: channels={channels} must be 1 or 3")
        if size // _cells_a_side(objects) < 8:
            raise ValueError(
                f"Shapes: size={size} must give each of {objects} objects at least 8 x 8 pixels"
            )
        if target not in ("label", "mask"):
            raise ValueError(f"Shapes: target={target!r} must be 'label' or 'mask'")
        scenes = _Scenes(num_samples, size, channels, objects, seed)
        self.object_labels = scenes.classes
        images = np.empty((num_samples, channels, size, size), dtype=np.uint8)
        self.masks = np.zeros((num_samples, size, size), dtype=np.uint8)
        self.boxes = np.empty((num_samples, objects, 4), dtype=np.int64)
        noise = stream(seed, 1)
        step = max(CHUNK // (size * size), 1)
        for first in range(0, num_samples, step):
            part = slice(first, min(first + step, num_samples))
            images[part] = scenes.render(part, self.masks[part], self.boxes[part], noise)
        self.target = target
        classes = list(SHAPES) if target == "label" else ["ground", *SHAPES]
        super().__init__(images, scenes.classes[:, 0], classes, transform)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int | np.ndarray]:
        image, label = super().__getitem__(index)
        return image, label if self.target == "label" else self.masks[index].astype(np.int64)


def _cells_a_side(objects: int) -> int:
    return math.isqrt(objects - 1) + 1


class _Scenes:
    """The random numbers of the images, and their rendering.

    Each sample takes the same count of numbers from a stream, in order, so sample i does not depend
    on the number of samples.
    """

    def __init__(self, num_samples: int, size: int, channels: int, objects: int, seed: int):
        self.size = size
        cells = _cells_a_side(objects)
        uniform = stream(seed, 0).random(
            (num_samples, cells**2 + channels + objects * (5 + channels))
        )
        order, ground, rest = np.split(uniform, [cells**2, cells**2 + channels], axis=1)
        rest = rest.reshape(num_samples, objects, 5 + channels)
        kind, radius, angle, x, y = np.moveaxis(rest[:, :, :5], 2, 0)
        cell = np.argsort(order, axis=1)[:, :objects]  # a random choice of distinct cells
        side = size / cells
        self.classes = (kind * len(SHAPES)).astype(np.int64)
        self.radius = side * (0.22 + 0.22 * radius)
        self.angle = 2 * np.pi * angle
        free = side / 2 - self.radius
        self.x = (cell % cells + 0.5) * side + (2 * x - 1) * free
        self.y = (cell // cells + 0.5) * side + (2 * y - 1) * free
        self.ground = 0.35 * ground[:, :, None, None]  # (N, C, 1, 1)
        self.colour = 0.55 + 0.45 * rest[:, :, 5:, None, None]  # (N, objects, C, 1, 1)

    def render(self, part: slice, masks: np.ndarray, boxes: np.ndarray, noise: Any) -> np.ndarray:
        """Render the images of `part` as uint8, and fill its `masks` and `boxes`."""
        count, channels = self.ground[part].shape[:2]
        images = np.broadcast_to(self.ground[part], (count, channels, self.size, self.size))
        for k in range(self.classes.shape[1]):
            distance = self._distance(part, k)
            cover = np.clip(0.5 - distance, 0, 1)[:, None]
            images = images + cover * (self.colour[part, k] - images)
            inside = distance < 0
            label = (1 + self.classes[part, k, None, None]).astype(np.uint8)
            np.copyto(masks, label, where=inside)
            boxes[:, k] = _boxes(inside)
        grain = noise.normal(0, 0.02, images.shape)
        return np.rint(255 * np.clip(images + grain, 0, 1)).astype(np.uint8)

    def _distance(self, part: slice, k: int) -> np.ndarray:
        """(n, size, size): distance of each pixel's centre to the edge of object k, < 0 inside."""
        pixel = np.arange(self.size) + 0.5
        at = (slice(None), None, None)
        dx = pixel[None, None, :] - self.x[part, k][at]
        dy = pixel[None, :, None] - self.y[part, k][at]
        cos, sin = np.cos(self.angle[part, k])[at], np.sin(self.angle[part, k])[at]
        u, v = cos * dx + sin * dy, cos * dy - sin * dx
        distance = np.empty(u.shape)
        for label, shape in enumerate(SHAPES.values()):
            chosen = self.classes[part, k] == label
            distance[chosen] = shape(u[chosen], v[chosen], self.radius[part, k][chosen][at])
        return distance


def _boxes(inside: np.ndarray) -> np.ndarray:
    """inside (n, H, W) bool -> (n, 4): left, top, right, bottom; right and bottom exclusive."""
    columns, rows = np.any(inside, axis=1), np.any(inside, axis=2)
    left, top = columns.argmax(axis=1), rows.argmax(axis=1)
    right = columns.shape[1] - columns[:, ::-1].argmax(axis=1)
    bottom = rows.shape[1] - rows[:, ::-1].argmax(axis=1)
    return np.stack([left, top, right, bottom], axis=1)


# Distances to the edges of shapes within a circle of radius r around the origin. They are exact
# near an edge, which is enough for smoothing, and bounds elsewhere and around corners.


def _circle(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.hypot(u, v) - r


def _square(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) - r / math.sqrt(2)


def _triangle(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    slanted = (math.sqrt(3) * np.abs(u) + v) / 2
    return np.maximum(slanted, -v) - r / 2


def _cross(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    long, short = 0.95 * r, 0.3 * r
    across = np.maximum(np.abs(u) - long, np.abs(v) - short)
    return np.minimum(across, np.maximum(np.abs(u) - short, np.abs(v) - long))


def _star(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    """A star of five points: fold the plane onto half a point, whose edge is a straight line."""
    tenth = np.pi / 5
    angle = np.abs((np.arctan2(u, v) + tenth) % (2 * tenth) - tenth)
    radius = np.hypot(u, v)
    # The edge runs from the tip (r, 0) to the notch at the angle `tenth`.
    notch = 0.45 * r
    edge_x, edge_y = notch * math.cos(tenth) - r, notch * math.sin(tenth)
    away = edge_x * radius * np.sin(angle) - edge_y * (radius * np.cos(angle) - r)
    return -away / np.hypot(edge_x, edge_y)


def _ring(u: np.ndarray, v: np.ndarray, r: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(u, v) - 0.75 * r) - 0.25 * r


SHAPES = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "ring": _ring,
}
