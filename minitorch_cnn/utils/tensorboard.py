"""torch.utils.tensorboard's SummaryWriter: a run's numbers, images, histograms and texts.

writer = SummaryWriter("runs/first")
writer.add_scalar("loss/train", loss.item(), epoch)
writer.close()                      # tensorboard --logdir runs
"""

from __future__ import annotations

import io
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..tensor.tensor import Tensor
from .event_file import EventFile, block, double, integer, single
from .pictures import make_grid

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes an event file for TensorBoard in log_dir.

    log_dir defaults to runs/DATE_HOST followed by `comment`. global_step is the step of a value, 0
    if None. purge_step, max_queue and flush_secs are accepted and ignored: each value is written at
    once, and the file is complete after `flush`, `close` or the end of a `with`.

    `add_graph` writes nothing.
    """

    def __init__(
        self,
        log_dir: str | Path | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ):
        if log_dir is None:
            log_dir = f"runs/{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
        self.log_dir = str(log_dir)
        self.suffix = filename_suffix
        self._files: dict[str, EventFile] = {"": EventFile(Path(log_dir), filename_suffix)}

    def get_logdir(self) -> str:
        """The directory of the file."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: float | Tensor,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Add one number."""
        self._add("", block(1, tag) + single(2, _number(scalar_value)), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, float | Tensor],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Add several numbers for one plot, each in a directory main_tag_KEY."""
        for tag, value in tag_scalar_dict.items():
            run = f"{main_tag.replace('/', '_')}_{tag}"
            content = block(1, main_tag) + single(2, _number(value))
            self._add(run, content, global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Tensor | np.ndarray,
        global_step: int | None = None,
        bins: str | int = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Add the histogram of many numbers, in 30 bins or as given by `bins`.

        Raises: ValueError without finite numbers.
        """
        x = _array(values).astype(np.float64).reshape(-1)
        x = x[np.isfinite(x)]
        if not x.size:
            raise ValueError(f"add_histogram: values of {tag!r} must have finite numbers")
        counts, edges = np.histogram(x, bins if isinstance(bins, int) else 30)
        limits, numbers = (struct.pack(f"<{len(a)}d", *a) for a in (edges[1:], counts))
        histogram = double(1, x.min()) + double(2, x.max()) + double(3, x.size)
        histogram += double(4, x.sum()) + double(5, (x * x).sum())
        histogram += block(6, limits) + block(7, numbers)
        self._add("", block(1, tag) + block(5, histogram), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Tensor | np.ndarray,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Add an image of bytes, or of floats in [0, 1].

        dataformats: the order of its axes, "CHW", "HWC" or "HW". Raises: ValueError for another
        order or number of axes, ImportError without Pillow.
        """
        array = _array(img_tensor)
        if sorted(dataformats) not in (list("CHW"), list("HW")) or len(dataformats) != array.ndim:
            raise ValueError(
                f"add_image: dataformats={dataformats!r} must name the {array.ndim} axes of {tag!r}"
            )
        if array.ndim == 2:
            array, dataformats = array[..., None], dataformats + "C"
        pixels = array.transpose([dataformats.index(axis) for axis in "HWC"])
        self._add("", block(1, tag) + block(4, _picture(pixels)), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Tensor | np.ndarray,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Add a batch of images, side by side."""
        array = _array(img_tensor)
        if sorted(dataformats) != list("CHNW") or array.ndim != 4:
            raise ValueError(f"add_images: dataformats={dataformats!r} must be N, C, H, W in order")
        batch = array.transpose([dataformats.index(axis) for axis in "NCHW"])
        if batch.dtype == np.uint8:
            batch = batch / np.float32(255)
        grid = make_grid(Tensor(np.ascontiguousarray(batch)), padding=0)
        self.add_image(tag, grid, global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Add a figure of matplotlib; it is closed afterwards unless close=False."""
        with io.BytesIO() as file:
            figure.savefig(file, format="png")
            data = file.getvalue()
        width, height = (int(n) for n in figure.canvas.get_width_height())
        image = integer(1, height) + integer(2, width) + integer(3, 4) + block(4, data)
        self._add("", block(1, tag) + block(4, image), global_step, walltime)
        if close:
            from matplotlib import pyplot

            pyplot.close(figure)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Add a text, which TensorBoard renders as Markdown."""
        text = integer(1, 7) + block(2, block(2, integer(1, 1))) + block(8, text_string)
        kind = block(1, block(1, "text"))
        content = block(1, f"{tag}/text_summary") + block(8, text) + block(9, kind)
        self._add("", content, global_step, walltime)

    def add_graph(
        self,
        model: Any,
        input_to_model: Any = None,
        verbose: bool = False,
        use_strict_trace: bool = True,
    ) -> None:
        """Do nothing: there is no static graph."""

    def add_hparams(
        self,
        hparam_dict: Mapping[str, Any],
        metric_dict: Mapping[str, float],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Add a run's settings as a text, and its metrics as numbers."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in hparam_dict.items())
        self.add_text("hparams", f"| setting | value |\n|---|---|\n{rows}", global_step)
        for name, value in metric_dict.items():
            self.add_scalar(name, value, global_step)

    def _add(self, run: str, content: bytes, step: int | None, walltime: float | None) -> None:
        if run not in self._files:
            self._files[run] = EventFile(Path(self.log_dir) / run, self.suffix)
        self._files[run].add(content, 0 if step is None else int(step), walltime)

    def flush(self) -> None:
        """Write everything that was added to the file."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Write everything that was added, and close the file."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _array(x: Tensor | np.ndarray | float) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _number(value: float | Tensor) -> float:
    array = _array(value)
    if array.size != 1:
        raise ValueError(f"add_scalar: a value of shape {array.shape} must be one number")
    return float(array.reshape(()))


def _picture(pixels: np.ndarray) -> bytes:
    """An image (H, W, C) as TensorBoard's message: its size, and a PNG."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("add_image: needs Pillow (pip install pillow)") from error
    if pixels.dtype != np.uint8:
        pixels = (pixels * 255).clip(0, 255).astype(np.uint8)
    h, w, channels = pixels.shape
    with io.BytesIO() as file:
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(file, "PNG")
        data = file.getvalue()
    return integer(1, h) + integer(2, w) + integer(3, channels) + block(4, data)
