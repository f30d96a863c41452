"""The explorer's page says what the network is, and works in a browser."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis.explorer import boxes, explore, layout
from minitorch_cnn.analysis.explorer.maps import BUDGET, packed, reduced, within_budget
from tests import oracle

rng = np.random.default_rng(3)


class Branches(nn.Module):
    """Two convolutions side by side, joined, and the image's mean added to the result."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 3, 1)
        self.idle, self.last = nn.Identity(), nn.Conv2d(5, 1, 1)

    def forward(self, x):
        both = mt.cat([self.left(x), self.idle(self.right(x))], dim=1)
        return self.last(both) + x


def test_boxes_are_the_layers_and_where_branches_meet():
    found = boxes(Branches(), (1, 6, 6))
    assert [(box.name, box.kind, box.sources) for box in found] == [
        ("image", "image", []),
        ("left", "layer", [0]),
        ("right", "layer", [0]),
        ("idle", "layer", [2]),
        ("cat", "join", [1, 3]),
        ("last", "layer", [4]),
        ("add", "join", [5, 0]),
    ]
    assert [box.output_shape for box in found[4:]] == [(5, 6, 6), (1, 6, 6), (1, 6, 6)]
    assert found[1].parameters == 20 and found[1].multiply_adds == 18 * 36
    assert found[4].field.size == (3, 3) and found[4].field.start == (-1, -1)


@pytest.mark.parametrize("name", ["lenet5", "resnet20_cifar", "densenet_bc100_k12_cifar"])
def test_boxes_cost_what_the_summary_says(name):
    model, shape = mt.models.create_model(name), mt.models.model_entry(name).input_shape
    found, rows = boxes(model, shape), mt.analysis.summary(model, shape).rows
    layers = [box for box in found if box.kind == "layer"]
    assert sorted((b.name, b.multiply_adds) for b in layers) == sorted(
        (r.name, r.macs) for r in rows
    )
    assert all(source < k for k, box in enumerate(found) for source in box.sources)
    unread = set(range(len(found))) - {source for box in found for source in box.sources}
    assert unread == {len(found) - 1}  # only the last one's output goes nowhere


def test_boxes_of_a_row_stand_apart_below_the_middle_of_their_sources():
    places = layout([[], [0], [0], [0], [1, 2, 3], [4, 0]])
    assert [row for _, row in places] == [0, 1, 1, 1, 2, 3]
    assert [column for column, _ in places] == [0, -1, 0, 1, 0, 0]


def test_maps_are_averaged_and_vectors_kept():
    y = rng.standard_normal((2, 20, 8, 6)).astype(np.float32)
    small = reduced(y, 16, 3)
    assert small.shape == (2, 16, 3, 3)
    np.testing.assert_allclose(small[:, :, :, 0].mean(), y[:, :16, :, :2].mean(), atol=0.1)
    np.testing.assert_array_equal(reduced(y, 20, 8), y)
    assert reduced(y[:, :, 0, 0], 4, 4).shape == (2, 20)


def test_large_networks_are_shown_in_less_detail():
    outputs = [np.zeros((10, 16, 32, 32), np.float32)] * 100
    found = within_budget(outputs)
    assert sum(y.size for y in found) <= BUDGET < sum(y.size for y in outputs)


def test_numbers_become_levels_between_the_least_and_the_largest():
    y = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    told = packed(y)
    assert told["low"] == [1, 5] and told["high"] == [3, 5] and told["shape"] == [3]
    levels = np.frombuffer(base64.b64decode(told["bytes"]), np.uint8)
    assert levels.tolist() == [0, 128, 255, 0, 0, 0]


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
    text = page[0].read_text(encoding="utf-8")
    assert not re.search(r"(src|href)\s*=|@import|url\(|fetch\(", text)
    assert text.count("</script>") == 2 and "<!--" not in text.replace("<!DOCTYPE", "")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))
    assert data["images"]["labels"] == ["3", "</script>"]
    assert "<h1>a &lt;net&gt;</h1>" in text


def test_as_many_labels_as_images_are_asked_for(tmp_path):
    with pytest.raises(ValueError, match="explore: there are 2 images, 1 labels"):
        images = np.zeros((2, 1, 8, 8), np.float32)
        explore(Branches(), images, tmp_path / "x.html", labels=["3"])
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def browser(page):
    """Headless Chromium with the page open."""
    webdriver = pytest.importorskip("selenium.webdriver")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("Chromium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update"):  # fmt: skip
        options.add_argument(argument)
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    chrome.get(page[0].as_uri())
    yield chrome
    chrome.quit()


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


class Flat(nn.Module):
    """As tutorials flatten: by the batch, which must not be empty."""

    def __init__(self, channels=1):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 5)
        self.drop = nn.Dropout()
        self.fc = nn.Linear(2 * 24 * 24, 3)

    def forward(self, x):
        x = self.conv(x)
        return self.fc(self.drop(x.view(x.size(0), -1)))


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return text, json.loads(re.search(r'id="data">(.*?)</script>', text, re.S).group(1))


def test_a_net_alone_is_explored_with_digits_of_its_size_and_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = Flat()
    net.conv.eval()
    mt.manual_seed(3)
    drawn = mt.rand(3).numpy()
    mt.manual_seed(3)
    path = mt.analysis.explore(net)
    assert str(path) == "explore.html"
    assert net.training and not net.conv.training and net.drop.training
    np.testing.assert_array_equal(mt.rand(3).numpy(), drawn)  # nothing was drawn meanwhile
    text, data = data_of(path)
    assert data["name"] == "Flat" and data["note"] == "" and "untrained" not in text
    assert data["boxes"][0]["output_shape"] == [1, 28, 28]
    assert data["images"]["labels"] == list("0123456789")


def test_an_image_of_ones_own_is_explored(tmp_path):
    image = np.linspace(0, 1, 3 * 28 * 28).reshape(3, 28, 28)
    for given in (image, mt.tensor(image), image[None].astype(np.float32)):
        _, data = data_of(mt.analysis.explore(Flat(3), given, tmp_path / "x.html"))
        assert data["images"]["labels"] == ["image 1"] and data["kind"] == "image"
        small = np.array(data["digits"])
        assert small.shape == (1, 8, 8) and small.min() == 0 and small.max() == 16
    with pytest.raises(ValueError, match=r"explore: image of shape \(28, 28\) must be \(C, H, W\)"):
        mt.analysis.explore(Flat(3), image[0], tmp_path / "y.html")
    with pytest.raises(TypeError, match="explore: model must be a Module or a name"):
        mt.analysis.explore(3)
    assert [p.name for p in tmp_path.iterdir()] == ["x.html"]


def test_a_model_by_name_is_said_to_be_untrained(tmp_path):
    text, data = data_of(mt.analysis.explore("lenet5", out=tmp_path / "x.html"))
    assert data["name"] == "lenet5" and '<p id="note">untrained weights</p>' in text


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
        ("pool", "pooling"),
        ("join", "sum or join"),
    ]
