"""An ONNX file tells how its images are prepared."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms
from minitorch_cnn.training.drawings import Style
from minitorch_cnn.training.file_notes import NOTE, note_in, noted
from minitorch_cnn.training.input_transform import Preprocessing
from minitorch_cnn.training.trained import Trained


def trained(transform, style=None):
    return Trained("net", mt.nn.Identity(), ["a", "b"], 3, transform, False, style)


@pytest.mark.parametrize(
    "transform",
    [
        Preprocessing(10, 8, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2), "bicubic", "BGR").transform(),
        transforms.Compose(
            [
                *(transforms.Resize(6), transforms.CenterCrop(6), transforms.Pad((1, 1, 1, 1))),
                transforms.Normalize((0.5,), (0.25,)),
            ]
        ),
    ],
)
def test_a_note_makes_the_same_images(transform):
    style = Style(0.0, 0.25, 0.75, 0.125, 0.5, 28)
    note = note_in(noted(trained(transform, style)))
    image = np.random.default_rng(0).random((3, 12, 15)).astype(np.float32)
    assert note.classes == ["a", "b"] and note.style == style and note.transform is not None
    np.testing.assert_array_equal(note.transform(image), transform(image))


def test_other_steps_are_not_noted():
    note = note_in(noted(trained(transforms.Compose([transforms.Resize(6), abs]))))
    assert note.transform is None and note.classes == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["", "{}", '{"classes": null, "images": [["open", "x"]], "style": null}', "[" * 99999]
)
def test_a_damaged_note_is_refused(text):
    with pytest.raises(ValueError, match="damaged"):
        note_in({NOTE: text})
