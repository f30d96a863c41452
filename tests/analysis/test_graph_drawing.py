"""The computation graph is the one that was computed."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import computation_graph

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def graph():
    """(x * y + x).sum() of two named leaves."""
    x, y = mt.ones(3, requires_grad=True), mt.ones(3, requires_grad=True)
    return computation_graph((x * y + x).sum(), {"x": x, "<y>": y})


def test_boxes_are_operations_and_leaves_each_after_its_sources(graph):
    titles = [box.title for box in graph.boxes]
    assert titles == ["x", "<y>", "Mul", "Add", "Sum"]
    assert [box.sources for box in graph.boxes] == [[], [], [0, 1], [2, 0], [3]]
    assert [box.kind for box in graph.boxes] == ["leaf", "leaf", "operation", "operation", "result"]
    assert [box.detail for box in graph.boxes] == ["3", "3", "3", "3", "one number"]


def test_the_text_for_graphviz_has_a_node_for_each_box_and_an_edge_for_each_arrow(graph):
    text = graph.dot()
    assert text.startswith("digraph {") and text.rstrip().endswith("}")
    edges = re.findall(r"n(\d) -> n(\d)", text)
    assert edges == [("0", "2"), ("1", "2"), ("2", "3"), ("0", "3"), ("3", "4")]
    assert text.count("[label=") == 5 and r"Mul\n3" in text


def test_quotes_do_not_break_the_text_for_graphviz():
    x = mt.ones(2, requires_grad=True)
    assert r'label="a\"b\\\n2"' in computation_graph(x * 2, {'a"b\\': x}).dot()


def test_the_image_shows_every_box_and_arrow_within_its_frame(graph):
    root = ElementTree.fromstring(graph.svg())
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == ["x: 3", "<y>: 3", "Mul", "3", "Add", "3", "Sum", "one number"]
    assert len([p for p in root.iter(f"{SVG}path") if p.get("marker-end")]) == 5
    width, height = float(root.get("width")), float(root.get("height"))
    assert float(root.get("font-size")) >= 12  # pixels: 9 points
    boxes = [r for r in root.iter(f"{SVG}rect") if r.get("rx")]
    for box in boxes:
        assert float(box.get("x")) >= 0 and float(box.get("y")) >= 0
        assert float(box.get("x")) + float(box.get("width")) <= width
        assert float(box.get("y")) + float(box.get("height")) <= height


def test_boxes_stand_below_their_sources_or_beside_their_weights_and_do_not_overlap():
    model = mt.models.create_model("googlenet", num_classes=2)
    graph = computation_graph(model.eval()(mt.zeros(0, 3, 64, 64)), model)
    spots, width, _ = graph.places()
    for k, box in enumerate(graph.boxes):
        for s in box.sources:
            weight = graph.boxes[s].kind == "leaf"
            assert spots[s].x < spots[k].x if weight else spots[s].y < spots[k].y
    rows = {}
    for spot in spots:
        rows.setdefault(spot.y, []).append((spot.x - spot.width / 2, spot.x + spot.width / 2))
    for spans in map(sorted, rows.values()):
        assert spans[0][0] >= 0 and spans[-1][1] <= width
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


def points_of(path: str):
    """Points along a path of M, V, L and C, close to one another."""
    numbers = re.findall(r"([MVLC])([^MVLC]*)", path)
    x, y, found = 0.0, 0.0, []
    for command, text in numbers:
        v = [float(number) for number in text.split()]
        v = [x, *v] if command == "V" else v
        (*_, u, w) = v
        count = max(2, int(abs(u - x) + abs(w - y)) // 2)
        for t in (k / count for k in range(count + 1)):
            if command == "C":
                a, b, c, d = v[:4]
                p = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
                found.append(
                    tuple(
                        sum(q * z for q, z in zip(p, zs, strict=True))
                        for zs in ((x, a, c, u), (y, b, d, w))
                    )
                )
            elif command != "M":
                found.append((x + t * (u - x), y + t * (w - y)))
        x, y = u, w
    return found


def net(name, side=32, **settings):
    model = mt.models.create_model(name, num_classes=2, **settings).eval()
    output = model(mt.zeros(1, 3, side, side))
    return computation_graph(output[0] if isinstance(output, tuple) else output, model)


def dense():
    """Sums of all before them, a leaf that goes into several, and one with many leaves."""
    leaf = mt.ones(2, requires_grad=True)
    found = [leaf * 2]
    for k in range(6):
        found.append(sum(found[: k + 1]) * leaf)
    return computation_graph(mt.cat([*found, *(mt.ones(1, requires_grad=True) for _ in range(9))]))


GRAPHS = {
    "residual": lambda: net("resnet20_cifar"),
    "inception": lambda: net("googlenet"),
    "shuffled": lambda: net("shufflenet_v2_x0_5"),
    "all to all": dense,
}


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_no_arrow_runs_through_a_box_or_out_of_the_image(make):
    root = ElementTree.fromstring(make().svg())
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [
        [float(r.get(name)) for name in ("x", "y", "width", "height")]
        for r in root.iter(f"{SVG}rect")
        if r.get("rx")
    ]
    x, y, w, h = np.array(boxes).T
    points = np.concatenate(
        [points_of(p.get("d")) for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    )
    assert points.min() >= 0 and (points <= [width, height]).all()
    for part in np.array_split(points, len(points) // 1000 + 1):
        u, v = part[:, :1], part[:, 1:]
        assert not ((u > x + 1) & (u < x + w - 1) & (v > y + 1) & (v < y + h - 1)).any()


def test_arrows_into_one_box_end_side_by_side():
    root = ElementTree.fromstring(net("resnet20_cifar").svg())
    paths = [p.get("d") for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    ends = [points_of(path)[-1] for path in paths if "L" not in path]
    assert len(ends) == len(set(ends)) > 60


def test_operations_have_the_names_that_users_know():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(), nn.MaxPool2d(2))
    x = mt.ones(1, 1, 4, 4)
    assert [box.title for box in computation_graph(model(x)).boxes if box.kind != "leaf"] == [
        "Conv2d",
        "BatchNorm",
        "Dropout",
        "MaxPool2d",
    ]
    boxes = [box for box in computation_graph(model.eval()(x)).boxes if box.kind != "leaf"]
    assert [box.title for box in boxes] == ["Conv2d", "BatchNorm", "MaxPool2d"]
    details = ["1 x 2 x 4 x 4", "1 x 2 x 4 x 4, running statistics", "1 x 2 x 2 x 2"]
    assert [box.detail for box in boxes] == details


def test_the_operations_of_a_chain_stand_in_one_column():
    model = mt.models.create_model("alexnet", num_classes=2)
    graph = computation_graph(model.eval()(mt.zeros(0, 3, 224, 224)), model)
    spots, _, _ = graph.places()
    columns = {s.x for box, s in zip(graph.boxes, spots, strict=True) if box.kind != "leaf"}
    assert len(columns) == 1


def test_leaves_of_a_model_have_its_parameters_names():
    model = nn.Sequential(nn.Linear(3, 2))
    graph = computation_graph(model(mt.ones(1, 3)).sum(), model)
    assert {box.title for box in graph.boxes if box.kind == "leaf"} == {"0.weight", "0.bias"}


def test_a_relu_in_a_convolutions_pass_is_named():
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU())
    assert computation_graph(model(mt.ones(1, 1, 2, 2))).boxes[-1].title == "Conv2d and ReLU"


@pytest.fixture
def captured():
    """A convolution, its batch norm, an addition and a ReLU, as operators."""
    model = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = model

        def forward(self, x):
            return nn.functional.relu(self.branch(x) + x).clamp(max=6)

    return mt.graph.capture(Net(), mt.zeros(1, 3, 5, 4))


def test_the_operators_of_a_model_are_drawn_with_its_inputs_and_weights(captured):
    boxes = computation_graph(captured).boxes
    assert [(box.kind, box.title, box.detail) for box in boxes] == [
        ("leaf", "input", "N x 3 x 5 x 4"),
        ("leaf", "branch.0.weight", "3 x 3 x 1 x 1"),
        ("operation", "Conv", "N x 3 x 5 x 4"),
        ("leaf", "branch.1.weight", "3"),
        ("leaf", "branch.1.bias", "3"),
        ("operation", "BatchNormalization", "N x 3 x 5 x 4, running statistics"),
        ("operation", "Add", "N x 3 x 5 x 4"),
        ("operation", "Relu", "N x 3 x 5 x 4"),
        ("result", "Clip", "N x 3 x 5 x 4"),
    ]
    assert [box.sources for box in boxes] == [[], [], [0, 1], [], [], [2, 3, 4], [5, 0], [6], [7]]
    assert "N x 3 x 5 x 4" in computation_graph(captured).svg()


def test_a_pass_changes_the_drawing(captured):
    from minitorch_cnn.compiler.passes import fold_batch_norm

    boxes = computation_graph(mt.graph.infer(fold_batch_norm(captured))).boxes
    assert [b.title for b in boxes if b.kind != "leaf"] == ["Conv", "Add", "Relu", "Clip"]


@pytest.mark.parametrize("name", ["resnet20_cifar", "shufflenet_v2_x0_5", "lenet5"])
def test_the_graphs_of_models_are_drawn(name):
    entry = mt.models.model_entry(name)
    with nn.shapes_only():
        model = mt.models.create_model(name)
    graph = mt.graph.capture(model, mt.zeros(1, *entry.input_shape))
    boxes = computation_graph(graph).boxes
    assert sum(box.kind != "leaf" for box in boxes) == len(graph.nodes)
    assert all(source < k for k, box in enumerate(boxes) for source in box.sources)
    ElementTree.fromstring(computation_graph(graph).svg())


def test_the_ending_of_a_file_says_what_is_written(graph, tmp_path):
    for name, start in (("g.svg", "<svg"), ("g.dot", "digraph")):
        graph.save(tmp_path / name)
        assert (tmp_path / name).read_text().startswith(start)
    with pytest.raises(ValueError, match=r"save: a graph is written as .svg, .dot, .gv, not as"):
        graph.save(tmp_path / "g.png")


def test_a_tensor_without_a_graph_is_refused():
    with pytest.raises(ValueError, match="computation_graph: result has no graph"):
        computation_graph(mt.ones(2))
