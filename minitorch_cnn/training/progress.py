"""Progress display of a run: a bar for people, lines for log files, or nothing."""

from __future__ import annotations

from ..kernels.cores import has_threads


class Silent:
    """Shows nothing; the base class of the other displays.

    total: samples in the whole run, None if unknown; done: samples completed before the run was
    resumed.
    """

    def __init__(self, total: int | None, done: int):
        pass

    def advance(self, samples: int, epoch: str, loss: float, top1: float | None) -> None:
        """Report a batch; loss and top1 (None without classes) are the epoch's so far."""

    def line(self, text: str) -> None:
        """Report the end of an epoch."""

    def close(self) -> None:
        """End the display: the run has finished or failed."""


class Plain(Silent):
    """One line per epoch on standard output."""

    def line(self, text: str) -> None:
        print(text, flush=True)


class Bar(Silent):
    """A tqdm bar on standard error or in a notebook, and the lines.

    The bar shows the loss, the accuracy, images/s and the remaining time.
    """

    def __init__(self, total: int | None, done: int):
        from tqdm.auto import tqdm

        if not has_threads():
            tqdm.monitor_interval = 0  # a thread would watch over the bars
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=" images",
            unit_scale=True,
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f} %|{bar}| {elapsed}<{remaining} "
            "{rate_fmt}{postfix}",
        )

    def advance(self, samples: int, epoch: str, loss: float, top1: float | None) -> None:
        accuracy = "" if top1 is None else f", top-1 {top1:.1%}"
        self._bar.set_description_str(f"epoch {epoch}", refresh=False)
        self._bar.set_postfix_str(f"loss {loss:.4f}{accuracy}", refresh=False)
        self._bar.update(samples)

    def line(self, text: str) -> None:
        self._bar.write(text)

    def close(self) -> None:
        self._bar.close()


def bar(total: int | None, done: int) -> Silent:
    """A Bar, or Plain lines where tqdm cannot be imported, as in some browsers."""
    try:
        return Bar(total, done)
    except ImportError:
        return Plain(total, done)


PROGRESS = {"bar": bar, "plain": Plain, "none": Silent}


def describe(row: dict, epochs: int) -> str:
    """A row of a History as a line of text."""
    known = {"train_loss", "train_top1", "test_loss", "test_top1", "test_top5", "test_iou"}
    parts = [f"epoch {row['epoch']:{len(str(epochs))}}/{epochs}", f"loss {row['train_loss']:.4f}"]
    if "train_top1" in row:
        parts.append(f"top-1 {row['train_top1']:.2%}")
    if "test_loss" in row:
        parts.append(f"test loss {row['test_loss']:.4f}")
    if "test_top1" in row:
        parts.append(f"test top-1 {row['test_top1']:.2%}")
        parts.append(f"top-5 {row['test_top5']:.2%}")
    if "test_iou" in row:
        parts.append(f"mean IoU {row['test_iou']:.3f}")
    for name, value in row.items():  # the user's metrics
        if name.startswith(("train_", "test_")) and name not in known:
            parts.append(f"{name.replace('_', ' ', 1)} {value:.4g}")
    parts.append(f"{row['images_per_s']:,.0f} images/s")
    return "  ".join(parts)
