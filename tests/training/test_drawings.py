"""Making a drawing like those that a net has learned."""

import numpy as np
import pytest

from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.data.transforms import resize
from minitorch_cnn.training.drawings import Style, in_style, mass_of, style_of

# Rectangles of 3/4 of an image's side by 3/8; a uniform one of length a has the variance a^2 / 12.
SPREAD = (3 / 4 * 3 / 8 / 12) ** 0.5
DARK = Style(ground=0.0, least=0.7, most=0.8, off=0.05, spread=SPREAD, pixels=28)


def drawn(at=(20, 30), size=(24, 12), sheet=(90, 70), ground=0.0, ink=1.0) -> np.ndarray:
    """A rectangle of ink (1, H, W) of a size, its top left corner somewhere on a sheet."""
    image = np.full((1, *sheet), ground, np.float32)
    image[:, at[0] : at[0] + size[0], at[1] : at[1] + size[1]] = ink
    return image


def test_the_style_of_drawings_is_their_ground_and_the_size_and_place_of_what_is_drawn():
    images = [drawn((y, 8), (n, 8), (24, 24)) for y, n in ((6, 12), (4, 16), (7, 12))]
    style = style_of(images)
    assert (style.ground, style.pixels) == (0.0, 24)
    assert (style.least, style.most) == (0.5, pytest.approx(16 / 24))
    assert style.spread == pytest.approx((8 * 12 / 12) ** 0.5 / 24)
    assert style.off == pytest.approx(1 / 24)
    assert style_of([1 - image for image in images]).ground == 1.0


def test_photographs_have_no_style():
    rng = np.random.default_rng(0)
    noise = rng.random((20, 1, 16, 16), dtype=np.float32)
    slopes = np.broadcast_to(np.linspace(0, 1, 16, dtype=np.float32), (20, 1, 16, 16))
    both = [*(drawn() for _ in range(10)), *(1 - drawn() for _ in range(10))]
    assert style_of(noise) is style_of(slopes) is style_of(both) is None
    assert style_of([]) is style_of(np.zeros((3, 1, 8, 8), np.float32)) is None


def test_no_training_image_is_changed():
    digits = Digits().images
    style = style_of(digits)
    for image in digits[::9]:
        assert in_style(image, style) == (pytest.approx(image, abs=0), "")


@pytest.mark.parametrize("ground, ink", [(1.0, 0.0), (0.9, 0.3), (0.0, 1.0), (0.1, 0.5)])
@pytest.mark.parametrize("ground_of_style", [0.0, 1.0])
def test_a_drawing_gets_the_ground_size_and_place_of_the_style(ground, ink, ground_of_style):
    style = DARK._replace(ground=ground_of_style)
    image, said = in_style(drawn(ground=ground, ink=ink), style)
    lit = image if ground_of_style == 0 else 1 - image
    assert image.shape == (1, 28, 28) and lit.min() == pytest.approx(0, abs=1e-6)
    assert lit.max() == pytest.approx(1)
    rows, columns = (np.flatnonzero((lit[0] > 0.5).any(axis)) for axis in (1, 0))
    assert len(rows) == pytest.approx(0.75 * 28, abs=1)
    assert len(columns) == pytest.approx(0.75 * 14, abs=1)
    for found in (rows, columns):
        assert found.mean() == pytest.approx(13.5, abs=0.6)
    assert said.endswith("cropped to 12 x 24 pixels and centred")
    assert said.startswith("inverted, ") == (abs(ground - ground_of_style) > 0.5)


def test_a_drawing_in_its_place_is_inverted_alone():
    image = drawn((4, 8), (21, 12), (28, 28), ground=1.0, ink=0.2)
    there, said = in_style(image, DARK)
    assert said == "inverted" and np.array_equal(there, 1 - image)
    assert in_style(image, DARK, invert=False) == (pytest.approx(image, abs=0), "")


def test_ink_spreads_as_its_covariance_says_however_it_is_turned():
    ink = np.zeros((40, 50))
    ink[5:30, 8:12] = 0.8  # an L
    ink[26:30, 8:40] = 1.0
    rows, columns = np.nonzero(ink)
    places = np.stack([rows, columns]) + 0.5
    weights = ink[rows, columns] ** 2
    covariance = np.cov(places, aweights=weights, ddof=0) + np.eye(2) / 12  # of pixels of area 1
    for turned in (ink, np.rot90(ink), ink[:, ::-1]):
        assert mass_of(turned).spread == pytest.approx(np.linalg.det(covariance) ** 0.25)
    assert mass_of(ink).centre == pytest.approx(np.average(places, axis=1, weights=weights))
    noise = np.random.default_rng(0).uniform(0, 0.25, ink.shape)
    assert mass_of(np.where(ink > 0, ink, noise)).spread == pytest.approx(mass_of(ink).spread)


def test_the_centre_of_mass_comes_to_the_middle_and_nothing_is_cut_off():
    image = drawn((10, 20), (60, 4), (200, 200))
    image[:, 66:70, 20:50] = 1.0  # an L, heavy at its foot
    there, _ = in_style(image, DARK)
    assert mass_of(there[0]).centre == pytest.approx([14, 14], abs=0.5)
    bar = drawn((10, 20), (120, 2), (200, 200))  # whose spread says little of its length
    lit = in_style(bar, DARK).image[0]
    assert np.flatnonzero((lit > 0.3).any(1)).tolist() == list(range(28))
    assert mass_of(lit).centre == pytest.approx([14, 14], abs=0.6)


def test_what_is_no_drawing_stays_as_it_is():
    photo = np.random.default_rng(0).random((1, 30, 40), dtype=np.float32)
    blank = np.ones((1, 30, 40), np.float32)
    dot = np.zeros((1, 1, 1), np.float32)
    for image, said in (
        (photo, "its background is not plain"),
        (blank, "nothing is drawn"),
        (dot, "nothing"),
    ):
        there, why = in_style(image, DARK)
        assert there is image and why.startswith(said)


def test_printed_digits_become_like_written_ones():
    image_module = pytest.importorskip("PIL.Image")
    matplotlib = pytest.importorskip("matplotlib")
    from PIL import ImageDraw, ImageFont

    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", 64)
    written = Digits(size=28)
    style = style_of(written.images[::3])
    nearest = {"as they are": [], "in style": []}
    for digit in range(10):
        sheet = image_module.new("L", (90, 160), 255)
        ImageDraw.Draw(sheet).text((20, 50), str(digit), fill=0, font=font)
        image = np.asarray(sheet, np.float32)[None] / 255
        for how, seen in (
            ("as they are", resize(image[:, 35:125], 28)),
            ("in style", in_style(image, style).image),
        ):
            distances = ((written.images - resize(seen, 28)) ** 2).sum((1, 2, 3))
            nearest[how].append(written.labels[distances.argmin()] == digit)
    assert sum(nearest["as they are"]) <= 2 and sum(nearest["in style"]) >= 6


def test_a_coloured_image_is_made_grey_for_a_net_that_has_learned_grey_drawings_in_colour():
    image = np.repeat(drawn(ground=1.0, ink=0.0), 3, axis=0)
    image[0] = 1.0  # red ink
    there, said = in_style(image, DARK)
    assert there.shape == (3, 28, 28) and said.startswith("inverted, cropped")
    assert np.array_equal(there[0], there[1]) and np.array_equal(there[0], there[2])
    assert style_of([image, image]) is None
