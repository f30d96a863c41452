"""Inference of one network in each library: ours, PyTorch, ONNX Runtime and OpenVINO.

A side is a library in one of its ways. No library is imported before its side is used, so that a
process with one side has the memory of that side:

    python -m benchmarks.engines SIDE SUBJECT      prints the peak and the time of the first call

The engines read an ONNX file. Their settings are their own, but for the number of threads, and for
OpenVINO's precision, which may otherwise be below float32.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .peak import file_memory, forget_peak, peak_memory

Call = Callable[[], Any]


class Subject(NamedTuple):
    """A network to run.

    name: of a registered model, or an ONNX file; file: the same as an ONNX file; inputs: the dtype
    and shape of each by name; threads: of each library.
    """

    name: str
    file: str
    inputs: dict[str, tuple[str, list[int]]]
    threads: int

    @property
    def is_file(self) -> bool:
        """Whether there is an ONNX file only."""
        return self.name == self.file

    def arrays(self) -> dict[str, np.ndarray]:
        """Random inputs: standard normal numbers, or zeros where they are no floats."""
        rng = np.random.default_rng(0)
        return {
            name: (rng.standard_normal if dtype.startswith("float") else np.zeros)(shape).astype(
                dtype
            )
            for name, (dtype, shape) in self.inputs.items()
        }


def ours(subject: Subject, compiled: bool = False) -> Callable[[], Call]:
    """A function that makes our network ready, eager or compiled."""
    import minitorch_cnn as mt

    mt.set_num_threads(subject.threads)
    net = our_network(subject)
    inputs = [mt.tensor(array) for array in subject.arrays().values()]

    def start() -> Call:
        fn = mt.compile(net) if compiled else net

        def call() -> Any:
            with mt.no_grad():
                return fn(*inputs)

        return call

    return start


def our_network(subject: Subject) -> Any:
    """The network as a module of ours in evaluation mode, with the same weights at each call."""
    import minitorch_cnn as mt

    if subject.is_file:
        return mt.onnx.load(subject.file)
    mt.manual_seed(0)
    return mt.models.create_model(subject.name).eval()


def torch(subject: Subject, nhwc: bool = False) -> Callable[[], Call]:
    """The same for PyTorch, in one of its two formats."""
    import torch

    from .competitors import Library
    from .rivals import RIVALS, copy_weights

    torch.set_num_threads(subject.threads)
    lib = Library(torch, nhwc=nhwc)
    net = RIVALS[subject.name](torch).eval()
    copy_weights(our_network(subject), net)
    net = lib.module(net)
    inputs = [lib.tensor(array) for array in subject.arrays().values()]

    def call() -> Any:
        with torch.inference_mode():
            return net(*inputs)

    return lambda: call


def onnxruntime(subject: Subject) -> Callable[[], Call]:
    """The same for ONNX Runtime."""
    import onnxruntime as _  # noqa: F401  its import is no part of the first call

    inputs = subject.arrays()

    def start() -> Call:
        session = onnxruntime_session(subject.file, subject.threads)
        return lambda: session.run(None, inputs)

    return start


def onnxruntime_session(model: str | bytes, threads: int) -> Any:
    """A session of ONNX Runtime for the path or the bytes of a model."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def openvino(subject: Subject) -> Callable[[], Call]:
    """The same for OpenVINO."""
    import openvino

    inputs, core = subject.arrays(), openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": subject.threads,
        "INFERENCE_PRECISION_HINT": "f32",
    }

    def start() -> Call:
        request = core.compile_model(subject.file, "CPU", settings).create_infer_request()
        return lambda: request.infer(inputs, share_inputs=True)

    return start


SIDES: dict[str, Callable[[Subject], Callable[[], Call]]] = {
    "ours": ours,
    "compiled": lambda subject: ours(subject, compiled=True),
    "torch": torch,
    "torch nhwc": lambda subject: torch(subject, nhwc=True),
    "onnxruntime": onnxruntime,
    "openvino": openvino,
}


def first_output(result: Any) -> np.ndarray:
    """The first output of a call as an array."""
    while not hasattr(result, "shape"):
        result = result[0]
    return np.asarray(result)


def main(side: str, subject: str) -> None:
    """Print as JSON what a side needs in a process that does nothing else.

    "MiB": the peak from the built network on, with the library; "anonymous MiB": that without the
    pages of files, where the system tells them; "first ms": to make the network ready and call it
    once, the weights of ours and of PyTorch's being in memory.
    """
    start = SIDES[side](Subject(*json.loads(subject)))
    forget_peak()
    before = time.perf_counter()
    call = start()
    call()
    first = time.perf_counter() - before
    call()
    found = {"MiB": peak_memory() * 1024, "first ms": first * 1e3}
    with contextlib.suppress(OSError):
        found["anonymous MiB"] = found["MiB"] - file_memory() * 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
