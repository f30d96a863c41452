"""The contents of the lecture page: what each lecture shows, and where."""

from __future__ import annotations

from typing import NamedTuple


class Lecture(NamedTuple):
    """A lecture: the ids of its panels, something to try, and the course's notebooks on it."""

    title: str
    panels: list[str]
    task: str
    notebooks: str


LECTURES = (
    Lecture(
        "Convolution",
        ["convolution"],
        "Choose Sobel, then identity, and compare the output map; change one number of the kernel.",
        "2",
    ),
    Lecture(
        "A convolutional network at work: LeNet-5",
        ["digit", "layers"],
        "Draw a 7 and make a 1 of it. Move it by a pixel: which layer changes most, which least?",
        "2 and 3",
    ),
    Lecture(
        "Training: vanishing gradients, batch norm, auxiliary heads",
        ["race"],
        "Without batch norm, how much less gradient has the first layer than the last?",
        "3, 4 and 6",
    ),
    Lecture(
        "Residual networks: depth, lesions and paths",
        ["lesions", "race"],
        "Switch off one block of plain-20, then of ResNet-56. Which blocks can be swapped?",
        "7",
    ),
    Lecture(
        "What a network looks at",
        ["evidence", "digit"],
        "Hide the part that speaks most for the class, and see whether the answer falls.",
        "10",
    ),
    Lecture(
        "What a compiler does to a network",
        ["compiler"],
        "Which pass takes the batch norms away, and how many bytes does each pass save?",
        "13",
    ),
)
