"""Files that mean harm, each from a seed: mutations of good files, and growth from few bytes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from minitorch_cnn.graph.operators import OPERATORS
from tests.onnx.files import FLOAT, conv_net, helper, model, numpy_helper, onnx, typed

node = helper.make_node
NUMBERS = (0, -1, 1, 3, 7, 65, 2**20, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))
FLOATS = (float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e-30, 1e38)


def shapes_net(opset=18):
    """Shape arithmetic, a Resize, Slices, Pads, Splits and a reduction, all from constants."""
    numbers = {
        "two": np.int64([2]), "axes": np.int64([2]), "zero": np.int64([0]),
        "end": np.int64([2**40]),
        "to": np.int64([0, 0, -1]), "pads": np.int64([0, 0, 1, 0, 0, 1]), "parts": np.int64([1, 2]),
        "scales": np.float32([1, 1, 2]), "last": np.int64([-1]), "none": np.float32([]),
        "repeats": np.int64([1, 2, 1]), "k": np.int64([1]),
    }  # fmt: skip
    nodes = [
        node("Shape", ["x"], ["sizes"]),
        node("Gather", ["sizes", "zero"], ["batch"], axis=0),
        node("Mul", ["batch", "two"], ["twice"]),
        node("Concat", ["batch", "twice", "last"], ["shape"], axis=0),
        node("Reshape", ["x", "to"], ["flat"]),
        node("Pad", ["flat", "pads"], ["padded"], mode="constant"),
        node("Slice", ["padded", "zero", "end", "axes", "two"], ["cut"]),
        node("Resize", ["cut", "none", "scales"], ["large"], mode="nearest"),
        node("Tile", ["large", "repeats"], ["tiles"]),
        node("Split", ["x", "parts"], ["a", "b"], axis=1),
        node("TopK", ["a", "k"], ["most", "at"], axis=-1),
        node("ConstantOfShape", ["shape"], ["full"]),
        node("Expand", ["two", "shape"], ["wide"]),
        node("Size", ["b"], ["row"]),
        node("ReduceSum", ["tiles", "axes"], ["y"], keepdims=0),
    ]
    names = ("y", "at", "full", "wide", "row")
    ends = [typed("x", ["N", 3, 8, 8])], [typed(name, None) for name in names]
    return model(nodes, *ends, numbers, opset)


def old_net():
    """Operators of opset 9, which are converted."""
    weights = {"w": np.ones((4, 3, 3, 3), np.float32), "s": np.float32([1, 1, 2, 2])}
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        node("Upsample", ["c", "s"], ["u"], mode="nearest"),
        node("Pad", ["u"], ["p"], pads=[0, 0, 1, 1, 0, 0, 1, 1]),
        node("Clip", ["p"], ["r"], min=0.0, max=6.0),
        node("ReduceMean", ["r"], ["m"], axes=[2, 3], keepdims=0),
        node("Dropout", ["m"], ["y"], ratio=0.5),
    ]
    return model(nodes, [typed("x", ["N", 3, 8, 8])], [typed("y", None)], weights, opset=9)


def goods():
    return [conv_net(np.random.default_rng(0)), shapes_net(), old_net()]


# --------------------------------------------------------------------- mutations: (rng, ModelProto)


def truncated(rng, proto):
    data = proto.SerializeToString()
    return data[: rng.randrange(len(data))]


def flipped(rng, proto):
    data = bytearray(proto.SerializeToString())
    for _ in range(rng.choice((1, 3, 20))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def other_sizes(rng, proto):
    """Other numbers in shapes of weights, which their bytes do not fill, or of inputs."""
    tensor = rng.choice(proto.graph.initializer)
    dims = rng.choice((tensor.dims, None))
    if dims is None:
        shape = rng.choice(proto.graph.input).type.tensor_type.shape
        for _ in range(rng.choice((0, 1, 20_000))):
            shape.dim.add(dim_value=rng.choice(NUMBERS))
        rng.choice(shape.dim).dim_value = rng.choice(NUMBERS)
    else:
        dims.extend(rng.choice(NUMBERS) for _ in range(rng.choice((0, 1, 70))))
        if dims:
            dims[rng.randrange(len(dims))] = rng.choice(NUMBERS)


def other_numbers(rng, proto):
    """Other integers and floats in small weights, such as axes, pads and repeats."""
    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        if array.ndim == 1 and array.size and rng.random() < 0.4:
            choices = NUMBERS if array.dtype.kind == "i" else FLOATS
            array[rng.randrange(array.size)] = rng.choice(choices)
            if rng.random() < 0.3:
                array = np.resize(array, rng.choice((0, 1, array.size + 1, 60)))
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def other_attributes(rng, proto):
    for each in proto.graph.node:
        for attribute in each.attribute:
            if rng.random() < 0.5:
                if len(attribute.ints):
                    attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
                    attribute.ints.extend([1] * rng.choice((0, 0, 1, 1000)))
                elif attribute.type == onnx.AttributeProto.FLOAT:
                    attribute.f = rng.choice(FLOATS)
                elif attribute.type == onnx.AttributeProto.INT:
                    attribute.i = rng.choice(NUMBERS)
                else:
                    attribute.s = rng.choice((b"", b"\xff\xfe", b"cubic", b"SAME_UPPER"))
                attribute.type = rng.choice((attribute.type, attribute.type, rng.randrange(15)))


def other_operators(rng, proto):
    each = rng.choice(proto.graph.node)
    each.op_type = rng.choice((*OPERATORS, "", "If", "Loop", "Scan", "Einsum"))
    if rng.random() < 0.5:
        del each.attribute[:]


def other_wires(rng, proto):
    """Inputs and outputs exchanged, doubled, dropped: cycles, too."""
    nodes = proto.graph.node
    each, other = rng.choice(nodes), rng.choice(nodes)
    wires = rng.choice((each.input, each.output))
    if wires:
        k = rng.randrange(len(wires))
        names = (*other.output, *other.input, "", "nobody", "\x00")
        wires[k] = rng.choice(names)
    wires.extend([""] * rng.choice((0, 1, 3)))
    if rng.random() < 0.3:
        nodes.add().CopyFrom(each)


def growth(rng, proto):
    """One node that makes a large array from a few numbers."""
    huge, large = rng.choice(NUMBERS[6:]), rng.choice(NUMBERS)
    numbers = {"n": np.int64([huge, large]), "one": np.float32([1]), "m": np.int64([large])}
    ints = {"zero": np.int64(0), "step": np.int64(large), "stop": np.int64(huge)}
    numbers |= ints | {"scale": np.float32([1e30]), "none": np.float32([])}
    nodes = rng.choice((
        [node("ConstantOfShape", ["n"], ["y"])],
        [node("Expand", ["one", "n"], ["y"])],
        [node("Tile", ["x", "m"], ["y"])],
        [node("Pad", ["x", "n"], ["y"])],
        [node("Resize", ["x", "none", "scale"], ["y"])],
        [node("Resize", ["x", "", "", "m"], ["y"])],
        [node("Range", ["zero", "stop", "step"], ["y"])],
        [node("Split", ["x"], ["y"], num_outputs=min(huge, 2**62))],
        [node("Unsqueeze", ["x", "n"], ["y"])],
        [node("Reshape", ["x", "huge"], ["y"])],
        [node("TopK", ["x", "m"], ["y", "at"])],
        [node("Gather", ["x", "n"], ["y"])],
        [node("OneHot", ["m", "stop", "none"], ["y"])],
        [node("ReduceSum", ["x", "n"], ["y"])],
        [node("Slice", ["x", "m", "n", "m", "m"], ["y"])],
        [node("Constant", [], ["y"], value_ints=[1] * 100_000)],
        [node("Shape", ["x"], ["v0"]), *squares(70)],
        [node("Shape", ["x"], ["v0"]), *doublings(70)],
    ))  # fmt: skip
    inputs = [typed("x", [rng.choice((1, 5, 2**31))])]
    inputs += [typed("huge", [huge], onnx.TensorProto.INT64)]
    return model(nodes, inputs, [typed("y", None)], numbers).SerializeToString()


def squares(count):
    nodes = [node("Mul", [f"v{k}", f"v{k}"], [f"v{k + 1}"]) for k in range(count)]
    return [*nodes, node("ConstantOfShape", [f"v{count}"], ["y"])]


def doublings(count):
    nodes = [
        node("Concat", [f"v{k}", f"v{k}"], [f"v{k + 1}"], axis=0) for k in range(count)
    ]  # fmt: skip
    return [*nodes, node("ConstantOfShape", [f"v{count}"], ["y"])]


def nesting(rng, proto):
    """Graphs in graphs, as attributes."""
    body = b""
    for _ in range(rng.choice((1, 20, 60, 300, 30_000))):  # graph {node {attribute {graph ...}}}
        for field in (6, 5, 1):  # protobuf's field numbers, from within
            body = message(field, body)
    return proto.SerializeToString() + message(7, body)


def tag(field, wire):
    return _varint(field << 3 | wire)


def _varint(n):
    parts = bytearray()
    while n > 127:
        parts.append(n & 127 | 128)
        n >>= 7
    return bytes([*parts, n])


def message(field, body):
    return tag(field, 2) + _varint(len(body)) + body


def crowd(rng, proto):
    """Bytes that become many more in memory: empty messages, and numbers of one byte each."""
    count = rng.choice((100_000, 3_000_000))
    kinds = {
        "nodes": (tag(1, 2) + b"\x00") * count,
        "weights": (tag(5, 2) + b"\x00") * count,
        "numbers": message(
            5, tag(1, 0) + _varint(5 * count) + b"\x10\x07" + message(7, b"\x01" * (5 * count))
        ),
        "relus": b"".join(
            message(
                1,
                message(1, f"{k}".encode()) + message(2, f"{k + 1}".encode()) + message(4, b"Relu"),
            )
            for k in range(count // 20)
        )
        + message(11, message(1, b"0")),
        "inputs": message(1, (tag(1, 2) + b"\x00") * count),
        "strings": message(1, message(5, (tag(9, 2) + b"\x00") * count)),
        "unpacked": message(5, (tag(7, 0) + b"\x01") * count),
    }
    graph = kinds[rng.choice(list(kinds))]  # fmt: skip
    return proto.SerializeToString() + message(7, graph)


def outside(rng, proto):
    """Weights that lie in other files, or say so."""
    wrong = rng.choice((0, 0, None))  # the first only, or none
    for k in range(rng.choice((1, 1, 400))):
        tensor = proto.graph.initializer.add()
        tensor.CopyFrom(proto.graph.initializer[0])
        tensor.name = f"more{len(proto.graph.initializer)}"
        tensor.ClearField("raw_data")
        size = 2**20
        tensor.data_type, tensor.data_location = FLOAT, onnx.TensorProto.EXTERNAL
        del tensor.dims[:]
        tensor.dims.append(
            rng.choice((size // 4, size // 4, *NUMBERS)) if k == wrong else size // 4
        )
        places = ("weights.bin", "../secret.bin", "/etc/passwd", "/dev/zero", ".", "", "link.bin",
                  "a\x00b", "weights.bin/../../secret.bin", "x" * 5000)  # fmt: skip
        place = rng.choice(places) if k == wrong else "weights.bin"
        entries = {"location": place, "offset": rng.choice((0, 0, *NUMBERS)) if k == wrong else 0}
        entries["length"] = rng.choice((size, size, *NUMBERS, "1e9", "")) if k == wrong else size
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))


MUTATIONS = (
    truncated, flipped, other_sizes, other_numbers, other_attributes, other_operators, other_wires,
    growth, nesting, crowd, outside,
)  # fmt: skip


def write_files(folder: Path, seeds: range) -> list[Path]:
    """Hostile files in a folder, one for each seed, and what some of them point to."""
    inside = folder / "files"
    inside.mkdir()
    (folder / "secret.bin").write_bytes(b"\x01" * 2**20)
    (inside / "weights.bin").write_bytes(b"\x01" * 2**20)
    (inside / "link.bin").symlink_to(folder / "secret.bin")
    paths = []
    for seed in seeds:
        rng = random.Random(seed)
        proto, mutate = rng.choice(goods()), MUTATIONS[seed % len(MUTATIONS)]
        data = mutate(rng, proto)
        path = inside / f"{seed}_{mutate.__name__}.onnx"
        path.write_bytes(proto.SerializeToString() if data is None else data)
        paths.append(path)
    return paths
