"""Identify a file by its first bytes, since its name may be wrong."""

from __future__ import annotations

import os
from typing import BinaryIO

SAFETENSORS, ZIP, PICKLE = "safetensors", "zip", "pickle"
HEAD = 1024  # bytes that are inspected

# Files that are often given instead of weights, by their first bytes; the remedy in brackets.
BEGINNINGS = {
    b"version https://git-lfs": "a pointer of git LFS, not the file it stands for (git lfs pull)",
    b"\x1f\x8b": "packed by gzip (unpack it first)",
    b"BZh": "packed by bzip2 (unpack it first)",
    b"\xfd7zXZ\0": "packed by xz (unpack it first)",
    b"\x28\xb5\x2f\xfd": "packed by zstd (unpack it first)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive (unpack it first)",
    b"Rar!": "a RAR archive (unpack it first)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes weights, whose layers have other names",
    b"\x93NUMPY": "an array of NumPy without names (numpy.savez keeps arrays by name)",
    b"GGUF": "a GGUF file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
}
MARKUP = ((b"<!doctype html", "a web page (HTML)"), (b"<html", "a web page (HTML)"),
          (b"<head", "a web page (HTML)"), (b"<?xml", "an XML page"))  # fmt: skip


def kind_of(file: BinaryIO) -> str:
    """Identify the content of `file` as SAFETENSORS, ZIP or PICKLE; `file` is left at its start.

    Raises: ValueError that names the actual kind, as a clause.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(HEAD)
    file.seek(0)
    # Safetensors: the header's length in 8 bytes, which may have any value, then JSON.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40:
        return SAFETENSORS
    if head.startswith(b"PK\x03\x04"):
        return ZIP
    if head[:1] == b"\x80":
        return PICKLE
    raise ValueError(f"it is {other_kind(head, size)}; {EXPECTED}")


EXPECTED = "expected are weights as torch.save (.pth), safetensors or numpy.savez (.npz) write them"


def other_kind(head: bytes, size: int) -> str:
    """Name the kind of a file that begins with the bytes `head` and holds no weights."""
    if not size:
        return "empty"
    if not head.strip(b"\0"):
        return "nothing but zeros as far as one looks (a download that was broken off?)"
    for start, words in BEGINNINGS.items():
        if head.startswith(start):
            return words
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for start, words in MARKUP:
        if text[: len(start)].lower() == start:
            return f"{words}: a server's answer instead of the file"
    if head[257:262] == b"ustar":
        return "a tar archive (unpack it first; PyTorch's own before 0.2: save it anew)"
    if head[4:8] == b"TFL3":
        return "a TFLite model"
    # Protobuf: field 1, the version of the format, and then a field of text or a submessage.
    if head[0] == 8 and head[1:2] < b"\x40" and head[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x3a"):
        return "an ONNX model or another protobuf"
    if text[:1] in (b"{", b"["):
        return "JSON text" + (
            ", the index of weights in several files" if b'"weight_map"' in head else ""
        )
    if is_text(head):
        line = text.split(b"\n")[0].decode("utf-8", "replace").strip()
        return f"text that begins with {line[:40]!r}"
    return f"of no kind known here (it begins with the bytes {head[:8].hex(' ')})"


def is_text(head: bytes) -> bool:
    """Whether these bytes are text: UTF-8, cut off anywhere, without control characters."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and all(c.isprintable() or c in "\t\r\n\f" for c in text)
