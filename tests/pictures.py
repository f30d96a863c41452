"""What can be computed of how a figure looks: colours, letters, and texts that hide each other."""

import io
from itertools import combinations

import numpy as np

from minitorch_cnn.figures import SMALL

# What linear light becomes to eyes without long, middle or short cones: G. Machado, M. Oliveira,
# L. Fernandes (2009), IEEE Transactions on Visualization and Computer Graphics 15(6), table 1.
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
XYZ = np.array([[0.412, 0.358, 0.181], [0.213, 0.715, 0.072], [0.019, 0.119, 0.951]])


def lab(colours, eyes):
    """CIE L*a*b* of colours (K, 3) uint8, about."""
    light = np.clip((colours / 255) ** 2.2 @ np.array(eyes).T, 0, 1)
    x, y, z = np.cbrt(light @ XYZ.T / XYZ.sum(1)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def texts_of(figure):
    """The visible texts of a figure, which is drawn first."""
    from matplotlib.text import Text

    figure.savefig(io.BytesIO(), format="png")
    found = figure.findobj(lambda part: isinstance(part, Text) and part.get_text().strip())
    beyond = {text for ax in figure.axes for text in _not_drawn(ax)}
    return [text for text in found if text.get_visible() and text not in beyond]


def _not_drawn(ax):
    """The tick labels beyond the ends of axes, and all of axes that are switched off."""
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        slack = 1e-9 * (high - low)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not ax.axison or not low - slack <= tick.get_loc() <= high + slack:
                yield from (tick.label1, tick.label2)
        if not ax.axison:
            yield axis.label


def hidden(figure):
    """Pairs of texts that share more than a tenth of the smaller one's area."""
    texts = texts_of(figure)
    boxes = [text.get_window_extent() for text in texts]
    found = []
    for (text, a), (other, b) in combinations(zip(texts, boxes, strict=True), 2):
        shared = a.intersection(a, b)
        least = min(a.width * a.height, b.width * b.height)
        if shared is not None and shared.width * shared.height > 0.1 * least:
            found.append((text.get_text(), other.get_text()))
    return found


def cut_off(figure):
    """Texts of which a part is outside the figure."""
    whole = figure.bbox.padded(2)
    corners = [(text, text.get_window_extent()) for text in texts_of(figure)]
    return [t.get_text() for t, box in corners if not all(map(whole.contains, *box.corners().T))]


def assert_readable(figure):
    """Wide enough, its letters legible at half size, its ticks round, no text on another."""
    texts = texts_of(figure)
    assert figure.get_size_inches()[0] * figure.dpi >= 800
    assert min(text.get_size() for text in texts) >= SMALL
    # 6 times 10 to the -1 is what Matplotlib writes at 0.6.
    assert not any(r"\times" in text.get_text() for text in texts)
    assert hidden(figure) == []
    assert cut_off(figure) == []
