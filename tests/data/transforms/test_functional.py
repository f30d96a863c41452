"""Transforms as functions of one image, beside Pillow's where it has them."""

import colorsys

import numpy as np
import pytest

import minitorch_cnn as mt
import minitorch_cnn.data.transforms.functional as TF
from minitorch_cnn.data import transforms as T

Image = pytest.importorskip("PIL.Image")
from PIL import ImageEnhance, ImageOps  # noqa: E402

BYTES = np.random.default_rng(0).integers(0, 256, (23, 30, 3), dtype=np.uint8)
MODES = ["RGB", "L", "RGBA", "LA", "P", "1", "I", "F", "CMYK"]
COLOURS = ["RGB", "L"]


def drawn(mode="RGB", smooth=False):
    pixels = BYTES
    if smooth:
        y, x = np.mgrid[:23, :30]
        pixels = np.stack([8 * x, 10 * y, 4 * (x + y)], -1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def values(picture):
    return np.asarray(picture).astype(np.float64)


def tensor_of(picture):
    return TF.pil_to_tensor(picture)


def same_as_a_tensor(function, picture, result):
    """A uint8 Tensor (C, H, W), a batch of it and floats give what the picture gives."""
    bytes_ = tensor_of(picture)
    want = tensor_of(result)
    got = function(bytes_)
    assert isinstance(got, mt.Tensor) and got.dtype == np.uint8
    apart = np.abs(got.numpy().astype(int) - want.numpy())
    assert apart.max() <= 1 and apart.mean() < 0.01
    batch = function(mt.stack([bytes_, bytes_]))
    # Sums are added up in another order, and may be rounded the other way.
    apart = np.abs(batch.numpy().astype(int) - want.numpy())
    assert apart.max() <= 1 and apart.mean() < 0.01


MOVES = {
    "crop": (lambda im: TF.crop(im, 3, 4, 10, 12), lambda p: p.crop((4, 3, 16, 13))),
    "beyond": (lambda im: TF.crop(im, -3, 20, 40, 30), lambda p: p.crop((20, -3, 50, 37))),
    "nowhere": (lambda im: TF.crop(im, 50, 50, 4, 3), lambda p: p.crop((50, 50, 53, 54))),
    "hflip": (TF.hflip, ImageOps.mirror),
    "vflip": (TF.vflip, ImageOps.flip),
    "center_crop": (lambda im: TF.center_crop(im, [11]), lambda p: p.crop((10, 6, 21, 17))),
    "nearest": (
        lambda im: TF.resize(im, (9, 14), T.InterpolationMode.NEAREST_EXACT),
        lambda p: p.resize((14, 9), Image.NEAREST),
    ),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("mode", MODES)
def test_pixels_are_moved_as_in_pillow_and_keep_their_mode(name, mode):
    ours, theirs = MOVES[name]
    picture = drawn(mode)
    got, want = ours(picture), theirs(picture)
    assert (got.mode, got.size) == (mode, want.size)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
    if mode == "P":
        assert got.getpalette() == picture.getpalette()
    if mode in ("RGB", "L", "P"):
        same_as_a_tensor(ours, picture, got)


@pytest.mark.parametrize("fill", [0, 77, (10, 200, 30)])
def test_a_border_is_filled_in_the_values_of_the_image(fill):
    want = ImageOps.expand(drawn(), (1, 2, 3, 4), fill if isinstance(fill, tuple) else (fill,) * 3)
    got = TF.pad(drawn(), (1, 2, 3, 4), fill)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
    same_as_a_tensor(lambda im: TF.pad(im, (1, 2, 3, 4), fill), drawn(), got)
    for mode, theirs in [("edge", "edge"), ("reflect", "reflect"), ("symmetric", "symmetric")]:
        got = TF.pad(drawn(), 5, padding_mode=mode)
        expected = np.pad(BYTES, [(5, 5), (5, 5), (0, 0)], theirs)
        np.testing.assert_array_equal(np.asarray(got), expected)


@pytest.mark.parametrize("interpolation", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "F"])
def test_pictures_are_resized_as_in_pillow(interpolation, mode):
    picture = drawn("LA" if mode == "RGBA" else mode, smooth=True)
    for size in [(9, 14), (40, 31)]:
        got = TF.resize(picture, size, interpolation)
        want = picture.resize(size[::-1], interpolation)
        assert got.mode == want.mode
        # Pillow rounds between the two axes.
        np.testing.assert_allclose(values(got), values(want), atol=1.01)
    assert TF.resize(picture, 46).size == (60, 46)
    assert TF.resize(picture, 46, max_size=50).size == (50, 38)


def test_the_nearest_pixel_of_a_class_map_is_one_of_its_classes():
    classes = mt.tensor(np.random.default_rng(0).integers(0, 2**40, (1, 8, 8)))
    half = TF.resize(classes, [4, 4], T.InterpolationMode.NEAREST)
    np.testing.assert_array_equal(half, classes[:, ::2, ::2])
    assert half.dtype == np.int64
    np.testing.assert_array_equal(TF.hflip(classes[0]), classes[0].flip(-1))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("fill", [None, (200, 30, 90)])
def test_pictures_are_turned_as_in_pillow(interpolation, expand, fill):
    picture = drawn(smooth=True)
    number = {"nearest": 0, "bilinear": 2}[interpolation]
    got = TF.rotate(picture, 25, interpolation, expand, fill=fill)
    want = picture.rotate(25, number, expand, fillcolor=fill)
    assert np.abs(np.subtract(got.size, want.size)).max() <= expand
    if not expand:
        apart = np.abs(values(got) - values(want)).max(-1)
        assert (
            apart <= 2
        ).mean() > 0.93  # but where Pillow does not blend the edge with the ground
    exact = lambda im: TF.rotate(im, 25, "nearest", expand, fill=fill)  # noqa: E731
    same_as_a_tensor(exact, picture, exact(picture))


@pytest.mark.parametrize("interpolation", [0, 2, 3])
def test_an_affine_map_is_that_of_pillow(interpolation):
    picture = drawn(smooth=True)
    got = TF.affine(picture, 30, (3, -2), 1.3, (10, 5), interpolation, fill=9)
    # The map forward, written out: about the center, y downward.
    a, x, y = np.radians([30, 10, 5])
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    forward = turn @ [[1, 0], [-np.tan(y), 1]] @ [[1, -np.tan(x)], [0, 1]] * 1.3
    back = np.linalg.inv(forward)
    center = np.array([15, 11.5])
    shift = center - back @ (center + np.array([3, -2]))
    data = (*back[0], shift[0], *back[1], shift[1])
    want = picture.transform(picture.size, Image.AFFINE, data, interpolation, fillcolor=(9, 9, 9))
    apart = np.abs(values(got) - values(want)).max(-1)
    assert (apart <= 2).mean() > 0.9


@pytest.mark.parametrize("interpolation", [0, 2])
def test_a_perspective_is_that_of_pillow(interpolation):
    picture = drawn(smooth=True)
    start = [[0, 0], [29, 0], [29, 22], [0, 22]]
    end = [[3, 2], [25, 1], [28, 20], [1, 18]]
    got = TF.perspective(picture, start, end, interpolation, fill=(1, 2, 3))
    rows, right = [], []
    for (x, y), (u, v) in zip(end, start, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    data = np.linalg.solve(np.array(rows, float), right)
    want = picture.transform(
        picture.size, Image.PERSPECTIVE, data, interpolation, fillcolor=(1, 2, 3)
    )
    apart = np.abs(values(got) - values(want)).max(-1)
    assert (apart <= 2).mean() > 0.85  # but at the edge, which Pillow does not blend
    np.testing.assert_array_equal(np.asarray(TF.perspective(picture, start, start)), picture)
    with pytest.raises(ValueError, match=r"^perspective: .* no three may be on a line"):
        TF.perspective(picture, start, [[0, 0], [1, 0], [2, 0], [0, 1]])


ENHANCED = {
    "brightness": (TF.adjust_brightness, ImageEnhance.Brightness),
    "contrast": (TF.adjust_contrast, ImageEnhance.Contrast),
    "saturation": (TF.adjust_saturation, ImageEnhance.Color),
    "sharpness": (TF.adjust_sharpness, ImageEnhance.Sharpness),
}


@pytest.mark.parametrize("name", ENHANCED)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA"])
@pytest.mark.parametrize("factor", [0, 0.3, 1, 1.7])
def test_colours_are_adjusted_as_in_pillow(name, mode, factor):
    ours, theirs = ENHANCED[name]
    picture = drawn(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.fromarray(BYTES[..., 1]))
    got, want = ours(picture, factor), theirs(picture).enhance(factor)
    assert got.mode == mode
    # Pillow rounds down, the grey and its mean, too.
    np.testing.assert_allclose(values(got), values(want), atol=2)
    if mode in COLOURS:
        same_as_a_tensor(lambda im: ours(im, factor), picture, got)
        floats = TF.to_tensor(picture)
        np.testing.assert_allclose(ours(floats, factor) * 255, tensor_of(got), atol=0.51)
    with pytest.raises(ValueError, match=r"^adjust_\w+: \w+_factor=-1 must be at least 0"):
        ours(picture, -1)


@pytest.mark.parametrize("turn", [-0.5, -0.2, 0.0, 0.3])
def test_the_hue_is_turned_as_in_colorsys(turn):
    got = np.asarray(TF.adjust_hue(drawn(), turn))
    for pixel, out in zip(BYTES[:3].reshape(-1, 3), got[:3].reshape(-1, 3), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*(pixel / 255))
        want = colorsys.hsv_to_rgb((h + turn) % 1, s, v)
        np.testing.assert_allclose(out, np.array(want) * 255, atol=0.51)
    np.testing.assert_array_equal(TF.adjust_hue(drawn("L"), turn), drawn("L"))
    with pytest.raises(ValueError, match=r"^adjust_hue: hue_factor=0.6 must be"):
        TF.adjust_hue(drawn(), 0.6)


def test_gamma_bends_the_values():
    got = values(TF.adjust_gamma(drawn(), 2.2, 1.1))
    np.testing.assert_allclose(got, np.minimum(255 * 1.1 * (BYTES / 255) ** 2.2, 255), atol=0.51)


def test_grey_is_that_of_pillow():
    for function in (TF.rgb_to_grayscale, TF.to_grayscale):
        got = function(drawn())
        assert got.mode == "L"
        np.testing.assert_allclose(values(got), values(drawn("L")), atol=1)
        assert function(drawn(), 3).mode == "RGB"
    assert T.Grayscale(3)(drawn("L")).mode == "RGB"


LEVELS = {
    "invert": (TF.invert, ImageOps.invert, 0),
    "posterize": (lambda im: TF.posterize(im, 3), lambda p: ImageOps.posterize(p, 3), 0),
    "solarize": (lambda im: TF.solarize(im, 100), lambda p: ImageOps.solarize(p, 100), 0),
    "autocontrast": (TF.autocontrast, ImageOps.autocontrast, 1),
    "equalize": (TF.equalize, ImageOps.equalize, 0),
}


@pytest.mark.parametrize("name", LEVELS)
@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("smooth", [False, True])
def test_levels_are_those_of_pillow(name, mode, smooth):
    ours, theirs, tolerance = LEVELS[name]
    picture = drawn(mode, smooth).point(lambda v: v // 2 + 20)
    got, want = ours(picture), theirs(picture)
    np.testing.assert_allclose(values(got), values(want), atol=tolerance)
    same_as_a_tensor(ours, picture, got)


def test_levels_of_floats_are_those_of_their_bytes():
    floats, bytes_ = TF.to_tensor(drawn()), tensor_of(drawn())
    for function in (TF.invert, TF.equalize, lambda im: TF.posterize(im, 4), TF.autocontrast):
        np.testing.assert_allclose(function(floats) * 255, function(bytes_), atol=0.51)
    np.testing.assert_allclose(TF.solarize(floats, 0.5) * 255, TF.solarize(bytes_, 128), atol=1e-4)
    flat = mt.full((3, 4, 4), 7, dtype=mt.uint8)
    for function in (TF.equalize, TF.autocontrast):
        np.testing.assert_array_equal(function(flat), flat)
    with pytest.raises(ValueError, match=r"^posterize: bits=9 must be"):
        TF.posterize(bytes_, 9)
    with pytest.raises(ValueError, match=r"^solarize: threshold=2 must be at most 1"):
        TF.solarize(floats, 2)


def test_a_blur_is_the_weighted_mean_of_the_pixels_around():
    image = np.random.default_rng(0).random((2, 7, 8))
    got = TF.gaussian_blur(mt.tensor(image), (3, 5), (0.8, 1.4))
    across, down = (np.exp(-0.5 * (np.arange(-r, r + 1) / s) ** 2) for r, s in ((1, 0.8), (2, 1.4)))
    weights = np.outer(down / down.sum(), across / across.sum())
    whole = np.pad(image, [(0, 0), (2, 2), (1, 1)], "reflect")
    want = [
        [[(whole[c, i : i + 5, j : j + 3] * weights).sum() for j in range(8)] for i in range(7)]
        for c in range(2)
    ]
    np.testing.assert_allclose(got, want, atol=1e-12)
    wide = 0.15 * 5 + 0.35
    np.testing.assert_array_equal(
        TF.gaussian_blur(mt.tensor(image), 5), TF.gaussian_blur(mt.tensor(image), [5, 5], [wide])
    )
    assert TF.gaussian_blur(drawn(), 3).mode == "RGB"
    for size, sigma, message in [(4, 1, "kernel_size="), (3, 0, "sigma=0"), (0, 1, "kernel_size=")]:
        with pytest.raises(ValueError, match=f"^gaussian_blur: {message}"):
            TF.gaussian_blur(drawn(), size, sigma)


def test_five_and_ten_crops_keep_the_form():
    for image in (drawn(), tensor_of(drawn()), BYTES.transpose(2, 0, 1) / np.float32(255)):
        crops = TF.five_crop(image, 4)
        assert isinstance(crops, tuple) and len(crops) == 5
        assert {type(crop) for crop in crops} <= {type(image), Image.Image}
        assert len(TF.ten_crop(image, (4, 5), vertical_flip=True)) == 10
    tall = TF.ten_crop(tensor_of(drawn()), 4, vertical_flip=True)
    np.testing.assert_array_equal(tall[5], tensor_of(drawn()).flip(-2)[:, :4, :4])
    as_batch = T.Lambda(lambda crops: mt.stack([T.ToTensor()(crop) for crop in crops]))
    chain = T.Compose([T.TenCrop(8), as_batch])
    for image in (drawn(), TF.to_tensor(drawn()).numpy(), TF.to_tensor(drawn())):
        assert chain(image).shape == (10, 3, 8, 8)
    assert T.FiveCrop(4)(TF.to_tensor(drawn()).numpy()).shape == (5, 3, 4, 4)


def test_erase_and_normalize_are_of_tensors():
    image = mt.rand(3, 6, 6)
    out = TF.erase(image, 1, 2, 3, 2, mt.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1))
    want = image.numpy().copy()
    want[:, 1:4, 2:4] = np.array([1, 2, 3]).reshape(3, 1, 1)
    np.testing.assert_array_equal(out, want)
    assert TF.erase(image, 0, 0, 1, 1, 5.0, inplace=True) is image and image[0, 0, 0] == 5
    before = image.numpy().copy()
    result = TF.normalize(image, [0.1], [0.2], inplace=True)
    assert result is image
    np.testing.assert_allclose(image, (before - np.float32(0.1)) / np.float32(0.2), rtol=1e-6)
    batch = mt.rand(2, 3, 4, 4)
    got = T.Normalize(mt.tensor([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 4.0]))(batch)
    want = (batch.numpy() - np.reshape([0.1, 0.2, 0.3], (3, 1, 1))) / np.reshape(
        [1, 2, 4], (3, 1, 1)
    )
    np.testing.assert_allclose(got, want, atol=1e-6)
    for function, name in [
        (T.Normalize([0.5], [0.5]), "Normalize"),
        (lambda im: TF.normalize(im, [0.5], [0.5]), "normalize"),
        (T.RandomErasing(1.0), "RandomErasing"),
        (lambda im: TF.erase(im, 0, 0, 1, 1, 0), "erase"),
    ]:
        with pytest.raises(TypeError, match=rf"^{name}: image must be a Tensor.*ToTensor\(\)"):
            function(drawn())
    with pytest.raises(TypeError, match=r"^normalize: image must be of floats, got uint8"):
        TF.normalize(tensor_of(drawn()), [0.5], [0.5])
    with pytest.raises(ValueError, match=r"^normalize: image must have the shape"):
        TF.normalize(mt.rand(4, 4), [0.5], [0.5])


@pytest.mark.parametrize(
    "function",
    [
        TF.hflip,
        TF.vflip,
        lambda x: TF.crop(x, -1, 2, 5, 5),
        lambda x: TF.center_crop(x, (4, 9)),
        lambda x: TF.pad(x, (1, 2), 0.5),
        lambda x: TF.pad(x, 1, padding_mode="reflect"),
        lambda x: TF.resize(x, (3, 9)),
        lambda x: TF.resize(x, 4, "nearest"),
        lambda x: TF.normalize(x, [0.1, 0.2], [0.3, 0.4]),
        lambda x: T.Normalize([0.1, 0.2], [0.3, 0.4])(x),
        lambda x: mt.stack(TF.ten_crop(x, 3)),
        lambda x: TF.erase(x, 1, 1, 2, 2, 0.0),
        T.RandomCrop(6),
        T.Compose([T.Resize(8), T.CenterCrop(6)]),
    ],
)
def test_gradients_pass_through_moves_and_normalization(function):
    x = mt.tensor(np.random.default_rng(0).random((2, 6, 7)), requires_grad=True)
    plain = function(x.detach())
    mt.manual_seed(0)
    np.testing.assert_allclose(function(x).detach(), plain, atol=1e-12)

    def repeated(x):
        mt.manual_seed(0)
        return function(x)

    assert mt.gradcheck(repeated, (x,))
    assert mt.gradgradcheck(repeated, (x,))


def test_a_gradient_that_would_be_lost_is_refused():
    x = mt.rand(3, 6, 6, requires_grad=True)
    for function in (lambda x: TF.rotate(x, 9), TF.equalize, lambda x: TF.adjust_hue(x, 0.1)):
        with pytest.raises(RuntimeError, match=r"^\w+: the image requires grad, .* detach\(\) it"):
            function(x)
        with mt.no_grad():
            function(x)


def test_sizes_of_images_are_found():
    for image in (drawn(), tensor_of(drawn()), mt.zeros(5, 3, 23, 30)):
        assert TF.get_dimensions(image) == [3, 23, 30]
        assert TF.get_image_size(image) == [30, 23]
        assert TF.get_image_num_channels(image) == 3
    assert TF.get_dimensions(mt.zeros(4, 5)) == [1, 4, 5]


CORNERS = [[0, 0], [3, 0], [3, 3], [0, 3]]
IMAGE_FUNCTIONS = {
    "hflip": TF.hflip,
    "vflip": TF.vflip,
    "crop": lambda im: TF.crop(im, 0, 0, 2, 2),
    "center_crop": lambda im: TF.center_crop(im, 2),
    "five_crop": lambda im: TF.five_crop(im, 2),
    "pad": lambda im: TF.pad(im, 1),
    "resize": lambda im: TF.resize(im, 4),
    "rotate": lambda im: TF.rotate(im, 4, expand=True),
    "affine": lambda im: TF.affine(im, 1, (0, 0), 1, 0),
    "perspective": lambda im: TF.perspective(im, CORNERS, CORNERS),
    "normalize": lambda im: TF.normalize(im, [0.5], [0.5]),
    "erase": lambda im: TF.erase(im, 0, 0, 1, 1, 0),
    "gaussian_blur": lambda im: TF.gaussian_blur(im, 3),
    "adjust_brightness": lambda im: TF.adjust_brightness(im, 1),
    "adjust_contrast": lambda im: TF.adjust_contrast(im, 1),
    "adjust_hue": lambda im: TF.adjust_hue(im, 0),
    "adjust_sharpness": lambda im: TF.adjust_sharpness(im, 1),
    "rgb_to_grayscale": TF.rgb_to_grayscale,
    "equalize": TF.equalize,
    "invert": TF.invert,
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGE_FUNCTIONS)
def test_arrays_of_other_programs_are_sent_to_to_tensor(name):
    function = IMAGE_FUNCTIONS[name]
    hint = r".*ToTensor\(\) or ToPILImage\(\)"
    for array in (BYTES, BYTES[..., 0], BYTES.astype(np.int64)):
        with pytest.raises(TypeError, match=rf"^{name}: image must be a float32 array{hint}"):
            function(array)
    with pytest.raises(ValueError, match=rf"^{name}: .*looks like \(H, W, C\){hint}"):
        function(BYTES.astype(np.float32))
    with pytest.raises(TypeError, match=rf"^{name}: .*got str"):
        function("picture.png")
    with pytest.raises(
        ValueError, match=rf"^{name}: image must have the shape \(\.\.\., C, H, W\)"
    ):
        function(mt.zeros(3))
