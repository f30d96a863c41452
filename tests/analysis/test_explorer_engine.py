"""The page's engine computes what Python computes, forward and backward."""

import json
import re
import shutil
import subprocess
from importlib import resources
from typing import Any

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import lecture
from minitorch_cnn.analysis.explorer import live
from minitorch_cnn.nn import functional as F

FILES = resources.files("minitorch_cnn.analysis")
RUN = """(cases) => cases.map(({ data, x, seed }) => {
  const net = new Network(data), values = net.run(Float32Array.from(x));
  const gradient = net.gradients(values, seed).get(data.input);
  return [[...net.output(values)], [...gradient]];
})"""


def engine() -> str:
    return "\n".join(FILES.joinpath(name).read_text("utf-8") for name in live.ENGINE)


def computed(function: str, argument: Any) -> Any:
    """The result of a JavaScript function beside the engine, by Node or else by Chromium."""
    if shutil.which("node"):
        call = "JSON.parse(require('fs').readFileSync(0, 'utf8'))"
        script = f"{engine()}\nconsole.log(JSON.stringify(({function})({call})))"
        done = subprocess.run(
            ["node", "-e", script], input=json.dumps(argument), capture_output=True, text=True
        )
        assert not done.returncode, done.stderr[-2000:]
        return json.loads(done.stdout)
    webdriver = pytest.importorskip("selenium.webdriver")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("neither Node nor Chromium is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(word)
    chrome = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        return chrome.execute_script(
            f"{engine()}\nreturn ({function})(JSON.parse(arguments[0]))", json.dumps(argument)
        )
    finally:
        chrome.quit()


class Shortcuts(nn.Module):
    """A shortcut of option A, and one that is a map of its own."""

    def __init__(self):
        super().__init__()
        self.conv, self.side = nn.Conv2d(2, 5, 3, 2, 1), nn.Conv2d(2, 5, 1, 2)
        self.option = nn.Sequential(nn.AvgPool2d(1, 2), mt.models.residual.PadChannels(5))

    def forward(self, x):
        return F.relu(self.conv(x) + self.option(x)) * self.side(x) - x.mean((1, 2, 3))


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def lenet():
    return mt.models.create_model("lenet5")


WEIGHT = mt.tensor(np.arange(24, dtype=np.float32).reshape(6, 4) / 8 - 1)
CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "a convolution": (lambda: nn.Conv2d(2, 3, 3), (2, 7, 6)),
    "stride and padding": (lambda: nn.Conv2d(2, 3, 5, (2, 3), (2, 1)), (2, 9, 8)),
    "dilation": (lambda: nn.Conv2d(2, 3, 3, padding=3, dilation=(2, 3)), (2, 9, 8)),
    "a window wider than the map": (lambda: nn.Conv2d(1, 2, 5, padding=4, stride=4), (1, 3, 2)),
    "padding on one side": (lambda: nn.Conv2d(1, 2, 4, padding="same"), (1, 6, 5)),
    "groups": (lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), (4, 5, 5)),
    "depthwise": (lambda: nn.Conv2d(3, 6, 3, padding=1, groups=3), (3, 5, 5)),
    "batch norm": (lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)), (1, 5, 5)),
    "activations": (lambda: nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid()), (2, 3, 3)),
    "leaky and clipped": (lambda: nn.Sequential(nn.LeakyReLU(0.1), nn.ReLU6()), (2, 3, 3)),
    "max pooling": (lambda: nn.MaxPool2d(3, 2, 1), (2, 7, 8)),
    "max pooling, the last window cut": (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), (2, 6, 7)),
    "average pooling": (lambda: nn.AvgPool2d(3, 2, 1), (2, 7, 8)),
    "average without padding": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 7, 8)),
    "average, the last window cut": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), (2, 6, 6)),
    "global pooling": (lambda: nn.AdaptiveAvgPool2d(1), (3, 4, 5)),
    "flatten and linear": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), (3, 2, 2)),
    "softmax": (lambda: nn.Sequential(nn.Flatten(), nn.Softmax(1)), (3, 2, 2)),
    "log softmax": (lambda: nn.Sequential(nn.Flatten(), nn.LogSoftmax(1)), (3, 2, 2)),
    "shortcuts": (Shortcuts, (2, 6, 6)),
    "a join": (lambda: Function(lambda x: mt.cat([x, x * x, -x], dim=1)), (2, 3, 3)),
    "broadcasting": (lambda: Function(lambda x: x / (1 + (x * x).sum(2, keepdim=True))), (2, 3, 4)),
    "means": (lambda: Function(lambda x: x - x.mean(3, keepdim=True)), (2, 3, 4)),
    "a product": (lambda: Function(lambda x: x.reshape(1, 6) @ WEIGHT), (2, 3, 1)),
    "axes of one": (lambda: Function(lambda x: x.squeeze(3).sum(1, keepdim=True)), (2, 3, 1)),
    "cropping": (lambda: Function(lambda x: F.pad(x, (1, -1, -2, 3), value=2.0) * 3), (2, 4, 4)),
    "LeNet-5": (lenet, (1, 32, 32)),
    "ResNet-20": (lambda: mt.models.create_model("resnet20_cifar"), (3, 16, 16)),
    "plain-20": (lambda: mt.models.create_model("plain20_cifar"), (3, 16, 16)),
}  # fmt: skip


def case(name):
    """A network as data with an image and a cotangent, and Python's output and gradient."""
    mt.manual_seed(1)
    rng = np.random.default_rng(1)
    make, shape = CASES[name]
    model = make().eval()
    for t in model.state_dict().values():
        if t.array.ndim == 1 and t.array.dtype.kind == "f":  # other statistics than 0 and 1
            t.array[...] = rng.uniform(0.5, 1.5, t.shape)
        if t.array.dtype.kind == "f":
            t.array[...] = t.array.astype(np.float16)
    x = mt.tensor(rng.standard_normal((1, *shape)).astype(np.float32), requires_grad=True)
    y = model(x)
    seed = rng.standard_normal(y.shape).astype(np.float32)
    (y * mt.tensor(seed)).sum().backward()
    data = live.live_network(live.live_graph(model, shape))
    told = {"data": data, "x": x.detach().numpy().ravel().tolist(), "seed": seed.ravel().tolist()}
    return told, y.detach().numpy().ravel(), x.grad.numpy().ravel()


@pytest.fixture(scope="module")
def compared():
    """By name: Python's output and gradient, and the engine's; one process computes them all."""
    cases = {name: case(name) for name in CASES}
    found = computed(RUN, [told for told, *_ in cases.values()])
    pairs = zip(cases.items(), found, strict=True)
    return {name: (expected, numbers) for (name, (_, *expected)), numbers in pairs}


@pytest.mark.parametrize("name", CASES)
def test_the_engine_gives_the_outputs_and_the_input_gradients_of_python(compared, name):
    expected, found = compared[name]
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-4 * max(np.abs(ours).max(), 1))


def test_every_operator_of_the_engine_is_known_to_python():
    assert set(computed("() => Object.keys(OPERATORS)", None)) == live.OPERATORS
    nodes = (node for name in CASES for node in case(name)[0]["data"]["nodes"])
    assert {node["operator"] for node in nodes} == live.OPERATORS


def test_a_network_beyond_the_engine_is_refused_by_the_operator_that_it_lacks():
    class Turned(nn.Module):
        def forward(self, x):
            return F.gelu(x.permute(0, 1, 3, 2))

    graph = live.live_graph(Turned(), (1, 2, 3))
    assert "Transpose" in live.lacking(graph)
    with pytest.raises(ValueError, match=r"live_network: the engine lacks .*Transpose"):
        live.live_network(graph)
    node = {"operator": "Warp", "name": "y", "inputs": ["x"], "shape": [1], "attributes": {}}
    data = {"nodes": [node], "input": "x", "shape": [1], "output": "y", "constants": {}}
    refused = """(data) => { try { new Network(data); } catch (error) { return error.message; } }"""
    told = computed(refused, {**data, "weights": ""})
    assert told == "the engine lacks the operator Warp"


def test_sixteen_bits_are_read_as_numpy_reads_them():
    bits = np.random.default_rng(0).integers(0, 2**16, 4000).astype(np.uint16)
    expected = bits.view(np.float16).astype(np.float64)
    found = computed("(all) => all.map((bits) => String(fromHalf(bits)))", bits.tolist())
    read = np.array([float(text.replace("Infinity", "inf")) for text in found])
    np.testing.assert_array_equal(read, expected)


def test_the_engine_asks_nothing_of_the_network_and_evaluates_no_text():
    assert not re.search(r"\beval\(|new Function|fetch\(|import\(|XMLHttp|https?:", engine())


def test_evidence_maps_are_those_of_a_class_activation_map():
    mt.manual_seed(2)
    model = mt.models.create_model("resnet20_cifar", width=0.25).eval()
    x = mt.tensor(np.random.default_rng(2).standard_normal((1, 3, 16, 16)).astype(np.float32))
    for t in model.state_dict().values():
        t.array[...] = t.array.astype(np.float16)
    graph = live.live_graph(model, (3, 16, 16))
    told = live.evidence_maps(graph)
    assert told is not None and told.exact
    kept = []
    model.layer3.register_forward_hook(lambda module, inputs, y: kept.append(y.detach().numpy()))
    model(x)
    expected = np.einsum("c,chw->hw", model.fc.weight.detach().numpy()[4], kept[0][0])
    data = live.live_network(graph)
    found = computed(
        """({ data, x, maps }) => {
          const net = new Network(data), values = net.run(Float32Array.from(x));
          const seed = [...net.output(values)].map((_, k) => Number(k === 4));
          return [...activationMap(values.get(maps), net.gradients(values, seed).get(maps))];
        }""",
        {"data": data, "x": x.numpy().ravel().tolist(), "maps": told.value},
    )
    np.testing.assert_allclose(found, expected.ravel(), atol=1e-3)
    assert live.evidence_maps(live.live_graph(lenet(), (1, 32, 32))).exact is False


@pytest.mark.skipif(shutil.which("tsc") is None, reason="needs tsc")
@pytest.mark.parametrize(
    "files, rules", [(live.ENGINE, ["--strict"]), (lecture.SCRIPTS, [])], ids=["engine", "page"]
)
def test_the_types_of_the_scripts_fit_together(files, rules):
    paths = [str(FILES.joinpath(name)) for name in files]
    rules = [*rules, "--noEmit", "--allowJs", "--checkJs", "--target", "es2022"]
    done = subprocess.run(["tsc", *rules, *paths], capture_output=True, text=True)
    assert not done.returncode, done.stdout
