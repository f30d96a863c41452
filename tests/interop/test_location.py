"""PyTorch's forms of map_location."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn.interop.location import device_for


@pytest.mark.parametrize(
    "map_location",
    [
        None,
        "cpu",
        mt.device("cpu"),
        {"cuda:0": "cpu"},
        {},
        lambda storage, location: storage,
        lambda storage, location: storage.cpu(),
        lambda storage, location: location,
    ],
)
def test_a_file_is_loaded_to_the_cpu(map_location, tmp_path):
    mt.save({"w": mt.ones(2)}, tmp_path / "a.pth")
    found = mt.load(tmp_path / "a.pth", map_location=map_location)
    assert found["w"].tolist() == [1, 1] and found["w"].device == "cpu"


@pytest.mark.parametrize(
    "map_location",
    ["emulator", {"cuda:0": "emulator", "cpu": "emulator"}, lambda storage, location: "emulator"],
)
def test_tensors_go_where_it_says(map_location):
    assert device_for(map_location) == "emulator"


def test_a_gpu_is_asked_for_by_the_storage():
    with pytest.raises((RuntimeError, ValueError), match=r"^load: device='cuda:7'"):
        device_for(lambda storage, location: storage.cuda(7))


def test_what_says_no_device_is_refused():
    for wrong in (3, lambda storage, location: 3):
        with pytest.raises(TypeError, match=r"^load: map_location=.* must be the name"):
            device_for(wrong)
    with pytest.raises(ValueError, match=r"^load: map_location=.* must lead to one device"):
        device_for({"cuda:0": "cpu", "cuda:1": "emulator"})
    with pytest.raises(ValueError, match=r"^load: device='gpu' must be"):
        device_for("gpu")
