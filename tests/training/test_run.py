"""A run writes its folder, resumes from it, and returns the trained model."""

import builtins
import itertools
import json
import os
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import (
    RunConfig,
    evaluate_run,
    load_run,
    make_config,
    pixel_scores,
    resume_run,
    train_run,
)
from minitorch_cnn.training import run as run_module

FILES = {"config.json", "checkpoint.safetensors", "metrics.csv", "weights.safetensors"}
PICTURES = {"curves.png", "curves.svg", "confusion.png", "confusion.svg", "worst.png"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder and result of a short run."""
    directory = tmp_path_factory.mktemp("runs") / "new" / "run"
    config = make_config("lenet5_relu", epochs=2, batch_size=103)
    return directory, train_run(config, directory, progress="none")


def test_the_folder_has_everything(finished):
    directory, result = finished
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        expected = FILES
    else:
        expected = FILES | PICTURES
    assert {path.name for path in directory.iterdir()} == expected
    assert len((directory / "metrics.csv").read_text().splitlines()) == 3
    assert result.history[-1]["test_top1"] == result.evaluation.top1
    config = json.loads((directory / "config.json").read_text())
    assert (config["model"], config["data"], config["recipe"]["epochs"]) == (
        "lenet5_relu",
        "digits",
        2,
    )
    assert "tuned" not in config  # without a file of measured times


def test_a_run_records_the_file_of_measured_times_that_it_used(few_images, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "plot_run", lambda *_: None)
    monkeypatch.setattr(run_module, "tuned_by", lambda: {"file": "t.json", "sha256": "0" * 64})
    config = make_config("lenet5_relu", "folder", str(few_images), epochs=1, batch_size=8)
    train_run(config, tmp_path / "run", progress="none")
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    assert stored["tuned"] == {"file": "t.json", "sha256": "0" * 64}
    assert load_run(tmp_path / "run").model is not None


def test_the_trained_model_comes_back(finished):
    directory, result = finished
    run = load_run(directory)
    assert not run.model.training
    assert (run.classes, run.channels) == ([str(i) for i in range(10)], 1)
    digits = mt.data.datasets.Digits(train=False)
    x = np.stack([run.transform(image) for image in digits.images])
    predicted = run.model(mt.Tensor(x)).array.argmax(1)
    assert (predicted == digits.labels).mean() == result.evaluation.top1
    again = evaluate_run(directory)
    assert again.loss == pytest.approx(result.evaluation.loss)
    np.testing.assert_array_equal(again.confusion, result.evaluation.confusion)


def test_the_seed_is_the_whole_chance(finished, tmp_path):
    directory, _ = finished
    config = RunConfig.from_json((directory / "config.json").read_text())
    train_run(config, tmp_path / "same", progress="none")
    first, second = (mt.load(d / "weights.safetensors") for d in (directory, tmp_path / "same"))
    assert all(first[name].array.tobytes() == second[name].array.tobytes() for name in first)


def test_a_stopped_run_is_resumed_to_the_same_weights(finished, tmp_path, monkeypatch):
    directory, result = finished

    def stop(*_):
        raise KeyboardInterrupt

    config = RunConfig.from_json((directory / "config.json").read_text())
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run_module, "CHECKPOINT_STEPS", 9)
        patch.setattr(mt.training.History, "save_csv", stop)
        train_run(config, tmp_path, progress="none")
    with pytest.raises(FileNotFoundError, match=r"has no weights yet; resume the run first"):
        load_run(tmp_path)
    again = resume_run(tmp_path, progress="none")
    assert again.evaluation.loss == result.evaluation.loss
    first, second = (mt.load(d / "weights.safetensors") for d in (directory, tmp_path))
    assert all(first[name].array.tobytes() == second[name].array.tobytes() for name in first)


class Killed(BaseException):
    """What no handler of the program stands in the way of."""


@pytest.fixture(scope="module")
def few_images(tmp_path_factory):
    """A folder of five images of each of two classes."""
    image = pytest.importorskip("PIL.Image")
    root = tmp_path_factory.mktemp("few")
    for i in range(10):
        (root / "ab"[i % 2]).mkdir(exist_ok=True)
        image.new("RGB", (32, 32), (20 * i, 0, 0)).save(root / "ab"[i % 2] / f"{i}.png")
    return root


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "call, error", [("open", Killed()), ("fsync", FULL), ("fsync", Killed()), ("replace", Killed())]
)
def test_a_run_stopped_at_any_write_goes_on_from_its_own_first_weights(
    call, error, few_images, tmp_path, monkeypatch
):
    monkeypatch.setattr(run_module, "plot_run", lambda *_: None)
    mt.manual_seed(5)
    net = mt.models.create_model("lenet5_relu", num_classes=2, in_channels=3)
    mt.save(net.state_dict(), tmp_path / "w.safetensors")
    settings = {"weights": str(tmp_path / "w.safetensors"), "epochs": 1, "batch_size": 8}
    config = make_config("lenet5_relu", "folder", str(few_images), **settings)
    train_run(config, tmp_path / "whole", progress="none")
    whole = mt.load(tmp_path / "whole" / "weights.safetensors")
    where = {"open": (builtins, "open"), "fsync": (os, "fsync"), "replace": (os, "replace")}[call]
    real, resumed = getattr(*where), 0
    for stop in itertools.count():
        directory, count = tmp_path / f"{stop}", iter(range(100))

        def failing(*args, _stop=stop, _count=count, **settings):
            writes = call != "open" or "r" not in (args[1] if len(args) > 1 else "r")
            if writes and next(_count) == _stop:
                raise error
            return real(*args, **settings)

        monkeypatch.setattr(*where, failing)
        try:
            train_run(config, directory, progress="none")
        except (Killed, OSError):
            monkeypatch.setattr(*where, real)
        else:
            break
        if not (directory / "config.json").exists():
            assert not directory.exists() or {p.name for p in directory.iterdir()} <= {
                "config.json.tmp"
            }
            train_run(config, directory, progress="none")
        else:
            resume_run(directory, progress="none")
            resumed += 1
        weights = mt.load(directory / "weights.safetensors")
        assert all(np.array_equal(whole[k].array, weights[k].array) for k in whole), stop
    assert resumed >= 3


def test_a_run_stopped_at_its_start_does_not_go_on_with_other_weights(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    for seed in (1, 2):
        mt.manual_seed(seed)
        net = mt.models.create_model("lenet5_relu")
        mt.save(net.state_dict(), tmp_path / f"{seed}.safetensors")
    first = tmp_path / "1.safetensors"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run_module, "fit", stop)
        train_run(make_config("lenet5_relu", weights=str(first)), tmp_path / "run", progress="none")
    (tmp_path / "2.safetensors").replace(first)
    with pytest.raises(ValueError, match=r"^resume_run: .* began with other weights than .*1.safe"):
        resume_run(tmp_path / "run", progress="none")
    first.unlink()
    with pytest.raises(FileNotFoundError, match=r"1\.safetensors"):
        resume_run(tmp_path / "run", progress="none")


def test_a_run_that_has_lost_its_checkpoint_is_not_begun_anew(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    with pytest.raises(ValueError, match=r"^resume_run: .*run has lost its checkpoint.safetensors"):
        resume_run(tmp_path / "run", progress="none")


def test_a_model_that_cannot_take_the_images_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match=r"^train_run: lenet5_relu cannot take images of 28 x 28"):
        train_run(make_config("lenet5_relu", size=28), tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()


def test_a_folder_with_a_run_is_not_written_over(finished):
    directory, _ = finished
    with pytest.raises(ValueError, match=r"^train_run: .*run holds a run already"):
        train_run(make_config("lenet5_relu"), directory)


def test_a_run_that_cannot_start_leaves_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^MNIST: get "):
        train_run(make_config("lenet5", "mnist", str(tmp_path)), tmp_path / "run")
    with pytest.raises(ValueError, match=r"^LeNet5: output='soft'"):
        train_run(make_config("lenet5", model_settings={"output": "soft"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_matplotlib_there_are_no_pictures_and_a_sentence(
    finished, tmp_path, capsys, monkeypatch
):
    directory, _ = finished
    shutil.copytree(directory, tmp_path / "run", ignore=shutil.ignore_patterns("*.png"))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    resume_run(tmp_path / "run", progress="plain")
    assert not list((tmp_path / "run").glob("*.png"))
    assert "train_run: no pictures were drawn: plot: needs Matplotlib" in capsys.readouterr().err


def test_settings_of_model_and_recipe_are_part_of_the_config():
    config = make_config("lenet5", model_settings={"output": "linear"}, seed=3, epochs=7)
    assert (config.model_settings, config.seed) == ({"output": "linear"}, 3)
    assert config.recipe.epochs == 7 and json.loads(config.to_json())["data"] == "digits"


def test_photographs_get_the_papers_recipe_and_other_data_the_small_one():
    small, paper = make_config("inception_v3"), make_config("inception_v3", "cifar10", "/")
    assert (small.recipe.optimizer, paper.recipe.optimizer) == ("AdamW", "RMSprop")
    assert (small.size, make_config("inception_v3", size=75).size) == (299, 75)


def test_a_batch_that_is_never_full_leaves_no_folder(tmp_path):
    config = make_config("lenet5_relu", batch_size=2000, drop_last=True)
    with pytest.raises(ValueError, match=r"^train_run: batch_size=2000 leaves no whole batch of"):
        train_run(config, tmp_path / "run", progress="none")
    assert not (tmp_path / "run").exists()


def run_of_resnet(batch_size, few_images, directory, capsys):
    """The run of a net whose batch norms see maps of one pixel, on 8 images; what it said."""
    settings = {"model_settings": {"width": 1 / 16}, "size": 32, "epochs": 1, "drop_last": False}
    config = make_config("resnet18", "folder", str(few_images), batch_size=batch_size, **settings)
    result = train_run(config, directory, progress="plain")
    return result, capsys.readouterr().err


def test_a_last_batch_of_one_that_batch_norm_cannot_take_is_left_out_and_told(
    few_images, tmp_path, capsys
):
    result, said = run_of_resnet(7, few_images, tmp_path / "run", capsys)
    assert result.history[-1]["step"] == 1
    assert said.count("a batch of one image") == 1
    assert resume_run(tmp_path / "run", progress="none").history == result.history


def test_batches_of_one_that_batch_norm_cannot_take_leave_no_folder(few_images, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"^train_run: resnet18 cannot learn from batches of one"):
        run_of_resnet(1, few_images, tmp_path / "run", capsys)
    assert not (tmp_path / "run").exists()


def test_other_last_batches_are_learned(few_images, tmp_path, capsys):
    result, said = run_of_resnet(6, few_images, tmp_path / "run", capsys)
    assert result.history[-1]["step"] == 2 and "batch" not in said


@pytest.mark.parametrize(("drop_last", "steps"), [(True, 1), (False, 2)])
def test_the_recipe_says_whether_a_batch_that_is_not_full_is_learned(drop_last, steps, tmp_path):
    config = make_config("lenet5_relu", epochs=1, batch_size=1000, drop_last=drop_last)
    assert train_run(config, tmp_path, progress="none").history[-1]["step"] == steps


@pytest.mark.slow
def test_a_deeper_net_starts_from_net_a(tmp_path):
    settings = {"size": 32, "model_settings": {"width": 1 / 16}}
    shallow = make_config("vgg11", epochs=1, batch_size=512, **settings)
    train_run(shallow, tmp_path / "a", progress="none")
    deep = make_config("vgg13", start=str(tmp_path / "a"), epochs=1, batch_size=512, **settings)
    recipe = replace(deep.recipe, settings={**deep.recipe.settings, "lr": 1e-12})
    deep = replace(deep, recipe=recipe)
    train_run(deep, tmp_path / "b", progress="none")
    first, second = (mt.load(tmp_path / d / "weights.safetensors") for d in "ab")
    name = "features.0.weight"
    np.testing.assert_allclose(first[name].array, second[name].array, atol=1e-6)
    wrong = replace(deep, start=str(tmp_path / "b"))
    with pytest.raises(ValueError, match=r"is a run of vgg13, it must be one of vgg11"):
        train_run(wrong, tmp_path / "c", progress="none")
    with pytest.raises(ValueError, match=r"^make_config: start='a' is not for vgg11"):
        make_config("vgg11", start="a")


TINY = {"model_settings": {"width": 1 / 32, "padding": 1}, "size": 16, "batch_size": 250}


@pytest.fixture(scope="module")
def finished_masks(tmp_path_factory):
    """The folder and result of a short run of a net that labels pixels."""
    directory = tmp_path_factory.mktemp("runs") / "masks"
    config = make_config("fcn32s", "shapes", epochs=1, **TINY)
    return directory, train_run(config, directory, progress="none")


@pytest.mark.slow
def test_a_net_that_labels_pixels_learns_masks(finished_masks):
    directory, result = finished_masks
    assert {path.name for path in directory.iterdir()} >= FILES
    assert result.evaluation.of_pixels and result.evaluation.confusion.sum() == 250 * 16 * 16
    scores = pixel_scores(result.evaluation.confusion)
    row = result.history[-1]
    assert (row["test_top1"], row["test_iou"]) == (scores.pixel_accuracy, scores.mean_iou)
    np.testing.assert_array_equal(evaluate_run(directory).confusion, result.evaluation.confusion)


def test_a_net_that_labels_pixels_takes_images_as_they_are(finished_masks):
    run = load_run(finished_masks[0])
    assert run.of_pixels and run.classes[:2] == ["ground", "circle"]
    x = run.transform(np.full((3, 9, 31), 0.75, np.float32))
    assert x.shape == (3, 9, 31) and np.unique(x) == [1.0]
    assert run.model(mt.Tensor(x[None])).shape == (1, 7, 9, 31)


def test_a_finer_net_starts_from_a_coarser_one(finished_masks, tmp_path):
    coarse, _ = finished_masks
    config = make_config("fcn16s", "shapes", start=str(coarse), epochs=1, **TINY)
    recipe = replace(config.recipe, settings={**config.recipe.settings, "lr": 1e-12})
    config = replace(config, recipe=recipe)
    train_run(config, tmp_path, progress="none")
    first, second = (mt.load(d / "weights.safetensors") for d in (coarse, tmp_path))
    for name in ("conv1_1.weight", "fc6.weight", "score_fr.weight"):
        np.testing.assert_allclose(first[name].array, second[name].array, atol=1e-6)
    assert abs(second["score_pool4.weight"].array).max() < 1e-6  # still where it began


def test_what_would_part_pixels_from_their_labels_is_refused(tmp_path):
    for config, words in (
        (make_config("fcn8s", "digits", **TINY), r"^load_source: data 'digits' has no masks"),
        (make_config("fcn8s", "shapes", flip=True, **TINY), r"^Recipe: flip=True moves pixels"),
    ):
        with pytest.raises(ValueError, match=words):
            train_run(config, tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_the_loss_of_an_image_is_the_sum_over_its_pixels_where_the_recipe_says_so():
    mt.manual_seed(0)
    logits, masks = mt.randn(2, 3, 4, 5), mt.randint(0, 3, (2, 4, 5))
    masks[1] = 255
    config = make_config("fcn8s", "shapes", ignore_index=255, **TINY)
    mean = config.loss()(logits, masks).item()
    config = replace(config, recipe=replace(config.recipe, sum_of_pixels=True))
    assert config.loss()(logits, masks).item() == pytest.approx(20 * mean / 2)


def test_unknown_names_are_refused():
    with pytest.raises(KeyError, match=r"the nearest is 'lenet5'"):
        make_config("lenet")
    with pytest.raises(TypeError, match=r"epoch"):
        make_config("lenet5", epoch=3)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"recipe": {"epoch": 1}}'])
def test_a_folder_that_holds_no_run_is_named(tmp_path, content):
    with pytest.raises(FileNotFoundError, match=r"^load_run: .* holds no run"):
        resume_run(tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"^load_run: .*config\.json is not the description of a"):
        load_run(tmp_path)
