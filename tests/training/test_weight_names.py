"""Weights load under the names that wrappers, tools and other libraries have given them."""

import re
from collections import OrderedDict

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.models import create_model
from minitorch_cnn.training import load_weights, read_weights
from minitorch_cnn.training.weight_names import fitted
from tests.interop.torch_writer import Call, Row, tensor, write_stacked, write_zip

SIZES = {"num_classes": 3, "width": 1 / 16}


@pytest.fixture(autouse=True)
def seed():
    mt.manual_seed(0)


def arrays_of(model):
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}


def loads(name, tmp_path, change, **settings):
    """Whether a new model has the weights of another whose file has gone through `change`."""
    trained, model = (create_model(name, **{**SIZES, **settings}) for _ in range(2))
    mt.save(change(arrays_of(trained)), tmp_path / "w.safetensors")
    kept = load_weights(model, tmp_path / "w.safetensors")
    pairs = zip(arrays_of(trained).items(), arrays_of(model).values(), strict=True)
    counters = ".num_batches_tracked"
    different = [k for (k, a), b in pairs if not np.array_equal(a, b) and not k.endswith(counters)]
    return different == [] == kept


def named(pattern, replacement):
    return lambda state: {re.sub(pattern, replacement, name): a for name, a in state.items()}


PREFIXES = ["module.", "_orig_mod.", "model.", "net.", "backbone.", "encoder.", "network."]
PREFIXES += ["module._orig_mod.", "_orig_mod.module.", "model.module.", "student.net.backbone."]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_of_all_names_is_taken_off(tmp_path, prefix):
    assert loads("resnet18", tmp_path, named("^", prefix))


def test_wrappers_within_names_are_taken_off(tmp_path):
    """The ImageNet example of PyTorch wraps the features of AlexNet and VGG only."""
    assert loads("vgg11", tmp_path, named(r"^features\.", "features.module."))
    assert loads("alexnet", tmp_path, named(r"^features\.", "features._orig_mod.module."))


def test_a_prefix_that_does_not_make_the_names_fit_stays_and_is_said(tmp_path):
    model = create_model("resnet18", **SIZES)
    state = arrays_of(model)
    mt.save(state | {"head.extra": np.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"not for this ResNet: it has besides head\.extra$"):
        load_weights(model, tmp_path / "a.safetensors")
    both = {f"{p}.{k}": v for p in ("teacher", "student") for k, v in state.items()}
    mt.save(both, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"it has besides (teacher|student)\."):
        load_weights(model, tmp_path / "a.safetensors")


def test_counters_of_tools_are_left_out_at_any_depth(tmp_path):
    def counted(state):
        depths = ("", "conv1.", "layer1.0.bn2.")
        names = [f"{depth}total_{what}" for depth in depths for what in ("ops", "params")]
        return state | {name: np.zeros(1) for name in [*names, "n_averaged"]}

    assert loads("resnet18", tmp_path, counted)
    assert loads("ghostnet_100", tmp_path, counted)


def test_old_files_count_no_batches(tmp_path):
    def old(state):
        return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}

    assert loads("resnet18", tmp_path, old)


OLD_DENSENET = named(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_densenet_as_published(tmp_path, prefix):
    """denseblock1.denselayer1.norm.1.weight, as torchvision's files of 2017 have it."""

    def change(state):
        return named("^", prefix)(OLD_DENSENET(state))

    assert "features.denseblock1.denselayer1.norm.1.weight" in OLD_DENSENET(
        arrays_of(create_model("densenet121", **SIZES))
    )
    assert loads("densenet121", tmp_path, change)


LAST = {  # the model, what its last layer is called in another library
    "resnet18": ("fc", "last_linear"),
    "densenet121": ("classifier", "last_linear"),
    "dpn92": ("classifier", "last_linear"),
    "xception": ("fc", "last_linear"),
    "inception_resnet_v2": ("classif", "last_linear"),
    "senet154": ("last_linear", "fc"),
}


@pytest.mark.parametrize("name", LAST)
def test_the_last_layer_of_another_library_is_found(tmp_path, name):
    ours, theirs = LAST[name]
    names = create_model(name, **SIZES).state_dict()
    ours = ours if f"{ours}.weight" in names else list(names)[-1].rpartition(".")[0]
    assert loads(name, tmp_path, named(rf"^{re.escape(ours)}\.", f"{theirs}."))


def test_a_last_layer_that_is_a_convolution_here_and_linear_there(tmp_path):
    def linear(state):
        return state | {"classifier.weight": state["classifier.weight"][..., 0, 0]}

    assert loads("dpn92", tmp_path, linear)
    assert loads("resnet18", tmp_path, lambda s: s | {"fc.weight": s["fc.weight"][..., None, None]})


def test_vgg_as_timm_has_it(tmp_path):
    """Its linear layers are convolutions, the first over 7 x 7."""
    renamed = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2"}
    renamed["classifier.6"] = "head.fc"

    def change(state):
        found = {}
        for name, a in state.items():
            stem, _, last = name.rpartition(".")
            if stem in ("classifier.0", "classifier.3") and last == "weight":
                a = a.reshape(len(a), -1, *((7, 7) if stem == "classifier.0" else (1, 1)))
            found[f"{renamed.get(stem, stem)}.{last}"] = a
        return found

    assert loads("vgg11", tmp_path, change)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.net."])
@pytest.mark.parametrize("depth", [1.0, 1.8])
def test_efficientnet_as_efficientnet_pytorch_has_it(tmp_path, prefix, depth):
    """Blocks in one row, batch norms 0 to 2 in each, the first of which its first lacks."""

    def change(state):
        blocks = list(dict.fromkeys(re.findall(r"blocks\.\d+\.\d+", " ".join(state))))
        outside = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head"}
        outside |= {"bn2": "_bn1", "classifier": "_fc"}
        inside = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv"}
        inside |= {"bn2": "_bn1", "conv_pwl": "_project_conv", "bn3": "_bn2"}
        first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv"}
        first |= {"bn2": "_bn2"}
        found = {}
        for name, a in state.items():
            stem, _, weight = name.rpartition(".")
            block, _, layer = stem.rpartition(".")
            if block:
                layer = (inside if f"{block}.conv_pwl.weight" in state else first)[layer]
                found[f"{prefix}_blocks.{blocks.index(block)}.{layer}.{weight}"] = a
            else:
                found[f"{prefix}{outside[layer]}.{weight}"] = a
        return found

    assert loads("efficientnet_lite0", tmp_path, change, width=1 / 4, depth=depth)


def test_a_file_of_efficientnet_pytorch_of_another_depth_is_said(tmp_path):
    model = create_model("efficientnet_lite0", width=1 / 4, num_classes=3)
    state = {f"_blocks.{i}._bn1.weight": np.zeros(8) for i in (0, 16)} | {"_swish.a": np.zeros(1)}
    mt.save(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"it has besides _blocks\.16\._bn1\.weight, _swish\.a"):
        load_weights(model, tmp_path / "w.safetensors")


def test_batch_norms_with_a_leading_axis_of_one(tmp_path):
    """As the published file of BN-Inception has them."""

    def rows(state):
        return {k: v[None] if "_bn." in k and v.ndim == 1 else v for k, v in state.items()}

    assert loads("bn_inception", tmp_path, rows)


def test_numbers_that_lie_otherwise_keep_their_shape():
    own = {"a": mt.zeros(2, 6), "b": mt.zeros(3, 2), "c": mt.zeros(4, 2, 3, 3)}
    state = {"a": mt.zeros(3, 4), "b": mt.zeros(2, 3), "c": mt.zeros(4, 18)}
    assert {k: v.shape for k, v in fitted(state, own).items()} == {
        "a": (3, 4),
        "b": (2, 3),
        "c": (4, 18),
    }


def test_heads_that_a_file_lacks_stay_as_they_are(tmp_path):
    for name in ("googlenet_torchvision", "inception_v3"):
        plain = create_model(name, **SIZES)
        mt.save(plain.state_dict(), tmp_path / "w.safetensors")
        model = create_model(name, aux=True, **SIZES)
        before = arrays_of(model)
        kept = load_weights(model, tmp_path / "w.safetensors")
        assert kept and all(k.startswith(("aux1.", "aux2.", "AuxLogits.")) for k in kept)
        assert all(np.array_equal(before[k], model.state_dict()[k].numpy()) for k in kept)
        own = plain.state_dict()
        assert all(mt.equal(v, own[k]) for k, v in model.state_dict().items() if k in own)


def test_other_classes_are_said_in_a_sentence(tmp_path):
    mt.save(create_model("resnet18", **SIZES).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"it is for 3 classes \(num_classes=3\)$"):
        load_weights(
            create_model("resnet18", num_classes=5, width=1 / 16), tmp_path / "w.safetensors"
        )


# ------------------------------------------------------------------------------------- checkpoints


def by_hand(state, first=0):
    """A state as what the writers of PyTorch's formats take."""
    kinds = {"float32": "FloatStorage", "int64": "LongStorage"}
    numbered = enumerate(state.items(), first)
    rows = {k: Row(str(i), kinds[a.dtype.name], a.ravel()) for i, (k, a) in numbered}
    return OrderedDict((k, tensor(rows[k], state[k].shape)) for k in state)


STATE = {"0.weight": np.float32([[1, 2]]), "0.bias": np.float32([3])}
OTHER = {k: a + 10 for k, a in STATE.items()}
KEYS = ["state_dict", "model_state_dict", "model_state", "model", "module", "net", "network"]
KEYS += [
    "params",
    "weights",
    "state",
    "model_ema",
    "state_dict_ema",
    "ema",
    "params_ema",
    "unheard",
]


@pytest.mark.parametrize("write", [write_zip, write_stacked])
@pytest.mark.parametrize("key", KEYS)
def test_a_checkpoint_keeps_the_weights_under_a_known_key_or_the_only_one(tmp_path, write, key):
    options = Call("argparse.Namespace")
    optimizer = {"state": {0: {"step": 3}}, "param_groups": [{"lr": 0.1}]}
    write(
        tmp_path / "a", {"epoch": 3, key: by_hand(STATE), "args": options, "optimizer": optimizer}
    )
    found = read_weights(tmp_path / "a")
    assert {k: v.tolist() for k, v in found.items()} == {k: a.tolist() for k, a in STATE.items()}


def test_the_weights_come_before_their_average_and_through_two_wrappers(tmp_path):
    write_zip(tmp_path / "a", {"model_ema": by_hand(OTHER), "model": by_hand(STATE, 4)})
    assert read_weights(tmp_path / "a")["0.bias"].tolist() == [3]
    write_zip(tmp_path / "a", {"state": {"model": by_hand(STATE)}, "best": 3})
    assert read_weights(tmp_path / "a")["0.bias"].tolist() == [3]


def test_what_lies_beside_the_tensors_is_left_out(tmp_path):
    write_zip(tmp_path / "a", by_hand(STATE) | {"epoch": 3, "args": Call("argparse.Namespace")})
    assert list(read_weights(tmp_path / "a")) == list(STATE)


def test_a_whole_model_in_a_checkpoint_is_named(tmp_path):
    optimizer = {"state": {0: {"momentum": by_hand(STATE)["0.bias"]}}}
    write_zip(tmp_path / "a", {"model": Call("yolo.Net"), "optimizer": optimizer})
    with pytest.raises(ValueError, match=r"'model' is a whole yolo\.Net: save its state_dict\(\)"):
        read_weights(tmp_path / "a")


def test_several_models_in_a_file_are_named(tmp_path):
    write_zip(tmp_path / "a", {"generator": by_hand(STATE), "critic": by_hand(OTHER, 4)})
    with pytest.raises(ValueError, match=r"holds several models: 'generator', 'critic'"):
        read_weights(tmp_path / "a")
