"""The explorer's page loads nothing, and works in a browser."""

import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis.explorer import explore, live, passes
from minitorch_cnn.analysis.explorer.layout import layout
from minitorch_cnn.compiler.passes import drop_identities, fold_batch_norm
from minitorch_cnn.nn import functional as F
from tests import oracle

from .explorer_pages import Branches, data_of, maps_in

rng = np.random.default_rng(3)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a small residual network, and the digits in it."""
    mt.manual_seed(0)
    path = tmp_path_factory.mktemp("explorer") / "page.html"
    digits = rng.integers(0, 17, (2, 8, 8))
    images = rng.random((2, 1, 8, 8), dtype=np.float32)
    model = nn.Sequential(Branches(), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    words = {"labels": ["3", "</script>"], "classes": ["cat", "dog", "owl"], "name": "a <net>"}
    explore(model, images, path, digits=digits, **words)
    return path, digits, model, images


def test_the_page_is_one_file_that_loads_nothing(page):
    text, data = data_of(page[0])
    assert not re.search(r"(src|href)\s*=|@import|url\(|fetch\(", text)
    assert text.count("</script>") == 2 and "<!--" not in text.replace("<!DOCTYPE", "")
    assert data["images"]["labels"] == ["3", "</script>"]
    assert "<h1>a &lt;net&gt;</h1>" in text


@pytest.fixture
def browser(chromium, page):
    """Chromium with the small page open."""
    chromium.get(page[0].as_uri())
    return chromium


def test_the_keys_walk_from_layer_to_layer(browser):
    def press(key):
        browser.switch_to.active_element.send_keys(key)
        return browser.find_element("id", "layer-name").text

    browser.execute_script("choose({box: 0}); data.boxes[0].group.focus()")
    assert press("\ue015") == "0.left: Conv2d"  # down
    assert press("\ue014") == "0.right: Conv2d"  # right
    assert press("\ue010") == "3: Linear"  # end
    assert "3 numbers" in browser.find_element("id", "maps-text").text
    assert browser.get_log("browser") == []


def test_the_answer_is_the_models(browser, page):
    _, _, model, images = page
    logits = model(mt.tensor(images)).detach().numpy().astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    browser.execute_script("choose({image: 1})")
    first = browser.find_element("css selector", "#answer tr").text.split()
    best = shares[1].argmax()
    assert first[0] == ["cat", "dog", "owl"][best]
    assert float(first[1]) == pytest.approx(100 * shares[1, best], abs=0.06)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "stride, padding, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 2), (3, 3, 2, 4), (1, 2, 3, 1)]
)
def test_the_pages_convolution_is_the_convolution(
    browser, page, kernel, stride, padding, dilation, groups
):
    state = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
             "groups": groups}  # fmt: skip
    found = np.array(browser.execute_script("return convolve(inputMaps(1), arguments[0])", state))
    if 8 + 2 * padding < dilation * (kernel - 1) + 1:
        assert found.size == 0
        return
    x = np.stack([np.rot90(page[1][1], -turns) for turns in range(4)])[None].astype(float)
    w = np.array(
        browser.execute_script(
            "const [g, k] = arguments; const r = (n) => [...Array(n).keys()];"
            "return r(4).map((o) => r(4 / g).map((c) => r(k).map((i) => r(k).map((j) => "
            "weight(o, c, i, j)))))",
            groups,
            kernel,
        ),
        float,
    )
    expected = oracle.conv2d(x, w, (stride,) * 2, ((padding,) * 2,) * 2, (dilation,) * 2, groups)
    np.testing.assert_array_equal(found, expected[0])


def test_a_window_that_does_not_fit_is_said_and_the_sliders_move_it(browser):
    def slide(name, value):
        browser.execute_script(
            "const s = document.querySelector(`#sliders [data-name=${arguments[0]}]`);"
            "s.value = arguments[1]; s.dispatchEvent(new Event('input'))", name, value)  # fmt: skip
        return browser.find_element("id", "convolution-text").text

    slide("kernel", 5)
    assert "it fits nowhere" in slide("dilation", 3)
    assert "floor((8 + 2 x 3 - 13) / 1) + 1 = 2 outputs" in slide("padding", 3)
    assert "y[0, 1, 0]" in slide("row", 1)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize(
    ("bytes", "told"), [(512, "0.5 KiB"), (2**20, "1.0 MiB"), (124_724_224, "118.9 MiB")]
)
def test_memory_from_a_mebibyte_on_is_told_in_mebibytes(page, bytes, told):
    source = page[0].read_text(encoding="utf-8")
    function = re.search(r"function amount\(.*?\n}", source, re.S).group()
    script = f"{function}\nconsole.log(amount({bytes}))"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told


def test_the_page_has_a_key_to_its_colours(page):
    legend = re.search(r'<p class="legend">(.*?)</p>', page[0].read_text(encoding="utf-8"), re.S)
    told = re.findall(r'class="(\w+)">([\w ]+)<', legend.group(1))
    assert told == [
        ("conv", "with weights"),
        ("norm", "normalisation"),
        ("activation", "activation function"),
        ("pool", "pooling"),
        ("join", "sum or join"),
        ("block", "several"),
    ]


class Block(nn.Module):
    """A residual block of seven boxes."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + x)


@pytest.fixture(scope="module")
def deep_page(tmp_path_factory):
    """The page of a net of 12 blocks in two groups, which is folded at first; and the net."""
    mt.manual_seed(0)
    groups = [nn.Sequential(*(Block() for _ in range(n))) for n in (4, 8)]
    model = nn.Sequential(nn.Conv2d(3, 3, 5, padding=2), *groups, nn.Flatten(), nn.Linear(768, 3))
    path = tmp_path_factory.mktemp("deep") / "page.html"
    explore(model, rng.standard_normal((3, 16, 16)), path)
    return path, model


@pytest.fixture
def deep(chromium, deep_page):
    """Chromium with the deep page open."""
    chromium.get(deep_page[0].as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def shown(browser):
    return browser.execute_script("return items.map((item) => item.name)")


def press(browser, *keys):
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


DOWN, ENTER, BACKSPACE, ESCAPE, RIGHT = "\ue015", "\ue007", "\ue003", "\ue00c", "\ue014"


def test_modules_are_folded_at_first_and_opened_by_a_click_or_a_key(deep):
    groups = ["1.0", "1.1", "1.2", "1.3", *(f"2.{k}" for k in range(8))]
    assert shown(deep) == ["image", "0", *groups, "3", "4"]
    deep.execute_script("itemOf[2].group.dispatchEvent(new Event('click'))")
    inside = ["conv1", "bn1", "relu", "conv2", "bn2", "add", "relu_1"]
    opened = ["image", "0", *(f"1.0.{name}" for name in inside), *groups[1:], "3", "4"]
    assert shown(deep) == opened
    assert deep.find_element("id", "layer-name").text == "1.0.conv1: Conv2d"
    deep.execute_script("itemOf[chosen.box].group.focus()")
    press(deep, BACKSPACE)
    assert shown(deep) == ["image", "0", *groups, "3", "4"]
    press(deep, DOWN, ENTER, DOWN)  # the focus is still on the graph
    assert deep.find_element("id", "layer-name").text == "1.1.bn1: BatchNorm2d"
    fold = deep.find_element("css selector", "#blocks button")
    assert fold.text == "Fold 1: Sequential"
    fold.click()
    assert shown(deep)[:4] == ["image", "0", "1", "2.0"]
    deep.find_element("id", "fold-all").click()
    assert shown(deep) == ["image", "0", "1", "2", "3", "4"]
    deep.find_element("id", "open-all").click()
    assert len(shown(deep)) == 1 + 1 + 12 * 7 + 2


def test_a_folded_module_costs_what_its_boxes_cost(deep, deep_page):
    deep.execute_script("openAll(false); choose({box: data.boxes.findLastIndex((b) => b.blocks[0] "
                        "=== '2: Sequential')})")  # fmt: skip
    told = deep.find_element("id", "facts").text
    blocks = list(deep_page[1].children())[2]
    assert f"Parameters {sum(p.numel() for p in blocks.parameters()):,}" in told
    assert f"Multiply-adds {8 * 2 * 81 * 256:,}" in told and "Boxes 56" in told
    assert "What its last layer, 2.7.relu_1" in deep.find_element("id", "maps-title").text


@pytest.mark.parametrize("sources", [
    [[], [0], [0], [0], [1, 2, 3], [4, 0]],
    [[], [0], [0], [1], [1, 2], [2], [3, 4], [5, 6, 0], []],
])  # fmt: skip
def test_the_page_lays_boxes_out_as_layout_does(browser, sources):
    found = browser.execute_script("return layout(arguments[0])", sources)
    assert [(place["column"], place["row"]) for place in found] == layout(sources)


def test_what_is_searched_is_marked_counted_and_gone_to(deep):
    search = deep.find_element("id", "search")
    search.send_keys("RELU")
    assert deep.find_element("id", "found").text == "24 found; Enter goes to the next"
    marked = "return items.filter((item) => item.group.classList.contains('found')).length"
    assert deep.execute_script(marked) == 12  # the blocks that they are in
    search.send_keys(ENTER)
    assert deep.find_element("id", "layer-name").text == "1.0.relu: ReLU"
    search.send_keys(ENTER)
    assert deep.find_element("id", "layer-name").text == "1.0.relu_1: ReLU"
    assert deep.execute_script("return document.activeElement.id") == "search"
    search.send_keys("x")
    assert deep.find_element("id", "found").text == "0 found"
    assert deep.execute_script(marked) == 0


def test_the_graph_is_enlarged_fitted_and_overseen(deep):
    deep.find_element("id", "open-all").click()
    width = "return frame.firstChild.getBoundingClientRect().width"
    before = deep.execute_script(width)
    deep.find_element("id", "larger").click()
    assert deep.execute_script(width) == pytest.approx(1.25 * before, abs=1)
    deep.execute_script("itemOf[chosen.box].group.focus()")
    press(deep, "-", "-")
    assert deep.execute_script(width) == pytest.approx(0.8 * before, abs=1)
    press(deep, "0")
    assert deep.execute_script(width) == pytest.approx(before, abs=1)
    assert deep.execute_script("return overview.querySelectorAll('rect').length") == 88 + 1
    click = "lookAt({type: 'pointerdown', clientX: arguments[0], clientY: arguments[1]})"
    place = deep.find_element("id", "overview").rect
    deep.execute_script(click, place["x"] + place["width"] / 2, place["y"] + place["height"])
    top, height, full = deep.execute_script(
        "return [frame.scrollTop, frame.clientHeight, frame.scrollHeight]"
    )
    assert top == pytest.approx(full - height, abs=2)


def test_a_click_enlarges_a_map_and_its_scale_is_told(browser, page):
    browser.execute_script("choose({box: 1, image: 0})")
    maps = browser.find_elements("css selector", "#maps button")
    conv = page[2][0].left
    x, w, b = page[3][:1], conv.weight.numpy(force=True), conv.bias.numpy(force=True)
    expected = oracle.conv2d(x, w, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)[0] + b[:, None, None]
    maps[0].click()
    dialog = browser.find_element("id", "close-up")
    assert dialog.is_displayed()
    for k in range(2):
        assert browser.find_element("id", "close-up-title").text == f"0.left, map {k}"
        told = re.findall(r"-?\d+(?:\.\d+)?", browser.find_element("id", "close-up-range").text)
        step = np.ptp(expected) / 255
        assert float(told[0]) == pytest.approx(expected[k].min(), abs=step + 0.005)
        assert float(told[1]) == pytest.approx(expected[k].max(), abs=step + 0.005)
        scale = [
            float(browser.find_element("id", f"close-up-{end}").text) for end in ("low", "high")
        ]
        assert scale == pytest.approx([expected.min(), expected.max()], abs=1e-3)
        press(browser, RIGHT)
    browser.execute_script(
        "const { clientWidth: width, clientHeight: height } = largeMap;"
        "readPixel({ offsetX: width * 3.5 / 8, offsetY: height * 2.5 / 8 })"
    )
    told = browser.find_element("id", "close-up-here").text
    assert told.startswith("Row 2, column 3: ")
    assert float(told.split()[-1]) == pytest.approx(expected[1, 2, 3], abs=step + 0.005)
    press(browser, ESCAPE)
    assert not dialog.is_displayed()


def test_the_weights_are_shown_as_histograms_and_the_first_kernels_as_pictures(deep, deep_page):
    data = data_of(deep_page[0])[1]
    weight, bias = data["boxes"][1]["weights"]
    w = next(deep_page[1].children()).weight.numpy(force=True)
    assert (weight["name"], weight["shape"], bias["shape"]) == ("weight", [3, 3, 5, 5], [3])
    assert weight["low"] == pytest.approx(w.min(), rel=1e-3)
    assert weight["high"] == pytest.approx(w.max(), rel=1e-3)
    assert weight["mean"] == pytest.approx(w.mean(dtype=np.float64), rel=1e-3, abs=1e-6)
    edges = np.linspace(w.min(), w.max(), 33)
    edges[-1] += 1e-6
    counts = [int(((w >= a) & (w < b)).sum()) for a, b in pairwise(edges)]
    np.testing.assert_allclose(weight["counts"], counts, atol=1)
    (kernels,) = maps_in({"maps": weight["kernels"]})
    np.testing.assert_allclose(kernels, w, atol=np.ptp(w) / 255)
    deep.execute_script("choose({box: 1})")
    assert "mean" in deep.find_element("css selector", "#weights figcaption").text
    assert len(deep.find_elements("css selector", "#weights .map")) == 3
    assert len(deep.find_elements("css selector", "#weights .histogram")) == 2
    pixel = "return [...document.querySelector('#weights canvas').getContext('2d')" \
        ".getImageData(1, 0, 1, 1).data]"  # fmt: skip
    levels = np.rint((w[0, :, 0, 1] - w.min()) / np.ptp(w) * 255)
    np.testing.assert_allclose(deep.execute_script(pixel)[:3], levels, atol=1)
    deep.execute_script(
        "openAll(true); choose({box: data.boxes.findIndex((b) => b.type === 'ReLU')})"
    )
    assert not deep.find_element("id", "weights-title").is_displayed()


def test_a_telephone_shows_the_page_in_its_width_and_a_tap_shows_what_it_tells(deep):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    deep.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        deep.refresh()
        assert deep.execute_script("return document.documentElement.scrollWidth") <= 390
        inner = "return ['conv-input', 'conv-output', 'maps', 'weights', 'facts'].map((id) => " \
            "byId(id).scrollWidth - byId('layer').clientWidth)"  # fmt: skip
        assert max(deep.execute_script(inner)) <= 0
        deep.execute_script("convolution.padding = 3; showConvolution(); openAll(true)")
        assert deep.execute_script("return document.documentElement.scrollWidth") <= 390
        deep.execute_script("scrollTo(0, 0); itemOf[2].group.dispatchEvent(new Event('click'))")
        top = "return document.getElementById('layer-name').getBoundingClientRect().top"
        assert 0 <= deep.execute_script(top) < 200
        deep.find_element("id", "back").click()
        top = deep.execute_script("return frame.getBoundingClientRect().top")
        assert 0 <= top < 600
    finally:
        deep.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_in_either_theme(deep, theme):
    def luminance(colour):
        rgb = np.array([int(v) for v in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    features = [{"name": "prefers-color-scheme", "value": theme}]
    deep.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        deep.find_element("id", "open-all").click()
        found = deep.execute_script(
            "const of = (e, key) => getComputedStyle(e)[key];"
            "return [...document.querySelectorAll('#graph g[role=option]')].map((g) => ["
            "of(g.querySelector('text'), 'fill'), of(g.querySelector('rect'), 'fill')])"
        )
        for words, ground in {tuple(pair) for pair in found}:
            a, b = sorted([luminance(words), luminance(ground)])
            assert (b + 0.05) / (a + 0.05) > 7  # WCAG 2.1, level AAA
    finally:
        deep.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture
def compiled(chromium, tmp_path, monkeypatch):
    """The page of a net with a batch norm and a ReLU."""
    monkeypatch.setattr(passes, "PASSES", (drop_identities, fold_batch_norm))
    layers = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten()
    path = tmp_path / "compiled.html"
    explore(nn.Sequential(*layers, nn.Linear(128, 3)), rng.random((1, 1, 8, 8)), path)
    chromium.get(path.as_uri())
    return chromium


def test_the_operators_before_and_after_a_pass_stand_beside_each_other(compiled):
    def rows():
        return compiled.execute_script(
            "const told = (cell) => (cell.querySelector('.operator') ?? cell).textContent;"
            "return [...byId('pass').tBodies[0].rows].map((row) => [...row.cells].map(told))"
        )

    def marks(mark):
        found = compiled.find_elements("css selector", f"#pass .{mark} .operator")
        return [element.text for element in found]

    shape, rest = "2 x 8 x 8", [["Flatten", "Flatten", "128"], ["Gemm", "Gemm", "3"]]
    assert rows() == [["Conv", "", shape], ["BatchNormalization", "Conv", shape],
                      ["Relu", "Relu", shape], *rest]  # fmt: skip
    assert (marks("gone"), marks("took")) == (["Conv", "BatchNormalization"], ["Conv"])
    told = compiled.find_element("id", "pass-text")
    assert told.text.startswith("Before: 5 operators") and "After: 4 operators" in told.text
    pressed = "#passes [aria-pressed=true]"
    assert compiled.find_element("css selector", pressed).text == "fold batch norm"
    compiled.find_elements("css selector", "#passes button")[-1].click()
    assert rows() == [["Conv", "", shape], ["Relu", "Conv + Relu", shape], *rest]
    assert compiled.find_element("css selector", pressed).text == "fuse epilogues"
    assert compiled.get_log("browser") == []


def test_the_layers_stay_above_what_follows_them(compiled):
    compiled.set_window_size(1280, 900)
    end = "return document.getElementById('network').getBoundingClientRect().bottom"
    start = "return document.getElementById('compiler').getBoundingClientRect().top"
    for _ in range(2):
        assert compiled.execute_script(end) <= compiled.execute_script(start)
        compiled.execute_script("scrollTo(0, document.body.scrollHeight)")


def test_numbers_that_are_none_do_not_spoil_the_page(chromium, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    model[0].weight.array[0] = np.nan
    path = explore(model, np.ones((1, 8, 8), np.float32), tmp_path / "x.html")
    assert "NaN" not in re.search(r'id="data">(.*?)</script>', path.read_text("utf-8"), re.S).group(
        1
    )
    chromium.get(path.as_uri())
    assert "NaN" in chromium.find_element("id", "answer").text
    chromium.execute_script("choose({box: 3})")
    assert chromium.get_log("browser") == []


def test_a_net_that_labels_pixels_answers_with_the_shape_of_its_masks(chromium, tmp_path):
    path = explore(nn.Conv2d(1, 2, 3), np.ones((1, 8, 8), np.float32), tmp_path / "x.html")
    chromium.get(path.as_uri())
    told = chromium.find_element("id", "answer").text
    assert told == "2 x 6 x 6 numbers, those of the last box: classes of pixels"


def test_a_moved_image_is_computed_anew_in_the_page(chromium, tmp_path):
    mt.manual_seed(4)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 3)
    )
    for p in model.parameters():
        p.array[...] = p.array.astype(np.float16)
    images = rng.integers(0, 9, (2, 2, 8, 8)).astype(np.float32) / 8
    path = explore(model, images, tmp_path / "x.html", classes=["cat", "dog", "owl"])
    chromium.get(path.as_uri())
    chromium.execute_script("choose({image: 1, box: 2})")
    chromium.find_element("css selector", "#live summary").click()
    chromium.find_element("css selector", "#live [data-move='0 1']").click()
    chromium.execute_script("squareSliders.size.value = 3;"
                            "squareSliders.size.dispatchEvent(new Event('input'))")  # fmt: skip
    least = images[1].min((1, 2), keepdims=True)
    x = np.concatenate([np.broadcast_to(least, (2, 8, 1)), images[1, :, :, :-1]], 2)
    x[:, :3, :3] = least
    y = model[:2](mt.tensor(x[None])).detach().numpy()[0]
    found = chromium.execute_script(
        "const { low, high, bytes } = liveMaps(data.boxes[2]);"
        "return [...bytes].map((v) => low + v / 255 * (high - low))"
    )
    np.testing.assert_allclose(found, y.ravel(), atol=np.ptp(y) / 400)
    logits = model(mt.tensor(x[None])).detach().numpy()[0].astype(float)
    shares = np.exp(logits) / np.exp(logits).sum()
    name, share = chromium.find_element("css selector", "#answer tr").text.split()[:2]
    assert name == ["cat", "dog", "owl"][shares.argmax()]
    assert float(share) == pytest.approx(100 * shares.max(), abs=0.06)
    assert "moved by 0 down and 1 to the right, a square of 3 x 3" in chromium.find_element(
        "id", "live-text").text  # fmt: skip
    chromium.find_element("id", "unmove").click()
    assert chromium.execute_script("return running.values") is None
    assert chromium.get_log("browser") == []


def test_a_net_beyond_the_engine_says_what_is_missing(chromium, tmp_path, monkeypatch):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GELU(), nn.Flatten(), nn.Linear(144, 3))
    path = explore(model, np.ones((1, 8, 8), np.float32), tmp_path / "x.html")
    chromium.get(path.as_uri())
    chromium.find_element("css selector", "#live summary").click()
    told = chromium.find_element("id", "live-text").text
    assert re.fullmatch(r"This network does not run in the page: the engine lacks \w+\.", told)
    assert not chromium.find_element("id", "live-tools").is_displayed()
    monkeypatch.setitem(live.LIMITS, "weights", 400)
    found = live.live_page(model, np.ones((1, 1, 8, 8), np.float32), 0)
    assert found == {"lacks": "it has 475 weights, and 400 is the most"}
