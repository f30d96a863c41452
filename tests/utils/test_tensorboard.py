"""Event files, read by a reader of their format written here."""

import io
import struct

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.utils.event_file import crc32c
from minitorch_cnn.utils.tensorboard import SummaryWriter


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """{number: [value]} of a message: integers, floats and bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            code, size = {1: ("<d", 8), 5: ("<f", 4)}[kind]
            (value,) = struct.unpack(code, data[at : at + size])
            at += size
        found.setdefault(key >> 3, []).append(value)
    return found


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events(folder):
    (path,) = folder.glob("events.out.tfevents.*")
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack("<Q", data[at : at + 8])
        event = data[at + 12 : at + 12 + size]
        assert struct.unpack("<I", data[at + 8 : at + 12])[0] == masked(data[at : at + 8])
        end = at + 12 + size
        assert struct.unpack("<I", data[end : end + 4])[0] == masked(event)
        found.append(fields(event))
        at = end + 4
    assert found[0][3] == [b"brain.Event:2"]
    return [(e.get(2, [0])[0], fields(fields(e[5][0])[1][0])) for e in found[1:]]


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_numbers_have_their_names_and_steps(tmp_path):
    with SummaryWriter(tmp_path / "run") as writer:
        for step in range(3):
            writer.add_scalar("loss/train", mt.tensor(0.5 * step), step)
        writer.add_scalar("acc", np.float64(0.25), global_step=300)
        assert writer.get_logdir() == str(tmp_path / "run")
    found = events(tmp_path / "run")
    assert [(step, v[1], v[2]) for step, v in found] == [
        *((step, [b"loss/train"], [0.5 * step]) for step in range(3)),
        (300, [b"acc"], [0.25]),
    ]
    with pytest.raises(ValueError, match=r"^add_scalar: a value of shape \(2,\)"):
        writer.add_scalar("x", mt.ones(2))


def test_several_numbers_of_one_diagram_have_a_folder_each(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.add_scalars("run/acc", {"train": 0.5, "val": 0.25}, 7)
    writer.close()
    for name, value in (("train", 0.5), ("val", 0.25)):
        assert events(tmp_path / f"run_acc_{name}") == [(7, {1: [b"run/acc"], 2: [value]})]


def test_pictures_are_png(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("a", mt.tensor(pixels.transpose(2, 0, 1) / np.float32(255)), 1)
        writer.add_image("b", pixels, 2, dataformats="HWC")
        writer.add_image("c", pixels[..., 0], 3, dataformats="HW")
        writer.add_images("d", mt.tensor(np.stack([pixels, pixels]).transpose(0, 3, 1, 2)), 4)
        with pytest.raises(ValueError, match=r"^add_image: dataformats='CHW' must name the 2"):
            writer.add_image("e", pixels[..., 0])
    wanted = [pixels, pixels, pixels[..., 0], np.concatenate([pixels, pixels], 1)]
    for (_, value), want in zip(events(tmp_path), wanted, strict=True):
        picture = fields(value[4][0])
        got = np.asarray(image.open(io.BytesIO(picture[4][0])))
        np.testing.assert_array_equal(got, want)
        assert (picture[1][0], picture[2][0]) == want.shape[:2]


def test_distributions_and_texts_are_kept(tmp_path):
    x = np.random.default_rng(0).standard_normal(500)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weights", mt.tensor(x), 2, bins=10)
        writer.add_text("note", "some *text*", 3)
        writer.add_hparams({"lr": 0.1}, {"best": 0.9})
        writer.add_graph(mt.nn.Linear(1, 1))
        with pytest.raises(ValueError, match=r"^add_histogram: values of 'x' must have finite"):
            writer.add_histogram("x", np.array([np.nan]))
    (_, first), (_, text), (_, settings), (_, best) = events(tmp_path)
    histogram = fields(first[5][0])
    counts, edges = np.histogram(x, 10)
    np.testing.assert_array_equal(np.frombuffer(histogram[7][0], "<f8"), counts)
    np.testing.assert_array_equal(np.frombuffer(histogram[6][0], "<f8"), edges[1:])
    assert (histogram[1], histogram[2], histogram[3]) == ([x.min()], [x.max()], [500])
    assert fields(text[8][0])[8] == [b"some *text*"]
    assert fields(fields(text[9][0])[1][0])[1] == [b"text"] and text[1] == [b"note/text_summary"]
    assert b"| lr | 0.1 |" in fields(settings[8][0])[8][0] and best[1] == [b"best"]


def test_a_figure_becomes_a_picture(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = pyplot.figure()
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("plot", figure, 1)
    ((step, value),) = events(tmp_path)
    assert step == 1 and fields(value[4][0])[4][0].startswith(b"\x89PNG")
    assert not pyplot.fignum_exists(figure.number)
