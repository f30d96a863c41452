"""A file that is not a weights file is described by its content, whatever its name."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from itertools import product

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.interop import load_torch
from minitorch_cnn.training import read_weights


def tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pth"))
    return buffer.getvalue()


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def npy():
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


OTHERS = {
    "empty": (b"", "empty"),
    "zeros": (bytes(5000), "nothing but zeros"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git LFS"),
    "HTML": (b"<!DOCTYPE html><html>", r"web page \(HTML\)"),
    "html": (b"\n  <html>not found</html>", r"web page \(HTML\)"),
    "HTML with a BOM": (b"\xef\xbb\xbf<!doctype HTML>", r"web page \(HTML\)"),
    "XML": (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "an XML page"),
    "text": (b"404: Not Found", "text that begins with '404: Not Found'"),
    "text that is cut": (b"\xc3\xa4" * 1000, "text that begins with 'ää"),
    "JSON": (b'{"lr": 3}', "JSON text"),
    "an index": (b'{"metadata": {}, "weight_map": {}}', "the index of weights in several files"),
    "gzip": (gzip.compress(b"x"), "packed by gzip"),
    "bzip2": (bz2.compress(b"x"), "packed by bzip2"),
    "xz": (lzma.compress(b"x"), "packed by xz"),
    "tar": (tar(), "a tar archive"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file, as Keras writes"),
    "Keras": (zipped("config.json", "model.weights.h5"), "a Keras model"),
    "TorchScript": (zipped("a/data.pkl", "a/constants.pkl"), "a TorchScript program"),
    "an exported program": (zipped("a/archive_format", "a/data.pkl"), "torch.export"),
    "a packed folder": (zipped("w/a.txt", "w/b.txt"), "no data.pkl, but w/a.txt, w/b.txt"),
    "an empty zip": (zipped(), "of no kind|damaged"),
    "half a zip": (zipped("a/data.pkl")[:-30], "damaged or truncated"),
    "ONNX": (b"\x08\x07\x12\x07pytorch\x1a\x051.9", "an ONNX model"),
    "TFLite": (b"\x1c\0\0\0TFL3" + bytes(9), "a TFLite model"),
    "GGUF": (b"GGUF\3\0\0\0", "a GGUF file"),
    "PNG": (b"\x89PNG\r\n", "a PNG image"),
    "one array": (npy(), "an array of NumPy without names"),
    "noise": (b"\xff\x00\x12" * 9, r"of no kind known here \(it begins with the bytes ff 00 12"),
}


@pytest.mark.parametrize("content, words", OTHERS.values(), ids=OTHERS)
def test_other_files_are_named_by_every_reader_under_every_name(tmp_path, content, words):
    for reader, name in product((mt.load, load_torch, read_weights), ("a.pth", "a.safetensors")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"^load(_torch)?: .*{name} is refused: .*({words})"):
            reader(tmp_path / name)


@pytest.mark.parametrize("first", [b"\x80\2", b"\x1f\x8b"])
def test_a_header_whose_length_looks_like_another_format_is_read(tmp_path, first):
    length = int.from_bytes(first, "little")
    entry = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
    text = json.dumps({"w": entry}).encode()
    text += b" " * (length - len(text))
    (tmp_path / "a").write_bytes(length.to_bytes(8, "little") + text + b"\7")
    assert mt.load(tmp_path / "a")["w"].tolist() == [7]
