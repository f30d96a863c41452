"""How much memory the parts of a file would take, counted before it is parsed.

Two bytes of a file can be an empty node, of which the parser makes hundreds of bytes, and a number
of one byte becomes one of eight. So the messages and numbers of a file are counted first, which
walks over its bytes without making anything of them.

Source: the encoding of protocol buffers, https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .package import onnx

BUDGET = 40 * 2**20  # bytes that all parts of a small file may take; of a large one, its size more
MESSAGE, FIELD, NUMBER = 400, 64, 16  # bytes that each of them takes, its share of a Graph included
VARINT, EIGHT_BYTES, SIZED, FOUR_BYTES = 0, 1, 2, 5  # the forms of a field
SKIPPED = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


def check_crowd(data: bytes) -> None:
    """Raises ValueError for a file whose parts would take far more memory than the file.

    What is no message is left to the parser, which refuses it.
    """
    left = BUDGET + len(data)
    waiting: list[tuple[Any, int, int]] = [(onnx().ModelProto.DESCRIPTOR, 0, len(data))]
    while waiting:
        kind, at, end = waiting.pop()
        while at < end:
            key, at = _varint(data, at)
            field, form = kind.fields_by_number.get(key >> 3), key & 7
            left -= FIELD
            if form == VARINT:
                _, at = _varint(data, at)
            elif form in SKIPPED:
                at += SKIPPED[form]
            elif form == SIZED:
                size, at = _varint(data, at)
                if field is not None and field.message_type is not None:
                    left -= MESSAGE
                    waiting.append((field.message_type, at, min(at + size, end)))
                elif field is not None and field.type in _VARINTS:
                    ends = np.frombuffer(data[at : at + size], np.uint8) < 128
                    left -= NUMBER * int(np.count_nonzero(ends))
                at += size
            else:
                return
            if left < 0:
                raise ValueError(
                    f"its parts take more memory than the {BUDGET >> 20} MB and the file's size "
                    "that are allowed"
                )


_VARINTS = (3, 4, 5, 8, 13, 14, 17, 18)  # the types whose numbers take fewer bytes than in memory


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and the place behind it; at the end of the data, 0."""
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return value, at
    return 0, len(data)
