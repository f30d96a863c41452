"""How an image becomes the input that published weights expect."""

import numpy as np
import pytest

from minitorch_cnn.training.input_transform import Preprocessing


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_are_resized_as_the_weights_were_trained(interpolation):
    pillow = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    rules = Preprocessing(20, 16, (0.5,) * 3, (0.25,) * 3, interpolation)
    found = rules.transform()(pixels.transpose(2, 0, 1) / np.float32(255))
    resized = pillow.fromarray(pixels).resize(
        (26, 20), {"bilinear": 2, "bicubic": 3}[interpolation]
    )
    want = (np.asarray(resized)[2:18, 5:21].transpose(2, 0, 1) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(found, want, atol=4 * 1.1 / 255)
