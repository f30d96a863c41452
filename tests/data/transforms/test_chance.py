"""Users' functions in chains, random choices of transforms, Pillow images and Tensors."""

from functools import partial

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms as T
from minitorch_cnn.data.datasets import ImageDataset


def picture(shape=(3, 8, 10), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


class Half:
    def __call__(self, image):
        return image / 2


class Noise:
    def __init__(self, std=0.1):
        self.std = std

    def __call__(self, image, generator):
        return image + self.std * generator.normal(size=image.shape).astype(np.float32)


def halved(image, by=2):
    return image / by


ALONE = [Half(), halved, lambda x: x / 2, partial(halved, by=2), T.Lambda(halved), mt.nn.Identity()]


@pytest.mark.parametrize("transform", ALONE[:-1])
def test_a_transform_that_takes_an_image_alone_is_called_so(transform):
    image = picture()
    np.testing.assert_array_equal(T.Compose([transform])(image), image / 2)
    data = ImageDataset(image[None], np.array([0]), ["a"], transform)
    np.testing.assert_array_equal(data[0][0], image / 2)


def test_a_module_is_called_with_the_image_alone():
    x = mt.tensor(picture())
    assert T.Compose([mt.nn.Identity()])(x) is x


def test_what_takes_a_generator_gets_the_one_of_the_chain():
    image = picture()
    want = Noise()(image, np.random.default_rng(3))
    for transform in (Noise(), Noise().__call__, lambda x, rng=None: Noise()(x, rng)):
        got = T.Compose([transform])(image, np.random.default_rng(3))
        np.testing.assert_array_equal(got, want)


def test_all_or_none_are_applied():
    both = T.RandomApply([halved, T.Pad(1)], p=0.3)
    rng = np.random.default_rng(0)
    shapes = [both(picture(), rng).shape for _ in range(400)]
    assert set(shapes) == {(3, 8, 10), (3, 10, 12)}
    assert shapes.count((3, 10, 12)) == pytest.approx(120, abs=40)
    with pytest.raises(ValueError, match=r"^RandomApply: p=2 must be"):
        T.RandomApply([], p=2)


def test_one_is_chosen_by_its_weight():
    one = T.RandomChoice([T.Pad(1), T.Pad(2)], p=[1, 3])
    rng = np.random.default_rng(0)
    shapes = [one(picture(), rng).shape for _ in range(400)]
    assert shapes.count((3, 10, 12)) == pytest.approx(100, abs=40)
    assert shapes.count((3, 12, 14)) == 400 - shapes.count((3, 10, 12))
    for p in ([1], [-1, 2], [0, 0]):
        with pytest.raises(ValueError, match=r"^RandomChoice: p=.* must be"):
            T.RandomChoice([T.Pad(1), T.Pad(2)], p=p)
    with pytest.raises(ValueError, match=r"^RandomChoice: transforms must"):
        T.RandomChoice([])


def test_all_are_applied_in_any_order():
    order = T.RandomOrder([lambda x: x + 1, lambda x: x * 2])
    rng = np.random.default_rng(0)
    assert {float(order(1.0, rng)) for _ in range(50)} == {3.0, 4.0}


@pytest.mark.parametrize("transform", [T.Lambda, T.RandomApply, T.RandomOrder])
def test_manual_seed_decides_without_a_generator(transform):
    chain = transform(Noise()) if transform is T.Lambda else transform([Noise(), Noise(2.0)])
    found = []
    for _ in range(2):
        mt.manual_seed(5)
        found.append(chain(picture()))
    np.testing.assert_array_equal(*found)


def test_a_function_is_asked_for():
    with pytest.raises(TypeError, match=r"^Lambda: lambd=3 must be"):
        T.Lambda(3)


def test_a_tensor_gives_a_tensor():
    x = picture()
    chain = T.Compose([T.CenterCrop(4), T.Normalize((0.5,), (0.2,))])
    got = chain(mt.tensor(x))
    assert isinstance(got, mt.Tensor)
    np.testing.assert_array_equal(got.numpy(), chain(x))
    mirrored = T.RandomHorizontalFlip(1.0)(mt.tensor(x))
    np.testing.assert_array_equal(mirrored.numpy(), x[:, :, ::-1])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_chain_begins_with_a_picture_of_pillow(mode):
    Image = pytest.importorskip("PIL.Image")
    drawn = Image.fromarray((picture((20, 30, 3)) * 255).astype(np.uint8)).convert(mode)
    chain = T.Compose([T.Resize(10), T.CenterCrop(8), T.ToTensor(), T.Normalize((0.5,), (0.5,))])
    image = T.ToTensor()(drawn).numpy()
    want = (T.CenterCrop(8)(T.Resize(10)(image)) - 0.5) / 0.5
    got = chain(drawn)
    assert isinstance(got, mt.Tensor) and got.unsqueeze(0).shape == (1, len(image), 8, 8)
    np.testing.assert_allclose(got.numpy(), want, atol=1.01 / 255)  # rounded to bytes, times 2


@pytest.mark.parametrize("channels", [1, 3])
def test_to_tensor_keeps_the_images_of_the_data_sets(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (2, channels, 8, 8), dtype=np.uint8)
    chain = T.Compose([T.ToTensor(), T.Normalize((0.5,) * channels, (0.25,) * channels)])
    data = ImageDataset(pixels, np.array([1, 0]), ["a", "b"], chain)
    images, labels = next(iter(mt.data.DataLoader(data, batch_size=2)))
    np.testing.assert_allclose(images.numpy(), (pixels / 255 - 0.5) / 0.25, atol=1e-6)
    assert labels.tolist() == [1, 0]


def test_to_tensor_gives_a_tensor_and_keeps_one():
    x = T.ToTensor()(np.zeros((4, 5), np.uint8))
    assert isinstance(x, mt.Tensor) and x.shape == (1, 4, 5) and x.dtype == mt.float32
    assert T.ToTensor()(x) is x
