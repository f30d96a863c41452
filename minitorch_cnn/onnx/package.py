"""The onnx package, imported on first use."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def onnx() -> Any:
    """The package. Raises ImportError that says how to install it."""
    try:
        import onnx.numpy_helper
        import onnx.version_converter
    except ImportError as error:
        raise ImportError(
            "ONNX files need the package onnx: pip install 'minitorch_cnn[interop]'"
        ) from error
    return onnx


def newest_opset() -> int:
    """The newest version of ONNX's operators that the package knows."""
    return int(onnx().defs.onnx_opset_version())
