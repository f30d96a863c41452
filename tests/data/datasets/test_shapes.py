"""Synthetic shapes with known boxes and masks."""

import numpy as np
import pytest

from minitorch_cnn.data.datasets import Shapes
from minitorch_cnn.data.datasets.shapes import SHAPES


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("objects", [1, 3, 4])
def test_images_masks_and_boxes_have_the_stated_shapes(channels, objects):
    shapes = Shapes(5, size=40, channels=channels, objects=objects)
    assert len(shapes) == 5
    assert shapes.images.shape == (5, channels, 40, 40) and shapes.images.dtype == np.uint8
    assert shapes.masks.shape == (5, 40, 40) and shapes.masks.dtype == np.uint8
    assert shapes.boxes.shape == (5, objects, 4) and shapes.object_labels.shape == (5, objects)
    np.testing.assert_array_equal(shapes.labels, shapes.object_labels[:, 0])
    image, label = shapes[3]
    assert image.shape == (channels, 40, 40) and image.dtype == np.float32
    assert shapes.classes[label] in SHAPES


def test_a_sample_has_its_mask_where_that_is_the_target():
    shapes = Shapes(4, size=24, objects=2, target="mask", transform=lambda image, rng: -image)
    image, mask = shapes[2]
    assert mask.dtype == np.int64 and np.array_equal(mask, shapes.masks[2])
    assert image.max() <= 0 and shapes.classes == ["ground", *SHAPES]
    assert {shapes.classes[i] for i in np.unique(mask)[1:]} == {
        list(SHAPES)[i] for i in shapes.object_labels[2]
    }


def test_a_sample_is_the_same_whatever_the_number():
    few, many = Shapes(3, size=48, objects=2, seed=5), Shapes(900, size=48, objects=2, seed=5)
    for name in ("images", "labels", "masks", "boxes", "object_labels"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:3])


def test_another_seed_gives_other_images():
    assert np.any(Shapes(4, seed=0).images != Shapes(4, seed=1).images)
    assert np.any(Shapes(4).images[0] != Shapes(4).images[1])


@pytest.mark.parametrize(("size", "objects"), [(8, 1), (32, 1), (64, 5), (33, 9)])
def test_a_box_encloses_its_object_exactly(size, objects):
    shapes = Shapes(150, size=size, objects=objects, seed=2)
    for mask, boxes, labels in zip(shapes.masks, shapes.boxes, shapes.object_labels, strict=True):
        rest = mask.copy()
        for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
            part = mask[top:bottom, left:right]
            inside = part == 1 + label
            for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
                assert edge.any()
            rest[top:bottom, left:right][inside] = 0
        assert not rest.any()


def test_boxes_of_one_image_never_overlap():
    shapes = Shapes(100, size=60, objects=4)
    for boxes in shapes.boxes:
        cover = np.zeros((60, 60), dtype=int)
        for left, top, right, bottom in boxes:
            cover[top:bottom, left:right] += 1
        assert cover.max() == 1


def test_shapes_are_brighter_than_their_ground():
    shapes = Shapes(100)
    values, inside = shapes.images.mean(axis=1), shapes.masks > 0
    for image, mask in zip(values, inside, strict=True):
        assert image[mask].mean() > image[~mask].mean() + 20


def test_edges_are_smooth():
    shapes = Shapes(200, size=64, channels=1)
    for image, mask in zip(shapes.images[:, 0] / 255, shapes.masks > 0, strict=True):
        ground, bright = image[~mask].min(), image[mask].max()
        between = (image > ground + 0.4 * (bright - ground)) & (
            image < ground + 0.6 * (bright - ground)
        )
        assert between.any()


@pytest.mark.parametrize("name", list(SHAPES))
def test_every_class_fills_its_own_area_of_the_plane(name):
    """The area of the mask of radius r is that of the figure, by its formula."""
    r = 20.0
    formulas = {
        "circle": np.pi * r**2,
        "square": 2 * r**2,
        "triangle": 3 * np.sqrt(3) / 4 * r**2,
        "cross": (4 * 0.95 * 0.3 * 2 - 4 * 0.3**2) * r**2,
        "star": 5 * 0.45 * np.sin(np.pi / 5) * r**2,
        "ring": np.pi * (1 - 0.25) * r**2,
    }
    v, u = np.mgrid[-24:24:0.25, -24:24:0.25] + 0.125
    inside = SHAPES[name](u, v, r) < 0
    assert inside.sum() / 16 == pytest.approx(formulas[name], rel=0.02)
    assert np.hypot(u, v)[inside].max() < r + 0.3


def test_all_classes_occur_about_equally_often():
    counts = np.bincount(Shapes(1200, size=8).labels)
    assert len(counts) == len(SHAPES) and counts.min() > 150


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_samples": 0}, "num_samples=0"),
        ({"objects": 0}, "objects=0"),
        ({"channels": 2}, "channels=2"),
        ({"size": 7}, "size=7"),
        ({"target": "box"}, "target='box' must be 'label' or 'mask'"),
        ({"size": 15, "objects": 2}, "size=15 must give each of 2 objects"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"^Shapes: {message}"):
        Shapes(**{"num_samples": 2, **settings})
