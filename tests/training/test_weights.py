"""Weights of other programs load into their models, and into no others."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms as T
from minitorch_cnn.models import create_model, list_models, model_entry
from minitorch_cnn.training import (
    Recipe,
    load_weights,
    make_config,
    preprocessing,
    read_weights,
)


@pytest.fixture(autouse=True)
def seed():
    mt.manual_seed(0)


def small(name="resnet18", **settings):
    return create_model(name, **{"num_classes": 4, "width": 1 / 8, **settings})


def same(a, b):
    return all(mt.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


@pytest.fixture
def written(tmp_path):
    """A model, and the file that holds its weights."""
    model = small()
    mt.save(model.state_dict(), tmp_path / "weights.safetensors")
    return model, tmp_path / "weights.safetensors"


def test_a_file_gives_the_model_its_weights(written):
    model, path = written
    other = small()
    assert not same(model.state_dict(), other.state_dict())
    assert load_weights(other, path) == []
    assert same(model.state_dict(), other.state_dict())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
def test_a_file_of_torch_is_unwrapped(tmp_path, wrapper, zipped):
    torch = pytest.importorskip("torch")
    model, other = small(), small()
    state = {f"module.{k}": torch.from_numpy(v.numpy()) for k, v in model.state_dict().items()}
    found = state if wrapper is None else {wrapper: state, "epoch": 3}
    torch.save(found, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    load_weights(other, tmp_path / "w.pth")
    assert same(model.state_dict(), other.state_dict())


def test_what_holds_no_weights_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    for found in ({"epoch": 3}, [1, 2], {}):
        torch.save(found, tmp_path / "w.pth")
        with pytest.raises(ValueError, match=r"^read_weights: .*w.pth holds no state_dict"):
            read_weights(tmp_path / "w.pth")
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "none.pth")
    (tmp_path / "w.pth").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"w\.pth is refused"):
        read_weights(tmp_path / "w.pth")


def test_a_file_of_another_model_is_refused_with_what_is_wrong(written):
    _, path = written
    deeper = small("resnet34")
    before = {k: v.numpy().copy() for k, v in deeper.state_dict().items()}
    with pytest.raises(ValueError, match=r"^load_weights: .* is not for this ResNet: it lacks "):
        load_weights(deeper, path)
    assert all(np.array_equal(before[k], v.numpy()) for k, v in deeper.state_dict().items())
    with pytest.raises(ValueError, match=r"it lacks .* and \d+ more, and it has besides "):
        load_weights(small("vgg11"), path)
    with pytest.raises(ValueError, match=r"other shapes: conv1\.weight \(8, 3, 7, 7\) for \(16, 3"):
        load_weights(small(width=1 / 4), path)


def test_other_classes_are_refused_or_begin_anew(written):
    model, path = written
    other = small(num_classes=7)
    with pytest.raises(ValueError, match=r"other shapes: fc\.weight \(4, 64\) for \(7, 64\)"):
        load_weights(other, path)
    head = other.fc.weight.detach().numpy().copy()
    assert load_weights(other, path, new_classes=True) == ["fc.weight", "fc.bias"]
    assert np.array_equal(other.fc.weight.detach().numpy(), head)
    assert mt.equal(other.conv1.weight, model.conv1.weight)


def test_heads_are_left_out_where_the_model_has_none(tmp_path):
    name, settings = "googlenet_torchvision", {"num_classes": 3, "width": 1 / 8}
    model = create_model(name, aux=True, **settings)
    mt.save(model.state_dict(), tmp_path / "w.safetensors")
    plain = create_model(name, **settings)
    load_weights(plain, tmp_path / "w.safetensors")
    assert mt.equal(plain.conv1.conv.weight, model.conv1.conv.weight)
    again = create_model(name, aux=True, **settings)
    load_weights(again, tmp_path / "w.safetensors")
    assert same(again.state_dict(), model.state_dict())


def test_images_are_cut_and_scaled_as_is_usual_where_no_weights_are_published():
    for name in ("preact_resnet50", "resnet200"):
        usual = preprocessing(name)
        assert (usual.resize, usual.crop) == (256, 224) and usual.mean == (0.485, 0.456, 0.406)
    assert (preprocessing("resnet20_cifar").resize, preprocessing("lenet5").mean) == (32, (0.5,))
    image = np.random.default_rng(0).random((3, 300, 260), dtype=np.float32)
    assert all(
        preprocessing(n).transform()(np.ones((c, 400, 350), np.float32)).shape == (c, s, s)
        for n, c, s in (("vgg16", 3, 224), ("inception_v3", 3, 299), ("lenet5", 1, 32))
    )
    usual = preprocessing("resnet50")
    expected = T.Compose([T.Resize(256), T.CenterCrop(224), T.Normalize(usual.mean, usual.std)])
    assert np.array_equal(usual.transform()(image), expected(image))
    for settings, reason in (
        ({"crop": 300}, "crop=300 must be at most resize=256"),
        ({"interpolation": "cubic"}, "interpolation='cubic' must be bilinear or bicubic"),
        ({"channels": "GRB"}, "channels='GRB' must be RGB or BGR"),
    ):
        with pytest.raises(ValueError, match=f"^Preprocessing: {reason}"):
            replace(usual, **settings)


# What goes with the published files: the shorter side, the crop, and what becomes of a pixel
# (r, g, b) in 0..255. Written out by hand from torchvision's presets (inception_v3 and googlenet
# with their transform_input), timm's default_cfgs and pretrained-models.pytorch.
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def imagenet(rgb):
    return (rgb / 255 - MEAN) / STD


def half(rgb):
    return rgb / 127.5 - 1


PUBLISHED = {
    "resnet50": (256, 224, "bilinear", imagenet),
    "vgg16": (256, 224, "bilinear", imagenet),
    "resnext101_64x4d": (232, 224, "bilinear", imagenet),
    "shufflenet_v2_x1_0": (256, 224, "bilinear", imagenet),
    "shufflenet_v2_x2_0": (232, 224, "bilinear", imagenet),
    "senet154": (256, 224, "bilinear", imagenet),
    "ghostnet_100": (256, 224, "bicubic", imagenet),
    "googlenet_torchvision": (256, 224, "bilinear", half),
    "inception_v3": (342, 299, "bilinear", half),
    "inception_v4": (341, 299, "bicubic", half),
    "inception_resnet_v2": (333, 299, "bicubic", half),
    "xception": (333, 299, "bicubic", half),
    "nasnet_a_large": (363, 331, "bicubic", half),
    "nasnet_a_mobile": (256, 224, "bilinear", half),
    "mobilenet_v1_100": (256, 224, "bicubic", half),
    "dpn92": (256, 224, "bicubic", lambda rgb: (rgb - [124, 117, 104]) * 0.0167),
    "efficientnet_lite0": (256, 224, "bicubic", lambda rgb: (rgb - 127) / 128),
    "efficientnet_lite4": (332, 300, "bilinear", lambda rgb: (rgb - 127) / 128),
    "bn_inception": (256, 224, "bilinear", lambda rgb: rgb[::-1] - [104, 117, 128]),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_images_are_cut_and_scaled_as_the_published_weights_expect(name):
    resize, crop, interpolation, expected = PUBLISHED[name]
    found = preprocessing(name)
    assert (found.resize, found.crop, found.interpolation) == (resize, crop, interpolation)
    image = np.full((3, 8, 8), 0, np.float32) + np.float32([255, 64, 16])[:, None, None] / 255
    image = replace(found, resize=8, crop=8).transform()(image)
    np.testing.assert_allclose(image[:, 4, 4], expected(np.array([255.0, 64, 16])), rtol=1e-5)


def test_every_model_whose_names_are_those_of_a_published_file_says_what_it_expects():
    """Those of published files are beside the tests of the models."""
    keys = Path(__file__).parents[1] / "models" / "keys"
    names = {re.split("[.(]", path.name)[0] for path in keys.iterdir()} & set(list_models())
    assert len(names) > 40
    assert [name for name in sorted(names) if model_entry(name).preprocessing is None] == []


def test_a_model_that_renormalises_its_input_takes_imagenets():
    with_it = preprocessing("inception_v3", transform_input=True)
    assert [*with_it.mean, *with_it.std] == MEAN + STD
    model = create_model("inception_v3", width=1 / 16, num_classes=2, transform_input=True)
    image = np.random.default_rng(0).random((3, 8, 8), dtype=np.float32)
    x, y = (
        mt.tensor(replace(p, resize=8, crop=8).transform()(image)[None])
        for p in (preprocessing("inception_v3"), with_it)
    )
    np.testing.assert_allclose(model.rescale(y).numpy(), x.numpy(), rtol=1e-4, atol=1e-6)


def test_all_models_have_a_preprocessing():
    assert all(preprocessing(name).crop for name in list_models())


def test_a_run_from_published_weights_keeps_their_preprocessing():
    recipe = make_config("bn_inception", "folder", "x", weights="w.pth").recipe
    assert recipe.channels == "BGR"
    image = np.float32([255, 64, 16])[:, None, None] / 255 + np.zeros((3, 9, 9), np.float32)
    for train in (True, False):
        found = Recipe(**json.loads(json.dumps(asdict(recipe)))).transform(8, train)(image)
        np.testing.assert_allclose(found[:, 4, 4], [16 - 104, 64 - 117, 255 - 128], rtol=1e-5)
    alexnet = make_config("alexnet", "cifar10", "x", weights="w.pth").recipe
    assert list(alexnet.std) == STD
    assert make_config("alexnet", "cifar10", "x").recipe.std != alexnet.std
    renormalised = {"model_settings": {"transform_input": True}, "weights": "w.pth"}
    config = make_config("inception_v3", "folder", "x", **renormalised)
    assert list(config.recipe.mean) == MEAN
    grey = make_config("lenet5", "digits", weights="w.pth").recipe
    assert grey == make_config("lenet5", "digits").recipe
    own = {"mean": (0.5,), "std": (0.5,)}
    assert make_config("resnet18", "folder", "x", weights="w", **own).recipe.mean == (0.5,)


def test_a_file_of_a_run_says_how_colours_were_scaled(tmp_path):
    file = tmp_path / "w.safetensors"
    said = {"channels": "BGR", "mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 3.0]}
    mt.save({}, file, {"preprocessing": json.dumps(said)})
    found = preprocessing("inception_v3", weights=file)
    assert (found.channels, found.mean, found.std) == ("BGR", (0.1, 0.2, 0.3), (1, 2, 3))
    assert (found.resize, found.crop) == (342, 299)
    recipe = make_config("resnet18", "cifar10", "x", weights=str(file)).recipe
    assert (recipe.channels, list(recipe.mean)) == ("BGR", said["mean"])
    mt.save({}, file, {"preprocessing": json.dumps({"channels": "RGB", "mean": [0.5], "std": [1]})})
    assert make_config("lenet5", weights=str(file)).recipe.mean == (0.5,)
    for text in ("", "{}", "[1]", '{"channels": "RGB", "mean": 3, "std": [1]}'):
        mt.save({}, file, {"preprocessing": text})
        with pytest.raises(
            ValueError, match=r"^preprocessing: .*w\.safetensors says preprocessing="
        ):
            preprocessing("resnet18", weights=file)
