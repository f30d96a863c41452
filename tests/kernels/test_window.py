import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.window import adaptive_spans, receptive_field, taps

pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
pad = st.tuples(st.integers(0, 3), st.integers(0, 3))
size = st.tuples(st.integers(1, 12), st.integers(1, 12))


@st.composite
def windows(draw):
    return Window(draw(pair), draw(pair), (draw(pad), draw(pad)), draw(pair))


def positions_that_fit(window, axis, size):
    """Count window positions one by one, from the start of the padding to the end of it."""
    before, after = window.padding[axis]
    last_tap = window.dilation[axis] * (window.kernel[axis] - 1)
    start, count = -before, 0
    while start + last_tap <= size + after - 1:
        start, count = start + window.stride[axis], count + 1
    return count


def test_ints_and_lists_become_pairs():
    assert Window(3, 2, 1) == Window((3, 3), [2, 2], ((1, 1), (1, 1)))
    assert Window((3, 2), padding=(2, 1)).padding == ((2, 2), (1, 1))
    assert Window(3).stride == Window(3).dilation == (1, 1)
    assert hash(Window(3, 2)) == hash(Window((3, 3), (2, 2)))


@given(windows(), size)
@settings(max_examples=60, deadline=None)
def test_output_size_is_the_number_of_positions_that_fit(window, size):
    counted = tuple(positions_that_fit(window, axis, size[axis]) for axis in range(2))
    if min(counted) < 1:
        with pytest.raises(ValueError, match="more than the input"):
            window.output_size(*size)
    else:
        assert window.output_size(*size) == counted


@given(windows(), size)
@settings(max_examples=60, deadline=None)
def test_input_size_is_the_smallest_with_that_output(window, out):
    h, w = window.input_size(*out)
    if min(h, w) >= 1:
        assert window.output_size(h, w) == out
        assert window.output_size(h + window.stride[0] - 1, w) == out
        assert window.output_size(h, w + window.stride[1])[1] == out[1] + 1


@given(st.lists(windows(), min_size=1, max_size=4), size)
@settings(max_examples=60, deadline=None)
def test_a_chain_of_windows_has_the_output_of_its_receptive_field(chain, size):
    try:
        out = size
        for window in chain:
            out = window.output_size(*out)
    except ValueError:
        return
    assert receptive_field(chain).output_size(*size) == out


def test_the_receptive_field_of_vgg16s_convolutions_is_196():
    blocks = [2, 2, 3, 3, 3]
    chain = []
    for convolutions in blocks:
        chain += [Window(3, padding=1)] * convolutions + [Window(2, stride=2)]
    field = receptive_field(chain[:-1])
    assert field.kernel == (196, 196)
    assert field.stride == (16, 16)


@pytest.mark.parametrize("kernel", [1, 2, 3, (4, 5)])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_keeps_the_size_with_odd_padding_last(kernel, dilation):
    window = Window.same(kernel, dilation)
    assert window.output_size(9, 10) == (9, 10)
    assert all(0 <= after - before <= 1 for before, after in window.padding)


@given(windows(), size)
@settings(max_examples=60, deadline=None)
def test_a_window_that_covers_an_image_has_a_tap_at_each_element_and_none_outside(window, size):
    positions = [
        sorted(k * d - p for k in range(n))
        for n, d, (p, _) in zip(window.kernel, window.dilation, window.padding, strict=True)
    ]
    fits = all(after == 0 for _, after in window.padding)
    fits = fits and positions == [list(range(n)) for n in size]
    assert window.covers(*size) == fits
    assert Window(size).covers(*size) and not Window(size, padding=1).covers(*size)


def test_a_last_window_in_ceil_mode_must_start_before_the_padding_after_the_input():
    assert Window(2, 2, ceil_mode=True).output_size(5, 4) == (3, 2)
    assert Window(2, 2, 1, ceil_mode=True).output_size(5, 5) == (3, 3)
    assert Window(3, 2, ceil_mode=True).output_size(2, 2) == (1, 1)
    assert Window(1, 3, ceil_mode=True).output_size(3, 3) == (1, 1)


def test_ceil_mode_gives_the_sizes_of_torch():
    torch = pytest.importorskip("torch")
    for kernel in (1, 2, 3):
        for stride in (1, 2, 3, 4):
            for padding in range(kernel // 2 + 1):
                for length in range(kernel, 9):
                    x = torch.zeros(1, 1, length, length)
                    y = torch.nn.functional.max_pool2d(x, kernel, stride, padding, ceil_mode=True)
                    window = Window(kernel, stride, padding, ceil_mode=True)
                    assert window.output_size(length, length) == tuple(y.shape[2:])


@given(windows(), size, st.data())
@settings(max_examples=60, deadline=None)
def test_taps_index_the_outputs_and_inputs_of_each_kernel_position(window, size, data):
    try:
        out = window.output_size(*size)
    except ValueError:
        return
    rows, columns = (
        tuple(sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))) for n in out
    )
    expected = {
        (i, j, kh, kw, i * window.stride[0] + kh * window.dilation[0] - window.padding[0][0],
         j * window.stride[1] + kw * window.dilation[1] - window.padding[1][0])
        for i in range(*rows) for j in range(*columns)
        for kh in range(window.kernel[0]) for kw in range(window.kernel[1])
    }  # fmt: skip
    expected = {term for term in expected if 0 <= term[4] < size[0] and 0 <= term[5] < size[1]}
    found = set()
    for kh, kw, (_, yr, yc), (_, xr, xc) in taps(window, *size, rows, columns):
        for i, h in zip(range(*rows)[yr], range(size[0])[xr], strict=True):
            for j, w in zip(range(*columns)[yc], range(size[1])[xc], strict=True):
                found.add((i, j, kh, kw, h, w))
    assert found == expected


def test_adaptive_spans_cover_the_input_in_order():
    assert adaptive_spans(7, 3) == [(0, 3), (2, 5), (4, 7)]
    assert adaptive_spans(2, 4) == [(0, 1), (0, 1), (1, 2), (1, 2)]
    assert adaptive_spans(5, 1) == [(0, 5)]
    assert adaptive_spans(5, 0) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 0}, r"Window: kernel=\(0, 0\) must be at least 1"),
        ({"kernel": 3, "stride": 0}, r"Window: stride=\(0, 0\) must be at least 1"),
        ({"kernel": 3, "stride": (1, -2)}, r"Window: stride=\(1, -2\) must be at least 1"),
        ({"kernel": 3, "dilation": -1}, r"Window: dilation=\(-1, -1\) must be at least 1"),
        ({"kernel": 3, "padding": -1}, "Window: padding=-1 must not be negative"),
        ({"kernel": 3, "padding": ((0, 1), (0, -1))}, "must not be negative"),
        ({"kernel": 3, "padding": (1, 2, 3)}, "padding=.* must be an int"),
        ({"kernel": 2.5}, "Window: kernel=2.5 must be an int or a pair of ints"),
        ({"kernel": (3, 3, 3)}, "Window: kernel=.* must be an int or a pair of ints"),
        ({"kernel": "33"}, "Window: kernel='33' must be an int or a pair of ints"),
    ],
)
def test_an_invalid_window_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Window(**settings)


def test_a_kernel_larger_than_the_padded_input_is_refused():
    with pytest.raises(ValueError, match=r"kernel \(3, 3\) with dilation \(2, 2\) spans \(5, 5\)"):
        Window(3, dilation=2).output_size(4, 9)
