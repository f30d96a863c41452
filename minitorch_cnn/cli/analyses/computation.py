"""The computation of a network: its graph, a convolution step by step, time and memory."""

from __future__ import annotations

from pathlib import Path

from .found import Found, drawn


def of_graph(subject, options) -> Found:
    from ...analysis import computation_graph
    from ...graph import capture

    found = computation_graph(capture(subject.model, subject.x[:1]))
    kinds = [box.kind for box in found.boxes]
    leaves = kinds.count("leaf")
    text = f"{len(kinds) - leaves} operations, {leaves} inputs and weights"

    def save(path: Path) -> list[Path]:
        found.save(path)
        return [path]

    return text, save


def of_convolution(subject, options) -> Found:
    from ...analysis import convolution_steps, first_filters
    from ...data.datasets import Digits
    from ...figures import save_figure

    kernel = first_filters(subject.model, options.layer).weight[0, 0]
    size = max(8, max(kernel.shape) + 2)  # room for some windows
    found = convolution_steps(Digits(train=False, size=size).images[0, 0], kernel, padding=1)
    text = f"{found.columns.shape[0]} x {found.columns.shape[1]} numbers, then a row times them"

    def save(path: Path) -> list[Path]:
        if path.suffix != ".gif":
            return save_figure(found.plot(len(found.corners) // 2), path)
        found.save_gif(path)
        return [path]

    return text, save


def of_roofline(subject, options) -> Found:
    from ...analysis import profile_layers

    found = profile_layers(subject.model, subject.x[: min(8, options.images)])
    rows = [
        f"{name:30} {1e3 * s:9.3f} {memory / 2**20:9.3f} {100 * share:8.1f}  "
        f"{'bandwidth' if moves else 'arithmetic'}{', Winograd' * bool(winograd)}"
        for name, s, memory, share, moves, winograd in zip(
            found.layers,
            found.seconds,
            found.memory,
            found.share,
            found.moves,
            found.winograd,
            strict=True,
        )
    ]
    roof = found.roof
    bands = f"{roof.bandwidth / 1e9:.0f} GB/s ({roof.bandwidth_of(0) / 1e9:.0f} from a cache)"
    peaks = f"best: {roof.flops / 1e9:.0f} GFLOP/s, {bands}"
    head = f"{'layer':30} {'ms':>9} {'MiB':>9} {'of best':>8} %  bound by  {peaks}"
    if found.winograd.any():
        rows.append("Winograd: its own multiply-adds are counted, fewer than the definition's")
    return drawn("\n".join([head, *rows]), found)
