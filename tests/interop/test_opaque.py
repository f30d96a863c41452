"""Objects beside the weights are neither created nor looked up; the weights load."""

import argparse
import collections
import datetime
import decimal
import enum
import functools
import pathlib
import pickle
import sys
import types
from collections import Counter, OrderedDict, defaultdict, namedtuple
from typing import ClassVar

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.interop import Opaque, load_torch
from minitorch_cnn.interop.opaque import is_harmless
from tests.interop.torch_writer import (
    Call,
    Name,
    Row,
    State,
    opcodes,
    tensor,
    write_stacked,
    write_zip,
    zip_bytes,
    zip_members,
)

ROW = Row("0", "FloatStorage", np.arange(3, dtype=np.float32))
WEIGHT = tensor(ROW, (3,))


class Phase(enum.Enum):
    TRAIN = "train"


class lower_case:
    """A class by such a name is told from a function by how the pickle makes its objects."""


class Options(dict):
    """A dict of a class of its own, with attributes."""


Pair = namedtuple("Pair", "a b")


def options():
    made = Options(lr=0.1)
    made.name = "x"
    return made


BESIDE = {
    "a number of NumPy": np.float64(93.1),
    "an integer of NumPy": np.int32(3),
    "an array": np.arange(6.0).reshape(2, 3),
    "an array of text": np.array(["a", "b"]),
    "a dtype of NumPy": np.dtype("f4"),
    "a type of NumPy": np.float32,
    "NumPy's random state": np.random.default_rng(0),
    "options": argparse.Namespace(lr=0.1, names=["a"]),
    "a counter": Counter("abca"),
    "a deque": collections.deque([1, 2]),
    "a date": datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),
    "a time span": datetime.timedelta(3),
    "a path": pathlib.PurePosixPath("/a/b"),
    "a slice": slice(1, 2),
    "a range": range(3),
    "a set": {1, 2},
    "a frozen set": frozenset([1, 2]),
    "a complex number": 1j,
    "an enum": Phase.TRAIN,
    "a class": Phase,
    "a dict of a class of its own": options(),
    "a named tuple": Pair(1, 2),
    "an object of a class in small letters": lower_case(),
    "a reference to a function": functools.reduce,
    "a decimal": decimal.Decimal("1.5"),
    "a namespace": types.SimpleNamespace(a=1),
}


def with_weights(pickled: bytes) -> bytes:
    """{"x": what `pickled` says, "w": WEIGHT}"""
    body = pickled[2:-1]  # without the protocol and the stop
    return b"\x80\5}(" + opcodes("x") + body + opcodes("w") + opcodes(WEIGHT) + b"u."


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("what", BESIDE.values(), ids=BESIDE)
def test_an_object_beside_the_weights_is_opaque(tmp_path, what, protocol):
    members = zip_members({"w": WEIGHT}) | {
        "a/data.pkl": with_weights(pickle.dumps(what, protocol))
    }
    (tmp_path / "a.pth").write_bytes(zip_bytes(members))
    found = load_torch(tmp_path / "a.pth")
    assert found["w"].tolist() == [0, 1, 2]
    assert type(found["x"]).__name__ in ("Opaque", "Global") and "." in found["x"].name


def test_data_of_pythons_own_stays_what_it_is(tmp_path):
    value = {"bytes": b"ab", "array of bytes": bytearray(b"ab"), "many": (1, [2.5, None, True])}
    body = with_weights(pickle.dumps(value, 5))
    members = zip_members({"w": WEIGHT}) | {"a/data.pkl": body}
    (tmp_path / "a.pth").write_bytes(zip_bytes(members))
    assert load_torch(tmp_path / "a.pth")["x"] == value


def test_a_defaultdict_is_a_dict_with_its_items(tmp_path):
    for write in (write_zip, write_stacked):
        made = Call("collections.defaultdict", (Name("builtins.dict"),))
        write(tmp_path / "a.pth", OrderedDict(w=WEIGHT, d=made))
        assert load_torch(tmp_path / "a.pth")["d"] == {}
    filled = pickle.dumps(defaultdict(list, a=[1]), 2)
    members = zip_members({"w": WEIGHT}) | {"a/data.pkl": with_weights(filled)}
    (tmp_path / "a.pth").write_bytes(zip_bytes(members))
    assert load_torch(tmp_path / "a.pth")["x"] == {"a": [1]}


class Loud:
    """A class whose objects are noticed: made, asked for a hash, filled."""

    seen: ClassVar[list] = []

    def __new__(cls, *_):
        cls.seen.append("made")
        return super().__new__(cls)

    def __setstate__(self, state):
        self.seen.append("set")

    def __reduce__(self):
        return Loud, (1,), {"x": 2}


def test_no_class_is_looked_up_or_made(tmp_path, monkeypatch):
    """Loud is there to be found, and a module that nobody has imported is not imported."""
    loud = Loud()
    Loud.seen.clear()
    (tmp_path / "unheard_of.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    others = [Call("unheard_of.Thing", (1,)), State(Call("unheard_of.Thing"), {"a": 1})]
    members = zip_members({"w": WEIGHT, "o": others, "c": Name("unheard_of.Thing")})
    (tmp_path / "a.pth").write_bytes(zip_bytes(members))
    found = load_torch(tmp_path / "a.pth")
    assert isinstance(found["o"][0], Opaque) and repr(found["o"][1]).startswith("<unheard_of.Thing")
    members["a/data.pkl"] = with_weights(pickle.dumps(loud, 4))
    Loud.seen.clear()
    (tmp_path / "a.pth").write_bytes(zip_bytes(members))
    assert load_torch(tmp_path / "a.pth")["x"].name.endswith("Loud")
    assert Loud.seen == [] and "unheard_of" not in sys.modules


@pytest.mark.parametrize("write", [write_zip, write_stacked])
@pytest.mark.parametrize(
    "value, reason",
    [
        (Call("argparse.Namespace"), "asks for argparse.Namespace, a class, and holds no tensor"),
        ({"model": Call("__main__.Net")}, r"__main__.Net, a class, .*save its state_dict\(\)"),
        ({"dtype": Name("torch.float32")}, "torch.float32 itself"),
    ],
)
def test_what_is_nothing_but_an_object_is_refused(tmp_path, write, value, reason):
    write(tmp_path / "a.pth", value)
    with pytest.raises(ValueError, match=rf"^load_torch: .*a\.pth is refused: it .*{reason}"):
        load_torch(tmp_path / "a.pth")


FUNCTIONS = ["os.system", "builtins.eval", "builtins.getattr", "functools.partial", "torch.load"]
FUNCTIONS += ["subprocess.Popen", "types.CodeType", "ctypes.CDLL", "posix.DirEntry"]
FUNCTIONS += ["operator.itemgetter", "numpy.load", "codecs.decode", "torch.hub.load"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_refused_even_beside_the_weights(tmp_path, name):
    write_zip(tmp_path / "a.pth", {"w": WEIGHT, "x": Call(name, ("true",))})
    with pytest.raises(ValueError, match=f"it asks for {name}, a function; .*nothing was executed"):
        load_torch(tmp_path / "a.pth")


def test_a_member_of_a_class_is_opaque_as_an_enum_of_python_3_11(tmp_path):
    """Its first releases write an enum as getattr(Phase, "TRAIN")."""
    call = Call("builtins.getattr", (Name("program.Phase"), "TRAIN"))
    write_zip(tmp_path / "a.pth", {"w": WEIGHT, "x": call})
    found = load_torch(tmp_path / "a.pth")
    assert found["w"].tolist() == [0, 1, 2] and repr(found["x"]) == "<program.Phase, not loaded>"
    for wrong in ((Name("os.system"), "x"), (Name("program.Phase"), 1), (Name("program.Phase"),)):
        write_zip(tmp_path / "a.pth", {"w": WEIGHT, "x": Call("builtins.getattr", wrong)})
        with pytest.raises(ValueError, match=r"it asks for builtins\.getattr, a function"):
            load_torch(tmp_path / "a.pth")


def test_a_partial_function_of_python_is_refused(tmp_path):
    pickled = with_weights(pickle.dumps(functools.partial(sorted), 4))
    members = zip_members({"w": WEIGHT}) | {"a/data.pkl": pickled}
    (tmp_path / "a.pth").write_bytes(zip_bytes(members))
    with pytest.raises(ValueError, match=r"asks for functools\.partial"):
        load_torch(tmp_path / "a.pth")


def test_keys_that_are_objects_become_opaque(tmp_path):
    value = {"w": WEIGHT, (1, 2): 3, Name("a.Callback"): 4, Call("a.Metric"): 5, WEIGHT: 6}
    write_zip(tmp_path / "a.pth", value)
    found = load_torch(tmp_path / "a.pth")
    assert found.pop("w").tolist() == [0, 1, 2]
    assert {key.name: x for key, x in found.items()} == {
        "builtins.tuple": 3,
        "a.Callback": 4,
        "a.Metric": 5,
        "torch.Tensor": 6,
    }


def test_keys_that_share_a_hash_are_refused_before_they_take_time(tmp_path):
    """n integers that are multiples of 2**61 - 1 would take n**2 / 2 comparisons."""
    write_zip(tmp_path / "a.pth", {"w": WEIGHT, "x": {k * (2**61 - 1): 0 for k in range(1, 9)}})
    with pytest.raises(ValueError, match="a dict with an integer of 61 bits as a key"):
        load_torch(tmp_path / "a.pth")


def test_names_of_functions_are_not_taken_for_classes():
    assert not any(map(is_harmless, FUNCTIONS))
    assert not is_harmless("torch.FloatStorage.__new__") and not is_harmless("x._")
    assert is_harmless("a.b.Net") and is_harmless("a._Net") and is_harmless("torch.device")


def test_pytorchs_own_checkpoint_with_objects_loads(tmp_path):
    torch = pytest.importorskip("torch")
    value = {
        "state_dict": OrderedDict(w=torch.arange(3.0)),
        "device": torch.device("cpu"),
        "dtype": torch.bfloat16,
        "size": torch.Size([2]),
        "best": np.float64(1.5),
        "seen": {torch.float32, "x"},
    }
    for zipped in (True, False):
        torch.save(value, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        found = load_torch(tmp_path / "a.pth")
        assert found["state_dict"]["w"].tolist() == [0, 1, 2] and found["size"] == (2,)
        assert isinstance(found["best"], Opaque)


def test_whole_optimizers_and_layers_of_pytorch_beside_the_weights_are_opaque(tmp_path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scaler = torch.amp.GradScaler("cpu")
    value = {"w": torch.arange(3.0), "x": [optimizer, scaler, torch.nn.ReLU(), torch.Generator()]}
    for zipped in (True, False):
        torch.save(value, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        found = load_torch(tmp_path / "a.pth")
        assert found["w"].tolist() == [0, 1, 2]
        assert [x.name.rpartition(".")[2] for x in found["x"][:3]] == ["Adam", "GradScaler", "ReLU"]


def test_a_whole_model_of_pytorch_is_refused_by_its_class(tmp_path):
    torch = pytest.importorskip("torch")
    for zipped in (True, False):
        torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match=r"Linear, a class, .*save its state_dict\(\)"):
            load_torch(tmp_path / "a.pth")


def test_the_weights_can_be_used(tmp_path):
    write_zip(tmp_path / "a.pth", {"w": WEIGHT, "x": Call("argparse.Namespace")})
    assert isinstance(load_torch(tmp_path / "a.pth")["w"] * 2, mt.Tensor)
