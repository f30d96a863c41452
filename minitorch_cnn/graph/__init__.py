"""One graph of a network, for drawings and tables, files and compiled inference.

graph = mt.graph.capture(model, example)
print(graph)
mt.graph.run(graph, x)

A Graph is a list of Nodes, whose operators and attributes are ONNX's. verify checks one, infer
finds the types of its values, run interprets it through the framework's own operations.
"""

from .capture import CaptureError, capture
from .inference import infer
from .interpreter import GraphModule, run
from .ir import Graph, Node, Value, fresh
from .sizes import UNKNOWN, Free
from .verify import verify

__all__ = [
    "UNKNOWN",
    "CaptureError",
    "Free",
    "Graph",
    "GraphModule",
    "Node",
    "Value",
    "capture",
    "fresh",
    "infer",
    "run",
    "verify",
]
