"""PyTorch's switches can be set; misspelt ones are refused."""

import pytest

import minitorch_cnn as mt
import minitorch_cnn.backends.cudnn as cudnn


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    for name in ("benchmark", "deterministic", "enabled"):
        monkeypatch.setattr(cudnn, name, getattr(cudnn, name))


def test_settings_can_be_set_under_both_names():
    cudnn.benchmark = True
    mt.backends.cudnn.deterministic = True
    assert mt.backends.cudnn.benchmark and cudnn.deterministic
    assert not cudnn.is_available() and cudnn.version() is None
    assert not mt.backends.mps.is_available() and not mt.backends.mps.is_built()


def test_unknown_settings_and_values_are_refused():
    with pytest.raises(AttributeError, match=r"cudnn has no setting 'benchmrk'"):
        cudnn.benchmrk = True
    with pytest.raises(TypeError, match=r"cudnn.benchmark: 'yes' must be a bool"):
        cudnn.benchmark = "yes"
