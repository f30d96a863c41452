"""safetensors files round-trip, and no other file is accepted."""

import io
import json
import tracemalloc

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.interop import load_with_metadata, metadata_of

STATES = {
    "float16": np.arange(6, dtype=np.float16),
    "float32": np.float32([[1, -2], [np.inf, np.nan]]),
    "float64": np.random.default_rng(0).standard_normal((2, 3, 4)),
    "int64": np.arange(-3, 3),
    "uint8": np.arange(256, dtype=np.uint8),
    "bool": np.array([True, False]),
    "a number": np.array(3.5),
    "nothing": np.zeros((0, 3), np.float32),
}
LAYOUTS = {
    "transposed": lambda a: a.T,
    "backwards": lambda a: a[::-1, ::-1],
    "every other": lambda a: a[::2, 1::2],
    "in Fortran's order": np.asfortranarray,
    "of the other byte order": lambda a: a.astype(a.dtype.newbyteorder(">")),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def test_every_dtype_and_shape_comes_back_exactly(path):
    mt.save(STATES, path)
    loaded = mt.load(path)
    assert loaded.keys() == STATES.keys()
    for name, array in STATES.items():
        assert isinstance(loaded[name], mt.Tensor)
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded[name].numpy(), array)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_arrays_of_any_layout_are_stored_by_their_values(path, layout):
    array = layout(np.arange(24, dtype=np.float32).reshape(4, 6))
    mt.save({"x": array}, path)
    np.testing.assert_array_equal(mt.load(path)["x"].numpy(), array)


def test_a_state_dict_comes_back_into_another_model(path):
    first, second = mt.nn.Linear(3, 2), mt.nn.Linear(3, 2)
    mt.save(first.state_dict(), path)
    second.load_state_dict(mt.load(path))
    np.testing.assert_array_equal(second.weight.array, first.weight.array)


def test_loaded_tensors_can_be_written_to(path):
    mt.save({"x": np.zeros(3)}, path)
    x = mt.load(path)["x"]
    x += 1
    assert x.tolist() == [1, 1, 1]


def test_metadata_is_kept(path):
    mt.save({}, path, metadata={"made by": "a test", "größe": "½"})
    assert load_with_metadata(path) == ({}, {"made by": "a test", "größe": "½"})


def test_torch_reads_the_file(path):
    pytest.importorskip("torch")
    load_file = pytest.importorskip("safetensors.torch").load_file
    mt.save(STATES, path)
    for name, tensor in load_file(path).items():
        np.testing.assert_array_equal(tensor.numpy(), STATES[name])


@pytest.mark.parametrize(
    "state, metadata, message",
    [
        ([1], None, "state must be a dict, got list"),
        ({"x": [1.0]}, None, "'x' must be a Tensor or an array, got list"),
        ({3: np.zeros(1)}, None, "name 3 must be a str"),
        ({"__metadata__": np.zeros(1)}, None, "name '__metadata__' must be a str, and not"),
        ({"x": np.zeros(1, complex)}, None, "dtype=complex128 must be one of"),
        ({"x": np.array(["a"])}, None, "dtype=<U1 must be one of"),
        ({}, {"epoch": 3}, "metadata 'epoch' must be text"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_a_file_appears(path, state, metadata, message):
    with pytest.raises(TypeError, match=f"^save: {message}"):
        mt.save(state, path, metadata)
    assert list(path.parent.iterdir()) == []


def test_half_a_character_is_refused_before_a_file_appears(path):
    for state, metadata in (({"\ud800": np.zeros(1)}, None), ({}, {"a": "\ud800"})):
        with pytest.raises(ValueError, match=r"^save: state or metadata cannot be stored"):
            mt.save(state, path, metadata)
    assert list(path.parent.iterdir()) == []


def damages(whole: bytes):
    """Contents that are no whole safetensors file."""
    yield from (b"", whole[:4], whole[:20], whole[:-1], whole + b"\0", b"PK\x03\x04" + bytes(40))
    yield b"\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00exitq\x01\x85q\x02Rq\x03."  # a pickle


def test_a_truncated_or_wrong_file_is_refused_by_name(path):
    mt.save({"x": np.arange(3.0)}, path)
    for content in damages(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^load: .*state\.safetensors is refused: its? "):
            mt.load(path)


def entry(dtype="F32", shape=(2,), size=8):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [0, size]}


def write_by_hand(path, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_bfloat16_becomes_the_same_number_in_float32(path, monkeypatch):
    monkeypatch.setattr(mt.dtypes, "has_bfloat16", lambda: False)
    bits = np.uint16([0x3F80, 0xC049, 0x0001, 0x7F80, 0x8000, 0x7F7F])
    header = {"w": entry("BF16", (2, 3), 12), "b": entry() | {"data_offsets": [12, 20]}}
    write_by_hand(path, header, bits.tobytes() + np.float32([1, 2]).tobytes())
    found = mt.load(path)
    assert found["w"].dtype == np.float32 and found["w"].shape == (2, 3)
    np.testing.assert_array_equal(
        found["w"].numpy().ravel().view(np.uint32), bits.astype(np.uint32) << 16
    )
    assert found["b"].tolist() == [1, 2]


def twice(before, after):
    """The header of a tensor after `before`, where names of "v" and "w" are the same."""
    text = json.dumps({**before, "v": entry(), **after})
    return text.replace('"v"', '"w"').encode()


NOT_WHOLE = r"it is not a whole safetensors file \(.+\)"  # in brackets what the library says
WRONG = {
    "float8": ({"w": entry("F8_E4M3", (8,))}, r"its tensor 'w' is of F8_E4M3 \(float8\)"),
    "complex": ({"w": entry("C64", (1,))}, r"of C64 \(complex numbers\), not supported"),
    "float4": ({"w": entry("F4", (16,))}, r"of F4 \(unknown numbers\), not supported"),
    "100 axes": ({"w": entry(shape=(1,) * 99 + (2,))}, "'w' has 100 axes; at most 64"),
    "no dtype": ({"w": {"shape": [2]}}, NOT_WHOLE),
    "a list": (b"[1]" + b" " * 5, "of no kind known here"),
    "no JSON": (b"{nonsense}", NOT_WHOLE),
    "deep JSON": (b'{"a":' * 100_000, NOT_WHOLE),
    "a name twice": (b'{"w": {}, "w": {}}', NOT_WHOLE),
    "a tensor twice": (twice({}, {"w": entry()}), "a name occurs twice in its header"),
    "a text twice": (twice({"__metadata__": {"w": "x", "v": "y"}}, {}), "a name occurs twice in"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, NOT_WHOLE),
    "a bool of 2": ({"w": entry("BOOL", (8,))}, "'w' of bool has bytes that are neither 0 nor 1"),
    "an overlap": ({"w": entry(), "v": entry()}, NOT_WHOLE),
    "sizes below zero": ({"w": entry(shape=(-2, -1))}, NOT_WHOLE),
    "sizes that are true": ({"w": entry(shape=(True, 2))}, NOT_WHOLE),
    "no numbers but huge": (
        {"w": entry(shape=(0, 2**62, 2**62), size=0), "v": entry()},
        r"'w' has the shape \[0, 4611686018427387904, 4611686018427387904\]: ",
    ),
    "a huge shape": ({"w": entry(shape=(2**62, 2**62))}, NOT_WHOLE),
    "a gap": ({"w": entry() | {"data_offsets": [4, 8]}}, NOT_WHOLE),
    "a long shape": ({"w": entry(shape=(3,))}, NOT_WHOLE),
}


@pytest.mark.parametrize("header, reason", WRONG.values(), ids=WRONG)
def test_headers_that_are_wrong_or_not_supported_are_refused_in_words(path, header, reason):
    write_by_hand(path, header, b"\2" * 8)
    with pytest.raises(ValueError, match=f"^load: .*state.safetensors is refused: .*{reason}"):
        mt.load(path)


def test_a_refusal_is_short_however_long_a_name_the_file_has(path):
    for header in ({"w": entry("F32" * 100_000)}, {"w" * 100_000: entry("C64", (1,))}):
        write_by_hand(path, header, bytes(8))
        with pytest.raises(ValueError, match=r"^load: .* is refused: ") as refusal:
            mt.load(path)
        assert len(str(refusal.value)) < 1000


def test_an_open_file_is_read_as_well_and_refused_as_well(path):
    mt.save({"x": np.arange(3.0)}, path)
    content = path.read_bytes()
    assert mt.load(io.BytesIO(content))["x"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=f"^load: the open file is refused: {NOT_WHOLE}"):
        mt.load(io.BytesIO(content[:-1]))


def test_the_text_alone_is_read_of_whole_files_only(path):
    mt.save({"x": np.arange(3.0)}, path, {"a": "b"})
    assert metadata_of(path) == {"a": "b"}
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"^load: .*state\.safetensors is refused: {NOT_WHOLE}"):
        metadata_of(path)


def test_loading_takes_no_more_memory_than_twice_the_file(path):
    mt.save({name: np.zeros(500_000, np.float32) for name in "abcd"}, path)
    mt.load(path)  # imports what it needs
    tracemalloc.start()
    try:
        mt.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2.1 * path.stat().st_size
    finally:
        tracemalloc.stop()


def test_the_same_state_gives_the_same_bytes_in_every_process(path):
    """The library's order of the metadata is another in every process."""
    metadata = {name: "x" for name in ("zebra", "ant", "yak", "bee")}
    mt.save(STATES, path, metadata)
    first = path.read_bytes()
    mt.save(dict(reversed(STATES.items())), path, dict(reversed(metadata.items())))
    assert path.read_bytes() == first
    header = json.loads(first[8 : 8 + int.from_bytes(first[:8], "little")])
    assert list(header["__metadata__"]) == sorted(metadata)


def test_a_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"^load: there is no file .*state\.safetensors"):
        mt.load(path)
