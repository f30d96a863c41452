"""Tables build what they list, and branches join in order."""

from functools import partial

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models.blocks import ConvReLU
from minitorch_cnn.models.tables import Branches, Conv, beside, build, numbered


def test_a_step_in_a_table_keeps_the_size_unless_told():
    for conv, size in (
        (Conv(5, 3), (8, 9)),
        (Conv(5, (1, 7)), (8, 9)),
        (Conv(5, 3, 2), (4, 5)),
        (Conv(5, 3, 2, 0), (3, 4)),
    ):
        layer, channels = build(conv, 2, ConvReLU)
        assert layer(mt.zeros(1, 2, 8, 9)).shape == (1, channels, *size)


def test_width_is_a_factor_for_all_filters_of_a_table():
    step = (Conv(64, 1), [{"a": Conv(32, 3)}, {"pool": partial(nn.MaxPool2d, 3, 1, 1)}])
    for width, channels in ((1.0, 96), (0.5, 48), (2.0, 192)):
        layer, found = build(step, 3, ConvReLU, width)
        assert found == channels == layer(mt.zeros(0, 3, 4, 4)).shape[1]


def test_branches_join_in_the_order_of_their_paths_and_fork_where_names_repeat():
    root = {"root": Conv(3, 1)}
    paths = [{"first": Conv(2, 1)}, root | {"left": Conv(4, 3)}, root | {"right": Conv(5, 1)}, root]
    block, x = Branches(2, paths, ConvReLU), mt.randn(1, 2, 4, 4)
    runs = []
    block.root.register_forward_hook(lambda *_: runs.append(1))
    y, middle = block(x), block.root(x)
    expected = mt.cat([block.first(x), block.left(middle), block.right(middle), middle], dim=1)
    assert mt.equal(y, expected) and y.shape[1] == block.out_channels == 14
    assert len(runs) == 2  # once in the block, once above
    assert [name for name, _ in block.named_children()] == ["first", "root", "left", "right"]


def test_paths_are_named_as_files_of_weights_name_them():
    assert numbered("a", 7, 8) == {"a_1": 7, "a_2": 8}
    assert beside(7, 8) == [{"branch0": 7}, {"branch1": 8}]
    assert beside(7, start=1) == [{"branch1": 7}]
