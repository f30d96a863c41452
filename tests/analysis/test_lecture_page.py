"""The lecture page computes what Python computes, and can be used by all its ways."""

import math
import re

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.analysis.explorer import first_digits
from minitorch_cnn.analysis.lecture import lecture_page
from minitorch_cnn.analysis.lecture.nets import NETS, STORED, load
from minitorch_cnn.analysis.lecture.topics import LECTURES
from minitorch_cnn.analysis.lesions import lesion_units, without
from minitorch_cnn.analysis.watch import recorded
from minitorch_cnn.cli import main
from minitorch_cnn.data.transforms import resize
from tests import oracle

from .explorer_pages import data_of

DIGITS = first_digits() / 16


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return lecture_page(tmp_path_factory.mktemp("lecture") / "lecture.html")


@pytest.fixture
def page(chromium, path):
    """Chromium with the page open on test digit 3, without smooth scrolling."""
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chromium.get(path.as_uri())
    chromium.execute_script("compute()")
    yield chromium
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert chromium.get_log("browser") == []


@pytest.fixture(scope="module")
def nets():
    return {name: load(name) for name in STORED}


def seen(name, digit=3, down=0, right=0):
    """A test digit as a network sees it, moved: (1, 1, size, size) from 0 to 1."""
    size = NETS[name].size
    whole = resize(DIGITS[digit].astype(np.float32)[None, None], (size, size))
    found = np.zeros_like(whole)
    i, j = (slice(max(d, 0), size + min(d, 0)) for d in (down, right))
    k, l = (slice(max(-d, 0), size + min(-d, 0)) for d in (down, right))
    found[..., i, j] = whole[..., k, l]
    return found


def probabilities(model, name, pixels):
    with mt.no_grad():
        logits = model(NETS[name].images(pixels)).numpy().astype(np.float64)[0]
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()


def told(page):
    return np.array(page.execute_script("return live.probabilities"))


def use(page, name, digit=3):
    page.execute_script(
        "useNetwork(arguments[0]); loadDigit(data.samples[arguments[1]]); compute()", name, digit
    )


def test_the_page_is_one_small_file_that_loads_nothing(path, page):
    text, data = data_of(path)
    text = text.replace("http://www.w3.org/2000/svg", "")  # the name of what SVG is made of
    assert not re.search(r"src\s*=|@import|url\(|fetch\(|https?:|\beval\(|new Function", text)
    assert set(re.findall(r"href\s*[=:]\s*[\"`]?(.)", text)) == {"#"}
    assert path.stat().st_size < 6e6 and "<!--" not in text.replace("<!DOCTYPE", "")
    assert list(data["nets"]) == list(STORED)
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("name", STORED)
def test_answers_gradients_and_activation_maps_are_those_of_python(page, nets, name):
    for digit, move in ((3, (0, 0)), (7, (1, -2)), (0, (0, 1))):
        use(page, name, digit)
        page.execute_script("movePicture(...arguments); compute()", *move)
        x = NETS[name].images(seen(name, digit, *move))
        found = told(page)
        np.testing.assert_allclose(found, probabilities(nets[name], name, x_of(x, name)), atol=1e-3)
        x.requires_grad = True
        with recorded(nets[name]) as outputs:
            logits = nets[name](x)
        best, maps = int(found.argmax()), outputs.get("layer3")
        wanted = [x] if maps is None else [x, maps]
        gradients = mt.autograd.grad(logits[0, best], wanted)
        gx = np.array(page.execute_script(GRADIENT, data_input(page)))
        scale = np.abs(gradients[0].numpy()).max()
        np.testing.assert_allclose(gx / scale, gradients[0].numpy().ravel() / scale, atol=1e-3)
        if maps is not None:
            weights = gradients[1].numpy().sum((2, 3))[0]
            expected = np.einsum("c,chw->hw", weights, maps.detach().numpy()[0])
            cam = np.array(page.execute_script(CAM))
            np.testing.assert_allclose(
                cam, expected.ravel(), atol=1e-3 * max(np.abs(expected).max(), 1)
            )


GRADIENT = """const seed = live.probabilities.map((_, k) => Number(k === live.best));
return [...networkOf(live.net).gradients(live.values, seed).get(arguments[0])]"""
CAM = """const seed = live.probabilities.map((_, k) => Number(k === live.best));
const value = about().evidence.value, found = networkOf(live.net).gradients(live.values, seed);
return [...activationMap(live.values.get(value), found.get(value))]"""


def data_input(page):
    return page.execute_script("return networkOf(live.net).data.input")


def x_of(x, name):
    """The pixels behind a network's input."""
    return (x.numpy() - NETS[name].shift) / NETS[name].scale


def test_pixels_are_enlarged_as_python_resizes_them(page):
    x = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    for size in (8, 16, 32, 13):
        found = page.execute_script("return [...enlarged(arguments[0], 8, arguments[1])]",
                                    x.ravel().tolist(), size)  # fmt: skip
        expected = resize(x[None, None], (size, size)).ravel()
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_hidden_square_is_zero_and_the_fall_is_told(page, nets):
    use(page, "resnet20", 8)
    page.execute_script(
        "byId('patch-on').click(); const { size } = patchSliders; size.value = 8;"
        "size.dispatchEvent(new Event('input')); compute()"
    )
    pixels = seen("resnet20", 8)
    whole = probabilities(nets["resnet20"], "resnet20", pixels)
    pixels[..., 5:13, 6:14] = 0
    expected = probabilities(nets["resnet20"], "resnet20", pixels)
    np.testing.assert_allclose(told(page), expected, atol=1e-3)
    text = page.find_element("id", "patch-text").text
    before, after = (float(v) for v in re.findall(r"([\d.]+) %", text))
    assert text.startswith("Class 8") and before == pytest.approx(100 * whole[8], abs=0.1)
    assert after == pytest.approx(100 * expected[8], abs=0.1)
    page.execute_script("useNetwork('lenet5'); setPatch(); compute()")
    assert page.execute_script("return live.patch.size") == 8


def test_changes_are_relative_to_the_picture_before(page, nets):
    use(page, "resnet20")
    page.execute_script("movePicture(0, 1); compute()")
    with mt.no_grad():
        kept = []
        handle = nets["resnet20"].layer2.register_forward_hook(lambda m, i, y: kept.append(y))
        for right in (0, 1):
            nets["resnet20"](NETS["resnet20"].images(seen("resnet20", 3, 0, right)))
        handle.remove()
    before, after = (y.numpy() for y in kept)
    change = np.linalg.norm(after - before) / np.linalg.norm(before)
    text = page.find_elements("css selector", "#rows h3")[1].text
    assert text.startswith("layer2.2.relu_1 ReLU, 32 x 8 x 8")
    assert float(re.search(r"changed by (\d+) %", text)[1]) == pytest.approx(100 * change, abs=0.6)


def ink(page):
    return np.array(page.execute_script("return [...board.pixels]")).reshape(32, 32)


def test_a_digit_is_drawn_with_the_mouse_a_finger_and_the_keyboard(page):
    from selenium.webdriver import ActionChains

    board = page.find_element("id", "board")
    page.find_element("id", "clear").click()
    assert ink(page).sum() == 0
    page.execute_script("byId('board').scrollIntoView({ block: 'center', behavior: 'instant' })")
    chain = ActionChains(page).move_to_element_with_offset(board, 0, -60).click_and_hold()
    chain.move_by_offset(0, 120).release().perform()
    mouse = ink(page)
    assert mouse[12:20, 15:17].all() and mouse[:, :12].sum() == 0
    counts = np.array(page.execute_script("return counts()")).reshape(8, 8)
    np.testing.assert_array_equal(counts, mouse.reshape(8, 4, 8, 4).sum((1, 3)))
    place = page.execute_script("const r = byId('board').getBoundingClientRect();"
                                "return [r.x + r.width / 4, r.y + r.height / 2]")  # fmt: skip
    for kind, points in (("touchStart", [0]), ("touchMove", [0, 20]), ("touchEnd", [])):
        spots = [{"x": place[0], "y": place[1] + by} for by in points[-1:]]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})
    assert ink(page)[15:18, 7:9].all()
    page.execute_script("byId('board').focus()")
    page.find_element("id", "board").send_keys("\ue017")  # delete
    assert ink(page).sum() == 0
    board.send_keys("\ue012", " ", "\ue012", "\ue012", " ")  # left
    row = ink(page)[16]
    assert row[12:17].all() and row[:11].sum() == 0
    page.execute_script("setInk(0)")
    board.send_keys(" ")
    assert ink(page)[16, 12] == 0 and ink(page)[16, 16] == 1
    board.send_keys("\ue008\ue014")  # shift and right
    assert page.execute_script("return [live.down, live.right]") == [0, 1]


def test_the_drawing_fills_the_frame_when_asked(page):
    page.execute_script("board.pixels.fill(0); board.pixels[10 * 32 + 8] = 1;"
                        "board.pixels[13 * 32 + 8] = 1; fillFrame()")  # fmt: skip
    found = ink(page)
    assert found[:8, 12:20].all() and found[24:, 12:20].all() and found.sum() == 128


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_blocks_that_are_off_or_swapped_are_so_in_the_network_that_runs(page, nets, name):
    use(page, "resnet20")
    model, x = nets[name], seen(name)
    units = lesion_units(model, NETS[name].images(x))
    run = (
        "const [name] = arguments;"
        "return probabilities(name, answerOf(name, true, lesionChanges(name)))"
    )
    for off in ([0], [3, 7], list(range(9))):
        page.execute_script("lesions.off[arguments[0]] = new Set(arguments[1])", name, off)
        with without(units[k] for k in off):
            expected = probabilities(model, name, x)
        np.testing.assert_allclose(page.execute_script(run, name), expected, atol=1e-3)
    page.execute_script(
        "lesions.off[arguments[0]].clear(); lesions.swap[arguments[0]] = [0, 2]", name
    )
    a, b = model.layer1[0].forward, model.layer1[2].forward
    model.layer1[0].forward, model.layer1[2].forward = b, a
    try:
        expected = probabilities(model, name, x)
    finally:
        del model.layer1[0].forward, model.layer1[2].forward
    np.testing.assert_allclose(page.execute_script(run, name), expected, atol=1e-3)


def test_the_error_and_the_paths_follow_the_blocks(page, path):
    table = data_of(path)[1]["lesions"]
    panels = page.find_elements("css selector", "#lesion-nets > div")
    assert [panel.find_element("tag name", "h3").text for panel in panels] == [
        "plain-20",
        "ResNet-20",
    ]

    def error(k):
        panel = page.find_elements("css selector", "#lesion-nets > div")[k]
        return panel.find_element("css selector", ".error").text, panel.text

    for block in (2, 8):
        page.execute_script(  # in one call: the page may be drawing the panel anew
            "const block = document.querySelector(arguments[0]); block.focus(); block.click()",
            f"[data-block='resnet20 {block}']",
        )
    share = 100 * table["resnet20"]["without"][str(2**2 + 2**8)] / 355
    text, whole = error(1)
    assert f"Error: {share:.1f} %" in text and "128 paths" in whole
    focused = page.execute_script("return document.activeElement.dataset.block")
    assert focused == "resnet20 8"  # the keyboard stays where it was
    page.execute_script("toggleBlock('plain20', 0)")
    assert "1 path, through 8 blocks" in error(0)[1]
    page.find_elements("css selector", "#lesion-choice button")[1].click()
    assert "134,217,728 paths" in error(1)[1] and "Your picture" not in error(1)[0]
    i, j, count = table["resnet56"]["swapped"][5]
    page.execute_script(
        "const s = document.querySelector(`[data-block='resnet56 set']`); s.value = arguments[0];"
        "s.dispatchEvent(new Event('change'))", f"swapped {i} {j}")  # fmt: skip
    assert f"Error: {100 * count / 355:.1f} %" in error(1)[0]
    listed = page.execute_script(
        "return [...document.querySelectorAll(\"[data-block='resnet56 set'] option\")]"
        ".filter((o) => o.value.startsWith('off')).length"
    )
    assert listed == 100  # pairs that were measured
    page.execute_script("for (const k of [0, 1, 2]) toggleBlock('resnet56', k)")
    assert "not measured for these blocks" in error(1)[0]
    lengths = page.execute_script("return pathLengths(27)")
    assert lengths == [math.comb(27, k) for k in range(28)]


def test_the_race_shows_the_recorded_step(page, path):
    races = data_of(path)[1]["races"]
    page.find_elements("css selector", "#race-choice button")[3].click()
    page.execute_script("raceSlider.value = 5; raceSlider.dispatchEvent(new Event('input'))")
    lanes = races[3]["lanes"]
    titles = [chart.get_attribute("aria-label")
              for chart in page.find_elements("css selector", "#lanes svg")]  # fmt: skip
    for title, lane in zip(titles, lanes, strict=True):
        assert f"conv 1 {lane['norms'][5][0]}" in title and f"step {lane['steps'][5]}" in title
    heights = page.execute_script(
        "return [...document.querySelectorAll('#lanes > div:first-child rect')]"
        ".map((bar) => Number(bar.getAttribute('height')))"
    )
    expected = (np.log10(lanes[0]["norms"][5]) + 6) / 8 * 124
    np.testing.assert_allclose(heights, expected, atol=1e-6)
    page.find_element("id", "race-play").click()
    assert page.find_element("id", "race-play").text == "Pause"
    page.find_element("id", "race-play").click()
    assert page.execute_script("return race.timer") == 0


def test_kernels_are_chosen_and_typed(page):
    x = first_digits()[3]
    page.execute_script("loadDigit(data.samples[3]); compute()")

    def output():
        return np.array(page.execute_script("return convolve(inputMaps(0), convolution)[0]"))

    page.execute_script("useKernel('identity')")
    np.testing.assert_array_equal(output(), x[1:-1, 1:-1])
    page.execute_script("useKernel('blur')")
    w = np.full((1, 1, 3, 3), 1 / 9)
    expected = oracle.conv2d(x[None, None].astype(float), w, (1, 1), ((0, 0),) * 2, (1, 1), 1)[0, 0]
    np.testing.assert_allclose(output(), expected, atol=1e-9)
    page.execute_script("convSliders.kernel.value = 5;"
                        "convSliders.kernel.dispatchEvent(new Event('input'))")  # fmt: skip
    page.execute_script("useKernel('Sobel, left to right')")
    w[0, 0] = np.outer([1, 2, 1], [-1, 0, 1])
    field = page.find_elements("css selector", "#kernel input")[5]
    assert field.get_attribute("aria-label") == "row 1, column 2"
    expected = oracle.conv2d(x[None, None].astype(float), w, (1, 1), ((0, 0),) * 2, (1, 1), 1)[0, 0]
    np.testing.assert_array_equal(output(), expected)
    field.send_keys("\ue009a", "\ue017")  # all of it, delete
    assert field.get_attribute("aria-invalid") == "true"
    field.send_keys("7.5")
    w[0, 0, 1, 2] = 7.5
    expected = oracle.conv2d(x[None, None].astype(float), w, (1, 1), ((0, 0),) * 2, (1, 1), 1)[0, 0]
    np.testing.assert_array_equal(output(), expected)
    page.execute_script("useKernel('pattern')")
    first = "return convolve(inputMaps(0), convolution)[0][0][0]"
    assert page.execute_script(first) != expected[0, 0]


def test_the_contents_lead_to_every_panel(page):
    links = page.execute_script(
        "return [...document.querySelectorAll('#lectures a')].map((a) => a.getAttribute('href'))"
    )
    panels = page.execute_script(
        "return [...document.querySelectorAll('main > section')].map((s) => '#' + s.id)"
    )
    assert set(links) == set(panels)
    assert [f"#{id}" for lecture in LECTURES for id in lecture.panels] == links


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_fits_a_telephone_in_either_scheme(page, theme):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    features = [{"name": "prefers-color-scheme", "value": theme}]
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        page.refresh()
        page.execute_script("compute(); convolution.padding = 3; showConvolution()")
        assert page.execute_script("return document.documentElement.scrollWidth") <= 390
        small = page.execute_script(
            "return [...document.querySelectorAll('button, select, #contents a')].filter((e) => "
            "e.offsetParent && e.getBoundingClientRect().height < 24).map((e) => e.textContent)"
        )
        assert small == []  # WCAG 2.2, 2.5.8
        pairs = page.execute_script(
            "const of = (e, key) => getComputedStyle(e)[key];"
            "const ground = of(document.querySelector('section'), 'backgroundColor');"
            "return [...document.querySelectorAll('main p, main h2, main h3, main a, main th')]"
            ".map((e) => [of(e, 'color'), ground])"
        )
        for words, ground in {tuple(pair) for pair in pairs}:
            assert contrast(words, ground) > 4.5, (words, ground)  # WCAG 2.1, level AA
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def contrast(one, other):
    def luminance(colour):
        rgb = np.array([int(v) for v in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_everything_that_acts_has_a_name(page):
    nameless = page.execute_script(
        "return [...document.querySelectorAll('button, select, input, canvas[role], svg[role]')]"
        ".filter((e) => e.offsetParent !== null && !(e.ariaLabel || e.getAttribute('aria-label') ||"
        " e.textContent.trim() || e.labels?.length || e.getAttribute('aria-describedby')))"
        ".map((e) => e.outerHTML.slice(0, 80))"
    )
    assert nameless == []


def test_the_command_writes_the_page_and_refuses_what_it_would_ignore(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    main(["explore", "--lecture"])
    assert re.match(r"wrote lecture.html \(\d\.\d MiB\)", capsys.readouterr().out)
    for words in (["lenet5"], ["--image", "x.png"], ["--weights", "x.pth"], ["--set", "width=1"]):
        assert main(["explore", "--lecture", "--out", "other.html", *words]) != 0
        told = capsys.readouterr().err
        assert "--lecture takes no " + (words[0] if words[0][0] == "-" else "MODEL") in told
    assert main(["explore", "--lecture", "--out", str(tmp_path)]) != 0
    assert "is a folder, it must be a file" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["lecture.html"]
