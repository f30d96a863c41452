"""Every step of a convolution, against the lecture's example and the library's own."""

import itertools

import numpy as np
import pytest

from minitorch_cnn.analysis import convolution_steps
from minitorch_cnn.nn import functional as F
from minitorch_cnn.tensor import Tensor

from .nets import drawn

LECTURE = np.array(
    [
        [3, 0, 1, 2, 4, 7],
        [1, 5, 8, 9, 3, 1],
        [2, 7, 2, 5, 1, 3],
        [0, 1, 3, 1, 7, 8],
        [4, 2, 1, 6, 2, 8],
        [2, 4, 5, 2, 3, 9],
    ]
)
EDGES = np.array([[1, 0, -1]] * 3)


def test_the_lectures_example_begins_with_its_numbers():
    found = convolution_steps(LECTURE, EDGES)
    assert found.output.shape == (4, 4) and found.output[0, :2].tolist() == [-5, -4]


def test_a_column_is_a_window_and_the_row_times_the_matrix_the_output():
    found = convolution_steps(LECTURE, EDGES)
    assert found.columns.shape == (9, 16)
    assert found.columns[:, 6].tolist() == LECTURE[1:4, 2:5].ravel().tolist()
    assert found.corners[6].tolist() == [1, 2]
    assert np.array_equal(EDGES.ravel() @ found.columns, found.output.ravel())


@pytest.mark.parametrize(
    "stride, padding, dilation", [(1, 0, 1), (2, 1, 1), ((2, 1), 2, 2), (3, (0, 1), (2, 1))]
)
def test_the_output_is_that_of_the_library(stride, padding, dilation):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 9, 8)), rng.normal(size=(2, 3, 2))
    found = convolution_steps(x, kernel, stride, padding, dilation)
    expected = F.conv2d(Tensor(x[None]), Tensor(kernel[None]), None, stride, padding, dilation)
    assert np.allclose(found.output, expected.array[0, 0])


def test_a_frame_shows_what_is_known_after_its_step():
    found = convolution_steps(LECTURE, EDGES)
    figure = drawn(found, step=5)
    shown = figure.axes[3].images[0].get_array()
    assert np.isfinite(np.ma.filled(shown, np.nan)).sum() == 6
    assert "Window 6 of 16" in figure.get_suptitle()
    (frame,) = figure.axes[0].patches
    assert (frame.get_x(), frame.get_y(), frame.get_width()) == (0.5, 0.5, 3)


@pytest.mark.parametrize("scale", [1, 1e-2, 30.0, 1e-9, 4e6])
def test_the_numbers_of_neighbouring_cells_do_not_meet(scale):
    rng = np.random.default_rng(0)
    figure = drawn(convolution_steps(rng.normal(size=(9, 9)), scale * rng.normal(size=(5, 5))))
    written = 0
    for ax in figure.axes:
        boxes = {t.get_position(): t.get_window_extent() for t in ax.texts}
        written += len(boxes)
        for (x, y), box in boxes.items():
            beside = boxes.get((x + 1, y))
            assert beside is None or box.x1 < beside.x0
    assert written == 81 + 25 + 25
    titles = [ax.title.get_window_extent() for ax in figure.axes]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(titles))


def test_the_colours_of_the_output_are_the_same_in_every_frame():
    found = convolution_steps(LECTURE, EDGES)
    scales = {drawn(found, step=k).axes[3].images[0].get_clim() for k in (0, 7, 15)}
    assert scales == {(found.output.min(), found.output.max())}


def test_a_dilated_window_is_framed_pixel_by_pixel():
    figure = drawn(convolution_steps(LECTURE, EDGES, dilation=2), step=3)
    corners = {(frame.get_x() + 0.5, frame.get_y() + 0.5) for frame in figure.axes[0].patches}
    assert corners == {(1 + 2 * j, 1 + 2 * i) for i in range(3) for j in range(3)}


def test_the_animation_has_a_frame_for_each_window(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    convolution_steps(LECTURE, EDGES, stride=3).save_gif(tmp_path / "film.gif", seconds=0.2)
    with image_module.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 4 and film.info["duration"] == 200


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"convolution_steps: x of shape \(1, 6, 6\) and kernel"):
        convolution_steps(LECTURE, np.ones((2, 3, 3)))
    with pytest.raises(IndexError, match="plot: step=16 must be below the 16 windows"):
        convolution_steps(LECTURE, EDGES).plot(16)
