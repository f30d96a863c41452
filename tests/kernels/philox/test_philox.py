"""Philox4x32-10: known answers, and every implementation against the definition."""

import numpy as np
import pytest

from minitorch_cnn.kernels import philox, use
from minitorch_cnn.kernels.cuda.emulator import emulated
from minitorch_cnn.kernels.dispatch import available
from tests.kernels.implementation_check import other_implementations

HOST = np.zeros(())
# (counter, key) -> words, most significant first within a word: the published vectors of
# Random123 (D. E. Shaw Research), kat_vectors, philox4x32 with 10 rounds.
KNOWN = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)


def like(implementation: str):
    """An array of the device on which an implementation runs."""
    if implementation == "emulator":
        from minitorch_cnn.kernels.cuda.array import to_emulator

        return to_emulator(HOST)
    if implementation == "cuda":
        import cupy

        return cupy.zeros(())
    return HOST


def drawn(implementation: str, name: str, *args, **settings):
    """The numbers of a function on the host."""
    with use(implementation), emulated(guards=True, order="shuffled"):
        found = getattr(philox, name)(*args, like=like(implementation), **settings)
    return found if type(found) is np.ndarray else found.get()


@pytest.mark.parametrize("implementation", available("philox"))
@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_the_published_vectors_come_out(implementation, counter, key, words):
    (a, b, c, d), (e, f) = counter, key
    first, stream, number = 4 * (a | b << 32), c | d << 32, e | f << 32
    found = drawn(implementation, "random_bits", 4, number, first=first, stream=stream)
    assert found.tolist() == list(words) and found.dtype == np.uint32


@pytest.mark.parametrize("implementation", other_implementations("philox"))
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("first", [0, 1, 6, 4 * 10**12 + 3])
def test_every_implementation_draws_the_numbers_of_the_definition(implementation, dtype, first):
    key = 0x9F3C_5A77_0123_4567
    for name, tolerance in (("uniform", 0), ("normal", 2e-6 if dtype == "f4" else 1e-14)):
        expected = drawn("loops", name, 37, dtype, key, first=first)
        found = drawn(implementation, name, 37, dtype, key, first=first)
        assert found.dtype == expected.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    for p in (0.0, 0.3, 1.0):
        expected = drawn("loops", "keep_mask", 37, p, key, first=first)
        assert (drawn(implementation, "keep_mask", 37, p, key, first=first) == expected).all()


@pytest.mark.parametrize("implementation", available("philox"))
def test_a_part_is_drawn_as_of_the_whole_and_nothing_is_empty(implementation):
    for name, dtype in (("uniform", "f4"), ("uniform", "f8"), ("normal", "f4"), ("normal", "f8")):
        whole = drawn(implementation, name, 40, dtype, 7)
        parts = [drawn(implementation, name, 9, dtype, 7, first=n) for n in (0, 9, 18)]
        np.testing.assert_array_equal(np.concatenate(parts), whole[:27])
        assert drawn(implementation, name, 0, dtype, 7).shape == (0,)


@pytest.mark.parametrize("implementation", other_implementations("philox"))
def test_numbers_have_the_moments_of_their_distributions(implementation):
    n = 20_000
    u, z = (drawn(implementation, name, n, "f4", 99).astype("f8") for name in ("uniform", "normal"))
    assert u.min() >= 0 and u.max() < 1
    for x, mean, variance, fourth in ((u, 1 / 2, 1 / 12, 1 / 80), (z, 0, 1, 3)):
        assert abs(x.mean() - mean) < 5 * np.sqrt(variance / n)
        assert abs(x.var() - variance) < 5 * np.sqrt((fourth - variance**2) / n)
    kept = drawn(implementation, "keep_mask", n, 0.2, 99)
    assert abs(kept.mean() - 0.8) < 5 * np.sqrt(0.16 / n)


def test_a_key_on_the_device_is_read_when_numbers_are_drawn():
    if "emulator" not in available("philox"):
        pytest.skip("no g++ on Linux")
    key = np.array(12345, np.uint64).view(type(like("emulator")))
    found = philox.uniform(8, "f4", key, like("emulator")).get()
    assert found.tolist() == drawn("loops", "uniform", 8, "f4", 12345).tolist()


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match=r"^uniform: dtype=int64 must be float32 or float64"):
        philox.uniform(3, np.int64, 0, HOST)
