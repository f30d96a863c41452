"""Fixtures that run a command and read its output."""

from typing import NamedTuple

import numpy as np
import pytest

from minitorch_cnn.cli import main
from minitorch_cnn.data.datasets import Digits


class Said(NamedTuple):
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str


# What is said, once in a process, where compiling takes more than a moment.
COMPILING = "minitorch_cnn: compiling kernels for this processor, once\n"


@pytest.fixture
def command(capsys):
    """Run a command in this process: command("models", "lenet*") -> Said."""

    def run(*arguments) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(code, out, err.replace(COMPILING, ""))

    return run


@pytest.fixture
def refused(command):
    """Run a command that must fail with exit code 2, and return its one sentence."""

    def run(*arguments) -> str:
        said = command(*arguments)
        assert said.code == 2
        assert said.err.startswith("minitorch-cnn: ")
        assert said.err.count("\n") == 1 and said.err.endswith("\n")
        assert "Traceback" not in said.err
        return said.err

    return run


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of ten images of each of the digits 0 and 1, as files."""
    image_module = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("photos")
    digits = Digits(train=True)
    for label in (0, 1):
        (folder / digits.classes[label]).mkdir()
        for i in np.flatnonzero(digits.labels == label)[:10]:
            pixels = np.rint(255 * digits.images[i, 0]).astype(np.uint8)
            image_module.fromarray(pixels).save(folder / digits.classes[label] / f"{i:04}.png")
    return folder


@pytest.fixture(scope="session")
def trained(photos, tmp_path_factory):
    """The folder of a finished run on `photos`."""
    pytest.importorskip("matplotlib")
    directory = tmp_path_factory.mktemp("runs") / "trained"
    options = ["--data", "folder", photos, "--epochs", 8, "--out", directory, "--plain"]
    assert main(["train", "lenet5_relu", *map(str, options)]) == 0
    return directory
