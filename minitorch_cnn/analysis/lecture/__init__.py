"""The lecture page: networks that compute in the browser, with contents by lecture.

One HTML file that loads nothing. A digit is drawn (board.js, pixels.js) and a network runs on it
(live.js, on the engine of the explorer); the panels show its maps (layers.js), what it looks at
(evidence.js), recorded gradients (race.js), and its error with blocks switched off (lesions.js).
The convolution and the compiler's passes are the explorer's panels. make.py trains the networks.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from ...interop import write_atomically
from ...nn import Module
from ...tensor import Tensor
from ..explorer import first_digits
from ..explorer.html import assembled
from ..explorer.live import ENGINE, evidence_maps, live_graph, live_network
from ..explorer.network import Box, boxes
from ..explorer.passes import stages
from ..lesions import top1_error
from ..trace import zeros_for
from .blocks import live_blocks
from .nets import NETS, STORED, digits_for, load
from .topics import LECTURES

__all__ = ["lecture_page"]

TITLE = "Convolutional networks at work"
SCRIPTS = (
    "explorer/page.js",
    *ENGINE,
    *(f"explorer/{name}.js" for name in ("closeup", "passes", "convolution")),
    *(
        f"lecture/{name}.js"
        for name in (
            *("pixels", "board", "live", "layers", "evidence"),
            *("bars", "race", "lesions", "contents"),
        )
    ),
)


def lecture_page(out: str | Path = "lecture.html") -> Path:
    """Write the lecture page to the file `out`, and return its path.

    Raises: OSError naming the file if it cannot be written.

        mt.analysis.lecture_page()
    """
    words = {"TITLE": TITLE, "KIND": "digit", "SUBJECT": "ResNet-20"}
    styles = ["explorer/page.css", "lecture/lecture.css"]
    write_atomically(out, assembled("lecture/lecture.html", styles, SCRIPTS, page_data(), words))
    return Path(out)


def page_data() -> dict[str, Any]:
    """All that the page shows."""
    lesions = recorded("lesions")
    models = {name: load(name) for name in STORED}
    samples = first_digits().astype(int).tolist()
    return {
        "lectures": [lecture._asdict() for lecture in LECTURES],
        "digits": [samples[3]],
        "samples": samples,
        "nets": {name: net_data(name, model) for name, model in models.items()},
        "passes": stages(models["resnet20"], (1, NETS["resnet20"].size, NETS["resnet20"].size)),
        "lesions": {name: {"title": NETS[name].title, **lesions[name]} for name in lesions},
        "races": recorded("race"),
    }


def recorded(name: str) -> Any:
    """What make.py wrote to data/NAME.json."""
    file = resources.files("minitorch_cnn.analysis.lecture").joinpath("data", f"{name}.json")
    return json.loads(file.read_text("utf-8"))


def net_data(name: str, model: Module) -> dict[str, Any]:
    """A network of the page: itself, its layers, and where its evidence is."""
    net = NETS[name]
    shape = (1, net.size, net.size)
    graph = live_graph(model, shape)
    made = {node.outputs[0] for node in graph.nodes}
    found = boxes(model, shape)
    layers = [
        {"name": layer_name(box, found), "type": box.type, "value": box.value}
        for box in found
        if box.value in made
    ]
    sizes = {box.value: box.output_shape[1:] for box in found if len(box.output_shape) == 3}
    last = {size: value for value, size in sizes.items() if value in made and min(size) > 1}
    rows = [layer for layer in layers if layer["value"] in last.values()]
    evidence: Any = evidence_maps(graph)
    digits, labels = digits_for(net)
    return {
        "title": net.title,
        "size": net.size,
        "scale": net.scale,
        "shift": net.shift,
        "error": top1_error(model, net.images(digits), Tensor(labels)),
        "network": live_network(graph),
        "layers": layers,
        "rows": rows,
        "evidence": evidence._asdict(),
        "blocks": live_blocks(model, zeros_for(model, shape)),
    }


def layer_name(box: Box, found: list[Box]) -> str:
    """The name of a layer; of one that runs several times, with that of the layer before it."""
    again = sum(other.name == box.name for other in found) > 1
    return f"{found[box.sources[0]].name}, {box.name}" if again else box.name
