"""How tensors are printed."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import printing


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(printing, "_options", dict(printing._options))


def test_decimal_places_are_set():
    x = mt.tensor([1 / 3, 2.0])
    assert repr(x) == "tensor([0.3333, 2.    ])"
    mt.set_printoptions(precision=2)
    assert repr(x) == "tensor([0.33, 2.  ])"
    mt.set_printoptions(profile="default")
    assert repr(x) == "tensor([0.3333, 2.    ])"


def test_long_tensors_are_cut_as_asked():
    x = mt.arange(2000)
    assert repr(x) == "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"
    mt.set_printoptions(profile="short")
    assert repr(x) == "tensor([   0,    1, ..., 1998, 1999])"
    mt.set_printoptions(threshold=float("inf"), linewidth=10**6)
    assert repr(x).count(",") == 1999 and "\n" not in repr(x)
    mt.set_printoptions(profile="full", edgeitems=1, threshold=3)
    assert repr(x) == "tensor([   0, ..., 1999])"


def test_exponents_are_as_asked():
    x = mt.tensor([1e-3, 12345.0])
    mt.set_printoptions(precision=2, sci_mode=True)
    assert repr(x) == "tensor([1.00e-03, 1.23e+04])"
    mt.set_printoptions(sci_mode=False)
    assert repr(x) == "tensor([0.00, 12345.00])"
    assert repr(mt.tensor([1, 2])) == "tensor([1, 2])"


def test_numpys_own_options_stay_and_others_are_refused():
    before = np.get_printoptions()
    mt.set_printoptions(precision=1)
    assert np.get_printoptions() == before
    for settings, message in [({"profile": "tiny"}, "profile='tiny'"), ({"precision": -1}, "prec")]:
        with pytest.raises(ValueError, match=f"^set_printoptions: {message}"):
            mt.set_printoptions(**settings)
