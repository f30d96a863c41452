"""How rows of outputs are cut into vectors and runs of them, where output channels are the lanes of
vectors (channels/): known without compiling anything, for the cost model.
"""

from ..machine import machine

BLOCKS = 2  # of output channels of a tile
MAX_STRIDE = 2  # that a tile knows when it is compiled, as vectors of several positions need


def share_of(rows: int, widths: list[int], itemsize: int, stride: int, step: int) -> int:
    """The adjacent positions of a vector: as many as its lanes have room for beside the output
    channels of a group, where rows of positions are whole vectors and follow one another.

    rows: output channels of a group; widths: positions in a row, of each grid; stride: from the
    input of a position to that of the next; step: the same in the output.
    """
    share, lanes = 1, machine().lanes(itemsize)
    if step == 1 and stride <= MAX_STRIDE:
        while 2 * share * rows <= lanes and all(width % (2 * share) == 0 for width in widths):
            share *= 2
    return share


def run_of(widths: list[int], share: int = 1) -> int:
    """The vectors of a run, for rows of these widths: the fewest vectors are computed, and of these
    the longest.
    """
    # Two runs times two blocks of sums, beside two of weights and one factor, fit the registers.
    runs = (7, 6, 5, 4, 3) if machine().registers == 32 else (3, 2)
    vectors = [width // share for width in widths]
    fitting = [run for run in runs if run <= min(vectors)] or [min(vectors)]
    return min(fitting, key=lambda run: sum(-(-count // run) * (run + 0.25) for count in vectors))
