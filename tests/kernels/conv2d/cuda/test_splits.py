import pytest

from minitorch_cnn.kernels.conv2d.cuda.splits import parts_in_waves


@pytest.mark.parametrize(
    ("blocks", "pieces", "parts"),
    [
        (264, 1000, 1),  # a full wave
        (88, 1000, 3),  # makes one
        (5, 10_000, 52),
        (144, 36, 1),  # a second part would take longer to add than it saves
        (144, 144, 1),  # three would save a twelfth
        (144, 288, 5),  # three waves of 57.6 pieces and the adding, for one of 288
        (176, 1000, 3),
        (400, 1000, 1),  # two waves for 1.5, but parts of a third would take three of their own
        (1, 8, 1),
    ],
)
def test_sums_are_split_where_full_waves_of_blocks_end_sooner(blocks, pieces, parts):
    assert parts_in_waves(blocks, pieces, 16, 264) == parts


def test_no_part_is_shorter_than_the_least_and_there_are_three_waves_at_most():
    for blocks in (1, 7, 100, 144, 263, 265, 5000):
        for pieces in (1, 15, 16, 40, 288, 12_544):
            parts = parts_in_waves(blocks, pieces, 16, 264)
            assert parts == 1 or (pieces / parts >= 16 and blocks * parts <= 3 * 264)
