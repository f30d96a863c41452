"""Files of PyTorch in both formats: read whole and right, or refused by name."""

import struct
import zipfile
from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.interop import load_torch
from tests.interop.torch_writer import (
    Name,
    Row,
    program,
    stacked_parts,
    tensor,
    write_stacked,
    write_zip,
    zip_bytes,
    zip_members,
)

WEIGHT = Row("0", "FloatStorage", np.arange(6, dtype=np.float32))
COUNT = Row("1", "LongStorage", np.int64([7]))
STATE = OrderedDict({"weight": tensor(WEIGHT, (2, 3)), "count": tensor(COUNT, ())})


@pytest.fixture(params=[write_zip, write_stacked])
def write(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.pth"


def is_refused(path, reason):
    with pytest.raises(ValueError, match=rf"^load_torch: .*a\.pth is refused: .*{reason}"):
        load_torch(path)


# --------------------------------------------------------------------------------------- weights


def written_by_hand(state):
    """A model's state dict as what the writer takes."""
    kinds = {"f": "FloatStorage", "i": "LongStorage"}
    rows = {name: Row(name, kinds[x.dtype.kind], x.numpy().ravel()) for name, x in state.items()}
    return OrderedDict((name, tensor(row, state[name].shape)) for name, row in rows.items())


SMALL = {
    "lenet5": {},
    "alexnet": {"num_classes": 3, "width": 1 / 32},
    "vgg11_bn": {"num_classes": 3, "width": 1 / 32},
}


@pytest.mark.parametrize("name", SMALL)
def test_a_file_of_weights_loads_into_a_model_by_its_keys(write, path, name):
    """The order in the file is of no matter: it is turned round."""
    trained, model = (mt.models.create_model(name, **SMALL[name]).eval() for _ in range(2))
    state = written_by_hand(trained.state_dict())
    write(path, OrderedDict(reversed(state.items())))
    assert model.load_state_dict(load_torch(path)) == ([], [])
    x = mt.randn(2, 1, 32, 32) if name == "lenet5" else mt.randn(2, 3, 64, 64)
    np.testing.assert_array_equal(model(x).tolist(), trained(x).tolist())


def test_a_file_of_another_model_names_the_keys_that_do_not_fit(write, path):
    write(path, STATE)
    with pytest.raises(RuntimeError, match=r"missing 0\.weight, 0\.bias; unexpected weight, count"):
        mt.nn.Sequential(mt.nn.Linear(3, 2)).load_state_dict(load_torch(path))


def test_loaded_tensors_can_be_written_to(write, path):
    write(path, STATE)
    weight = load_torch(path)["weight"]
    weight += 1
    assert weight.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"^load_torch: there is no file .*a\.pth"):
        load_torch(path)


def test_a_pickle_of_something_else_is_named(path):
    path.write_bytes(b"\x80\2N.")
    is_refused(path, "it is a pickle that does not begin with PyTorch's magic number")


def test_every_truncated_file_is_refused(write, path):
    write(path, STATE)
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        is_refused(path, "")


# ------------------------------------------------------------------------------------------- zip

MEMBERS = {
    "no pickle": (
        lambda m: m.pop("a/data.pkl"),
        "not of torch.save: it has no data.pkl, but a/byteorder",
    ),
    "TorchScript": (
        lambda m: m.update({"a/constants.pkl": b""}),
        r"TorchScript program .*: save its state_dict\(\)",
    ),
    "another folder": (lambda m: m.update({"b/data/7": b""}), "in several folders; expected one"),
    "no folder": (lambda m: m.update({"data": b""}), "'data' has no place"),
    "a way up": (lambda m: m.update({"a/../x": b""}), r"'a/\.\./x' has no place"),
    "a way out": (lambda m: m.update({"../x": b""}), r"'\.\./x' has no place"),
    "from the root": (lambda m: m.update({"/etc/x": b""}), "'/etc/x' has no place"),
    "backslashes": (lambda m: m.update({r"a/data\0": b""}), "has no place"),
    "no storage": (lambda m: m.pop("a/data/0"), "storage '0' is missing; expected 6 numbers"),
    "a short storage": (
        lambda m: m.update({"a/data/0": bytes(20)}),
        "storage '0' has 20 bytes; expected 6 numbers of torch.FloatStorage",
    ),
    "a long storage": (lambda m: m.update({"a/data/0": bytes(28)}), "storage '0' has 28 bytes"),
    "big-endian": (lambda m: m.update({"a/byteorder": b"big"}), "byteorder is not 'little'"),
}


@pytest.mark.parametrize("change, reason", MEMBERS.values(), ids=MEMBERS)
def test_an_archive_of_wrong_members_is_refused(path, change, reason):
    members = zip_members(STATE)
    change(members)
    path.write_bytes(zip_bytes(members))
    is_refused(path, reason)


def test_older_archives_have_no_byteorder_and_later_ones_more_members(path):
    members = zip_members(STATE)
    del members["a/byteorder"]
    path.write_bytes(zip_bytes(members | {"a/.data/serialization_id": b"12"}))
    assert load_torch(path)["count"].item() == 7


def test_a_member_that_occurs_twice_is_refused(path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        for name, content in [*zip_members(STATE).items(), ("a/data/0", bytes(24))]:
            archive.writestr(name, content)
    is_refused(path, "'a/data/0' has no place or occurs twice")


def test_compressed_members_are_refused_unread(path):
    bomb = Row("0", "FloatStorage", np.zeros(10**6, np.float32))
    path.write_bytes(zip_bytes(zip_members(tensor(bomb, (10**6,))), zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 10_000
    is_refused(path, "'a/data.pkl' is compressed")


def central_entries(whole: bytes):
    """Where the entries of a zip archive's directory begin."""
    place = whole.find(b"PK\1\2")
    while place >= 0:
        yield place
        place = whole.find(b"PK\1\2", place + 4)


def test_a_member_that_lies_about_its_size_is_refused(path):
    whole = bytearray(zip_bytes(zip_members(STATE)))
    entry = next(p for p in central_entries(whole) if whole[p + 46 :].startswith(b"a/data/0"))
    whole[entry + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)  # packed, unpacked
    path.write_bytes(whole)
    is_refused(path, "claim more than the .* bytes of the file")
    whole[entry + 20 : entry + 28] = struct.pack("<II", 24, 2**31)
    path.write_bytes(whole)
    is_refused(path, "not as long or where it says")


def test_members_on_top_of_one_another_are_refused(path):
    numbers = np.zeros(500, np.float32)
    rows = [Row(str(i), "FloatStorage", numbers) for i in range(9)]
    whole = bytearray(zip_bytes(zip_members([tensor(row, (500,)) for row in rows])))
    entries = [p for p in central_entries(whole) if b"a/data/" in whole[p + 46 : p + 53]]
    for entry, after in pairwise(entries):
        whole[after + 42 : after + 46] = whole[entry + 42 : entry + 46]
    path.write_bytes(whole)
    is_refused(path, "damaged")


def test_a_member_whose_bytes_have_changed_is_refused(path):
    whole = zip_bytes(zip_members(STATE))
    path.write_bytes(whole.replace(WEIGHT.numbers.tobytes(), np.float32(range(1, 7)).tobytes()))
    is_refused(path, r"damaged or truncated \(Bad CRC-32")


# --------------------------------------------------------------------------------------- stacked


def with_part(index, content):
    parts = stacked_parts(STATE)
    parts[index] = content
    return b"".join(parts)


STACKED = {
    "another magic number": (with_part(0, program(17)), "not begin with PyTorch's magic number"),
    "another version": (with_part(1, program(1002)), "version of its format is not 1001"),
    "big-endian": (with_part(2, program({"little_endian": False})), "not written as little-endian"),
    "no machine": (with_part(2, program(None)), "not written as little-endian"),
    "keys that are missing": (with_part(4, program(["0"])), "not that of its tensors"),
    "keys twice": (with_part(4, program(["0", "1", "1"])), "not that of its tensors"),
    "other keys": (with_part(4, program(["0", "2"])), "not that of its tensors"),
    "keys that are none": (with_part(4, program([0, 1])), "no list of keys"),
    "a name among the keys": (with_part(4, program([Name("os.system")])), "asks for os.system"),
    "a count that is another": (
        with_part(5, struct.pack("<q", 5) + bytes(20)),
        "storage '0' has 5 numbers, expected 6",
    ),
    "a negative count": (with_part(5, struct.pack("<q", -1) + bytes(24)), "expected 6"),
    "more bytes": (with_part(6, struct.pack("<qq", 1, 7) + b"\0"), "1 bytes follow its last"),
    "fewer bytes": (with_part(6, struct.pack("<qi", 1, 7)), "is not all there"),
}


@pytest.mark.parametrize("content, reason", STACKED.values(), ids=STACKED)
def test_stacked_pickles_that_are_not_as_expected_are_refused(path, content, reason):
    path.write_bytes(content)
    is_refused(path, reason)


def test_storages_that_claim_more_than_the_file_has_are_refused_unallocated(path):
    class Claim(Row):
        def reference(self, stacked):
            return (*super().reference(stacked)[:4], 2**50, None)

    write_stacked(path, tensor(Claim("0", "DoubleStorage", np.zeros(1)), (1,)))
    is_refused(path, r"its storages claim more than the \d+ bytes of the file")


# --------------------------------------------------------------------------------------- PyTorch


@pytest.fixture(params=[True, False], ids=["zip", "stacked"])
def saved(request, path):
    """Save a value with PyTorch in one of its two formats and read it with load_torch."""
    torch = pytest.importorskip("torch")

    def saved_and_read(value):
        torch.save(value, path, _use_new_zipfile_serialization=request.param)
        return load_torch(path)

    return saved_and_read


def assert_same(ours, theirs):
    """Equal types, nesting, dtypes, shapes, strides and numbers."""
    import torch

    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, mt.nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
        assert ours.requires_grad == theirs.requires_grad
        theirs = theirs.detach()
        if theirs.dtype == torch.bfloat16:
            assert str(ours.dtype) == ("bfloat16" if mt.dtypes.has_bfloat16() else "float32")
            ours, theirs = ours.float(), theirs.float()
        theirs = theirs.numpy()
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_array_equal(ours.detach().numpy(), theirs)
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs) and list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, list | tuple) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    else:
        assert type(ours) is type(theirs) and ours == theirs


def test_what_pytorch_saves_comes_back_as_it_was(saved):
    torch = pytest.importorskip("torch")
    x = torch.arange(24.0).reshape(2, 3, 4)
    names = "float16 bfloat16 float32 float64 uint8 int8 int16 int32 int64 bool"
    value = {
        "dtypes": [x.to(getattr(torch, name)) for name in names.split()],
        "views": (x.permute(2, 0, 1), x[:, 1:, ::2], x[1, 2, 3], x[:0], x[0, 0, :1].expand(5, 4)),
        "memory": x.contiguous(memory_format=torch.preserve_format).mT,
        "learned": [torch.nn.Parameter(x), torch.nn.Parameter(x, False), x[0].requires_grad_()],
        "plain": OrderedDict(a=1, b=-2.5, c=None, d="text", e=True, f=2**70, size=x.shape),
    }
    assert_same(saved(value), value)


def test_attributes_and_classes_of_tensors_are_dropped(saved):
    torch = pytest.importorskip("torch")

    class Image(torch.Tensor):
        pass

    named, weight = torch.arange(3.0), torch.nn.Parameter(torch.ones(2))
    named.label = weight.lr_scale = "x"
    named_weight = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    named_weight.note = {"a": 1}
    value = {"named": named, "weight": weight, "frozen": named_weight}
    assert_same(saved(value), value)
    globals()["Image"] = Image
    Image.__qualname__ = "Image"
    found = saved({"image": torch.arange(2.0).as_subclass(Image)})
    assert type(found["image"]) is mt.Tensor and found["image"].tolist() == [0, 1]


def test_the_weights_of_pytorchs_layers_come_back(saved):
    nn = pytest.importorskip("torch").nn
    layers = [nn.Conv2d(2, 4, 3, groups=2), nn.BatchNorm2d(4), nn.Linear(3, 2), nn.LSTM(3, 2, 2)]
    for state in [layer.state_dict() for layer in (*layers, nn.Sequential(*layers))]:
        assert_same(saved(state), state)


def test_an_optimizers_state_comes_back(saved):
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    assert_same(saved(checkpoint), checkpoint)


def test_other_kinds_of_pytorchs_tensors_are_refused_by_name(saved):
    torch = pytest.importorskip("torch")
    kinds = {
        "sparse": torch.eye(2).to_sparse(),
        "complex": torch.zeros(2, dtype=torch.complex64),
        "float8_e4m3fn": torch.zeros(2, dtype=torch.float8_e4m3fn),
        "without numbers": torch.zeros(2, device="meta"),
        r"save its state_dict\(\)": torch.nn.ReLU(),
        "torch.float32": torch.float32,
    }
    for kind, value in kinds.items():
        with pytest.raises(ValueError, match=rf"^load_torch: .*a\.pth is refused: .*{kind}"):
            saved(value)


def vgg11_bn_of_pytorch(width, num_classes):
    """Net A as torchvision names its layers, with `width` times the channels."""
    from torch import nn

    layers, channels = [], 3
    for wanted in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if wanted == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            inputs, channels = channels, int(wanted * width)
            layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm2d(channels)]
            layers.append(nn.ReLU())
    units = int(4096 * width)
    linear = [nn.Linear(channels * 49, units), nn.ReLU(), nn.Dropout()]
    linear += [nn.Linear(units, units), nn.ReLU(), nn.Dropout(), nn.Linear(units, num_classes)]
    names = {"features": layers, "classifier": linear}
    net = nn.ModuleDict({name: nn.Sequential(*part) for name, part in names.items()}).eval()
    pool = nn.AdaptiveAvgPool2d(7)
    return net, lambda x: net["classifier"](pool(net["features"](x)).flatten(1))


def test_a_model_with_pytorchs_weights_has_pytorchs_outputs(saved):
    torch = pytest.importorskip("torch")
    theirs, forward = vgg11_bn_of_pytorch(1 / 32, 3)
    with torch.no_grad():
        for weights in theirs.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
        for name, statistic in theirs.named_buffers():
            if "running" in name:
                statistic.uniform_(0.5, 2)
    ours = mt.models.create_model("vgg11_bn", **SMALL["vgg11_bn"]).eval()
    ours.load_state_dict(saved(theirs.state_dict()))
    x = np.random.default_rng(0).standard_normal((2, 3, 48, 40), np.float32)
    expected = forward(torch.from_numpy(x)).detach().numpy()
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(
        ours(mt.from_numpy(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-5
    )
