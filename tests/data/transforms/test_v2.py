"""The names of torchvision's second version."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms
from minitorch_cnn.data.transforms import v2

BYTES = np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8)


def test_the_transforms_are_the_same_and_a_chain_begins_with_an_image():
    assert all(getattr(v2, name) is getattr(transforms, name) for name in transforms.__all__)
    chain = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop(size=(5, 4), antialias=True),
            v2.ToDtype(mt.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
            v2.ToPureTensor(),
        ]
    )
    pillow = pytest.importorskip("PIL.Image")
    for image in (BYTES, pillow.fromarray(BYTES), mt.tensor(BYTES.transpose(2, 0, 1))):
        out = chain(image)
        assert out.shape == (3, 5, 4) and out.dtype == mt.float32 and out.min() >= -1
        np.testing.assert_array_equal(v2.ToImage()(image), BYTES.transpose(2, 0, 1))
    assert v2.ToDtype(mt.float32)(v2.ToImage()(BYTES)).max() > 1
    floats = BYTES.transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(v2.ToImage()(floats), floats)
    with pytest.raises(TypeError, match=r"^ToImage: image must be"):
        v2.ToImage()("a.png")


def test_a_second_image_is_refused():
    with pytest.raises(TypeError, match=r"^RandomCrop: rng=.* must be a numpy.random.Generator"):
        v2.RandomCrop(2)(mt.zeros(3, 4, 4), mt.zeros(1, 4, 4))


@pytest.mark.parametrize("kind", [v2.MixUp, v2.CutMix])
def test_batches_are_mixed_with_their_labels(kind):
    images = mt.arange(4.0).reshape(4, 1, 1, 1).expand(4, 2, 12, 10).clone()
    labels = mt.tensor([0, 1, 2, 0])
    mt.manual_seed(0)
    shares = set()
    for _ in range(20):
        mixed, chances = kind(num_classes=3)(images, labels)
        assert mixed.shape == images.shape and chances.shape == (4, 3)
        np.testing.assert_allclose(chances.sum(1), 1, atol=1e-6)
        share = chances[1, 1].item()  # of image 1, the rest is image 0's
        np.testing.assert_allclose(chances[1, 0], 1 - share, atol=1e-6)
        np.testing.assert_allclose(mixed[1].mean(), share, atol=1e-5)
        if kind is v2.CutMix:
            assert set(mixed[1].unique().tolist()) <= {0.0, 1.0}
        shares.add(round(share, 6))
    assert len(shares) > 10
    one_hot = mt.eye(3)[labels]
    mt.manual_seed(3)
    first = kind(num_classes=3)(images, labels)
    mt.manual_seed(3)
    for ours, other in zip(first, kind()(images, one_hot), strict=True):
        np.testing.assert_array_equal(ours, other)
    for call, message in [
        (lambda: kind(0), "alpha=0"),
        (lambda: kind()(images, labels), "num_classes must be given"),
        (lambda: kind()(images, labels[:2]), "images of shape"),
    ]:
        with pytest.raises(ValueError, match=f"^{kind.__name__}: {message}"):
            call()
