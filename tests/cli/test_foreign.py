"""minitorch-cnn with weights from files: train, evaluate and predict."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import load_run, make_config, preprocessing


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Ten colour images of each of two kinds: blue ones and red ones, 80 x 72."""
    image_module = pytest.importorskip("PIL.Image")
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    for name, channel in (("blue", 2), ("red", 0)):
        (folder / name).mkdir()
        for i in range(10):
            pixels = rng.integers(0, 120, (80, 72, 3))
            pixels[..., channel] += 100
            image_module.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def trained_vgg(tmp_path_factory, pictures):
    """A finished run of a very narrow VGG on the pictures."""
    from minitorch_cnn.cli import main

    directory = tmp_path_factory.mktemp("runs") / "vgg"
    data = ["--data", "folder", str(pictures), "--size", "32"]
    steps = ["--epochs", "2", "--batch-size", "4", "--optimizer", "AdamW", "--lr", "0.002"]
    model = ["--set", "width=0.0625", "dropout=0", "--plain", "--out", str(directory)]
    assert main(["train", "vgg11", *data, *steps, *model]) == 0
    return directory


def options_of(directory):
    """What tells a command of the weights of that run."""
    size = ["--resize", 40, "--crop", 32, "--set", "width=0.0625", "num_classes=2"]
    return ["--weights", directory / "weights.safetensors", *size]


def accuracy(said):
    assert said.code == 0, said.err
    return said.out.splitlines()[0].split("accuracy ")[1].split(",")[0]


def test_a_file_of_weights_and_a_run_are_measured_alike(command, trained_vgg, pictures):
    """The mean and deviation of the run's recipe are in its file."""
    run = load_run(trained_vgg)
    resize, crop, scale = run.transform.transforms
    said = preprocessing("vgg11", weights=trained_vgg / "weights.safetensors")
    assert (said.mean, said.std) == (scale.mean, scale.std)
    said = command(
        *("evaluate", "vgg11", "--weights", trained_vgg / "weights.safetensors"),
        *("--data", "folder", pictures, "--resize", resize.size, "--crop", crop.size[0]),
        *("--set", "width=0.0625", "num_classes=2"),
    )
    assert said.out.startswith(f"vgg11 on {pictures}: accuracy ")
    images = mt.data.datasets.ImageFolder(pictures, transform=run.transform)
    right = mt.training.evaluate(run.model, mt.data.DataLoader(images, 20)).top1
    assert accuracy(said) == f"{right:.2%} ({20 * right:.0f} of 20 images)"


def test_other_looks_and_ensembles_are_measured(command, trained_vgg, pictures):
    file, data = trained_vgg / "weights.safetensors", ["--data", "folder", pictures]
    given = options_of(trained_vgg)
    crops = command("evaluate", "vgg11", *data, "--crops", 10, *given)
    dense = command("evaluate", "vgg11", *data, "--dense", *given, "--resize", 230, "--crop", 224)
    assert "of 20 images" in accuracy(crops) and "of 20 images" in accuracy(dense)
    for looks in (
        ["--crops", 50],
        ["--crops", 144],
        ["--scales", 36, 48],
        ["--scales", 36, "--crops", 10],
    ):
        assert "of 20 images" in accuracy(command("evaluate", "vgg11", *data, *looks, *given))
    assert "of 4 images" in accuracy(command("evaluate", trained_vgg, "--crops", 10))
    both = command("evaluate", "vgg11", "vgg11", *data, *given[:1], file, *given[1:])
    assert both.out.startswith("vgg11 and vgg11 on ")
    assert accuracy(both) == accuracy(command("evaluate", "vgg11", *data, *given))
    alone = command("evaluate", trained_vgg)
    assert accuracy(command("evaluate", trained_vgg, trained_vgg)) == accuracy(alone)


def test_any_classifier_is_applied_densely_also_together_with_crops(command, pictures, tmp_path):
    mt.manual_seed(0)
    net = mt.models.create_model("resnet18", width=1 / 8, num_classes=2)
    mt.save(net.state_dict(), tmp_path / "resnet.safetensors")
    given = ["--weights", tmp_path / "resnet.safetensors", "--set", "width=0.125", "num_classes=2"]
    given += ["--data", "folder", pictures, "--resize", 80, "--crop", 64]
    for looks in (["--dense"], ["--dense", "--crops", 10, "--scales", 72, 80]):
        assert "of 20 images" in accuracy(command("evaluate", "resnet18", *looks, *given))


def test_a_run_has_weights_of_its_own(refused, trained_vgg, pictures):
    given = options_of(trained_vgg)
    for words in (
        ["predict", trained_vgg, pictures],
        ["evaluate", trained_vgg, "--data", "folder", pictures],
        ["explore", trained_vgg],
        ["analyse", "maps", trained_vgg],
    ):
        assert f"the run {trained_vgg} has its own" in refused(*words, *given)


def test_predict_names_the_classes_of_a_file(command, trained_vgg, pictures, tmp_path):
    (tmp_path / "names.json").write_text('{"0": ["n01", "azure"], "1": ["n02", "crimson"]}')
    image, given = pictures / "red" / "3.png", options_of(trained_vgg)
    said = command("predict", "vgg11", image, *given, "--classes", tmp_path / "names.json")
    assert said.code == 0 and "crimson" in said.out and "azure" in said.out
    assert "class 1" in command("predict", "vgg11", image, *given).out


def test_training_begins_with_a_file_and_says_what_it_leaves_out(
    command, trained_vgg, pictures, tmp_path
):
    start = ["--weights", trained_vgg / "weights.safetensors", "--size", 32, "--epochs", 1]
    start += ["--plain", "--set", "width=0.0625", "dropout=0", "--out"]
    data = ["--data", "folder", pictures]
    said = command("train", "vgg11", *data, *start, tmp_path / "two")
    assert said.code == 0 and "anew" not in said.out
    (tmp_path / "more").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "more" / name).symlink_to(pictures / "red")
    said = command("train", "vgg11", "--data", "folder", tmp_path / "more", *start, tmp_path / "3")
    assert said.code == 0
    kept = "classifier.6.weight, classifier.6.bias"
    assert f"newly initialised, as the file has none that fit: {kept}" in said.out


def test_a_file_for_another_model_leaves_no_folder_behind(refused, trained_vgg, pictures, tmp_path):
    file, out = trained_vgg / "weights.safetensors", tmp_path / "run"
    arguments = ["train", "resnet18", "--data", "folder", pictures, "--weights", file, "--out", out]
    assert "is not for this ResNet: it lacks" in refused(*arguments) and not out.exists()


def test_a_deeper_vgg_says_what_it_would_begin_with(command, tmp_path):
    settings = ["--size", 32, "--epochs", 1, "--plain", "--set", "width=0.02"]
    said = command("train", "vgg13", *settings, "--out", tmp_path / "run")
    assert "The paper starts from a trained vgg11: --start takes the folder" in said.out


def test_heads_may_be_switched_off_or_on(refused):
    off = make_config("googlenet", "cifar10", "files", model_settings={"aux": False})
    on = make_config("googlenet", "digits", model_settings={"aux": True})
    assert (off.recipe.auxiliary, on.recipe.auxiliary) == (0.0, 0.3)
    message = refused("train", "vgg11", "--set", "num_classes=3")
    assert "num_classes follows from the data" in message


@pytest.mark.slow
def test_what_does_not_fit_together_is_refused(refused, trained_vgg, pictures, tmp_path):
    data, given = ["--data", "folder", pictures], options_of(trained_vgg)
    image, broken = pictures / "red" / "3.png", tmp_path / "broken.pth"
    (tmp_path / "three").write_text("a\nb\nc\n")
    broken.write_bytes(b"PK\x03\x04")
    (tmp_path / "text.pth").write_text("weights")
    cases = {
        "--resize needs --weights": ["evaluate", trained_vgg, "--resize", 40],
        "--data needs --weights": ["evaluate", trained_vgg, *data],
        "needs --data": ["evaluate", "vgg11", *given],
        "needs a FILE for each MODEL": ["evaluate", "vgg11", "vgg13", *data, *given],
        "there is no model 'vgg'": ["predict", "vgg", image, *given],
        "other shapes: classifier.6.weight": [
            *("predict", "vgg11", image, *given, "--classes", tmp_path / "three")
        ],
        "broken.pth is refused": ["predict", "vgg11", image, "--weights", broken],
        "text.pth is refused": ["predict", "vgg11", image, "--weights", tmp_path / "text.pth"],
        "there is no file": ["predict", "vgg11", image, "--weights", tmp_path / "none.pth"],
        "avgpool changes the size of the features": ["evaluate", trained_vgg, "--dense"],
        "--crops 144 has its own four scales": [
            *("evaluate", trained_vgg, "--crops", 144, "--scales", 40)
        ],
        "vgg11 is a model, not the folder of a run: --weights FILE": ["predict", "vgg11", image],
        "vgg13 is a model, not the folder": ["evaluate", "vgg13"],
    }
    for message, arguments in cases.items():
        assert message in refused(*arguments)


@pytest.fixture
def constant(tmp_path):
    """The options for a net of three classes that says the first of whatever it sees, and data."""
    image_module = pytest.importorskip("PIL.Image")
    net = mt.models.create_model("lenet5_relu", num_classes=3, in_channels=3)
    state = {name: np.zeros_like(value.array) for name, value in net.state_dict().items()}
    state[[name for name in state if name.endswith("bias")][-1]][:] = [5, 0, 0]
    mt.save(state, tmp_path / "w.safetensors")

    def options(names, folders):
        for name in folders:
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            image_module.new("RGB", (32, 32)).save(tmp_path / "data" / name / "0.png")
        (tmp_path / "names").write_text(names)
        size = ["--resize", 32, "--crop", 32, "--set", "in_channels=3"]
        weights = ["--weights", tmp_path / "w.safetensors", "--classes", tmp_path / "names"]
        return ["evaluate", "lenet5_relu", "--data", "folder", tmp_path / "data", *weights, *size]

    return options


@pytest.mark.parametrize("folders", [["ant", "cat", "dog"], ["ant", "dog"], ["dog"]])
def test_the_classes_of_the_data_are_found_by_name(folders, constant, command):
    said = command(*constant("dog\ncat\nant\n", folders))
    assert said.code == 0, said.err
    lines = said.out.split("in each class\n")[1].splitlines()
    assert {line.split()[0]: line.split()[1] for line in lines[: len(folders)]} == {
        name: "100.00%" if name == "dog" else "0.00%" for name in folders
    }


def test_the_folders_of_imagenet_are_found_by_their_numbers(constant, command):
    names = '{"1": ["n00000001", "ant"], "2": ["n00000002", "cat"], "0": ["n00000003", "dog"]}'
    said = command(*constant(names, ["n00000001", "n00000003"]))
    assert "dog  100.00%" in said.out and "ant    0.00%" in said.out


@pytest.mark.parametrize(
    "folder, words",
    [("eel", "has no class 'eel'"), ("Dog", "these differ only in case or spaces: 'dog'")],
)
def test_folders_that_are_no_classes_of_the_model_are_refused(folder, words, constant, refused):
    assert words in refused(*constant("dog\ncat\nant\n", ["ant", folder]))


def test_the_part_held_out_of_a_root_is_measured(command, constant, tmp_path):
    arguments = constant("dog\ncat\nant\n", ["val/dog", "train/dog", "train/ant"])
    assert "(1 of 1 images)" in command(*arguments).out
