"""ONNX files: export of models, and import as modules that train.

mt.onnx.export(model, x, "net.onnx", input_names=["x"], dynamic_axes={"x": {0: "N"}})
net = mt.onnx.load("net.onnx")
"""

from .exporting import export
from .loading import load

__all__ = ["export", "load"]
