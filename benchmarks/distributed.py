"""Times data-parallel steps, and predicts those of other machines.

    mpiexec -n 2 python -m benchmarks.distributed [--model NAME] [--batch N] [--steps N]
    python -m benchmarks.distributed --plan FILE.png

Under mpiexec every rank computes in one thread its part of a batch; the whole batch in one process
with as many threads is beside it. Communication is what the reductions took, from their start until
they were seen to be complete; hidden is the share of it before the end of backward. The prediction
is that of `minitorch_cnn.distributed.scaling`, from the messages and the backward pass measured
here.

--plan measures the backward passes of three networks here, in their order and proportions, scales
them to the speed of a GPU of 12 TFLOP/s (lines) and one ten times as fast (dashed), and draws the
efficiency on 8 to 1,024 of these.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn import distributed, models, nn
from minitorch_cnn.distributed.group import current
from minitorch_cnn.distributed.scaling import (
    Network,
    measure_backward,
    predict,
    wire_bytes,
)
from minitorch_cnn.figures import COLORS, GREY, TEXT, add_legend, label, new_figure, save_figure
from minitorch_cnn.nn import functional as F

from .tables import Table

MESSAGES = (2**10, 2**20, 2**24)  # bytes
# A worker: images per step and seconds of one with float32 on a GPU of 12 TFLOP/s (NVIDIA P100):
# ResNet-50 from Goyal et al. 2017 (90 epochs of 1.28 million images in an hour on 256, at 90 %);
# the others by their multiply-adds at the same speed, MobileNet's at a quarter of it.
WORKERS = {"resnet50": (32, 0.23), "vgg16": (32, 0.87), "mobilenet_v1_100": (32, 0.13)}
NETWORKS = {
    "10 Gb/s": Network(25e-6, 10e9 / 8),
    "100 Gb/s": Network(5e-6, 100e9 / 8),
    "400 Gb/s": Network(3e-6, 400e9 / 8),
    "NVLink, 450 GB/s": Network(2e-6, 450e9),
}
SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)


def timed(step: Callable[[], object], steps: int) -> float:
    """The median of some calls, after one that is not counted."""
    step()
    found = []
    for _ in range(steps):
        began = time.perf_counter()
        step()
        found.append(time.perf_counter() - began)
    return median(found)


def measure_network() -> Network:
    """Latency and bandwidth here, by least squares over the times of all_reduce on a ring."""
    workers, rows, seconds = distributed.get_world_size(), [], []
    group = current("measure_network")
    for size in MESSAGES:
        buffer = np.zeros(size // 4, np.float32)

        def reduce(buffer: np.ndarray = buffer) -> None:
            work = group.mpi.start_all_reduce(buffer, "sum")
            while not work.test():
                pass

        rows.append([2 * (workers - 1), wire_bytes(size, workers)])
        seconds.append(timed(reduce, 20))
    weights = 1 / np.array(seconds)  # relative errors count
    alpha, beta = np.linalg.lstsq(np.array(rows) * weights[:, None], np.ones(3), rcond=None)[0]
    return Network(max(alpha, 1e-7), 1 / max(beta, 1e-12))


def measure(name: str, batch: int, steps: int) -> None:
    """Print the times of a step on these ranks and in one process."""
    distributed.init_process_group()
    rank, workers = distributed.get_rank(), distributed.get_world_size()
    mt.manual_seed(0)
    model = models.create_model(name)
    shape = models.model_entry(name).input_shape
    x, target = mt.randn(batch, *shape), mt.randint(0, 10, (batch,))
    optimizer = mt.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step(net: nn.Module, rows: int) -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(x[:rows]), target[:rows]).backward()
        optimizer.step()

    def alone(rows: int, threads: int) -> float:
        """A step of rank 0, while the others sleep."""
        seconds = 0.0
        if rank == 0:
            mt.set_num_threads(threads)
            seconds = timed(lambda: step(model, rows), steps)
            mt.set_num_threads(1)
        distributed.barrier()
        return seconds

    own = batch // workers
    whole, single, part = alone(batch, workers), alone(batch, 1), alone(own, 1)
    forward = timed(lambda: model(x[:own]), steps)
    gradients = measure_backward(model, x[:own])
    distributed.barrier()
    network = measure_network()
    ddp = nn.parallel.DistributedDataParallel(model)
    together = timed(lambda: step(ddp, own), steps)
    spans, exposed = [], []
    for _ in range(steps):
        step(ddp, own)
        spans.append(sum(span.ended - span.started for span in ddp.reducer.timeline))
        exposed.append(ddp.reducer.seconds - ddp.reducer.backward_seconds)
    if rank:
        return
    sent = sum(span.bytes for span in ddp.reducer.timeline)
    guess = predict(
        gradients, forward=forward, backward=part - forward, workers=workers, network=network
    )
    table = Table({f"{name}, batch {batch}": "", "ms": ".1f", "images/s": ".0f"})
    table.add(f"1 process, {workers} threads", 1e3 * whole, batch / whole)
    table.add("1 process, 1 thread", 1e3 * single, batch / single)
    table.add(f"{workers} ranks, 1 thread", 1e3 * together, own * workers / together)
    table.add("  predicted", 1e3 * guess.seconds, own * workers / guess.seconds)
    table.add("  a rank alone", 1e3 * part, own / part)
    print(
        f"efficiency {part / together:.0%} of {workers} ranks alone, {whole / together:.2f} times "
        f"the speed of threads\nreductions {1e3 * median(spans):.1f} ms, of which "
        f"{1e3 * median(exposed):.1f} ms after backward: "
        f"{max(0.0, 1 - median(exposed) / median(spans)):.0%} hidden\n"
        f"bytes per step {sent:,} in {len(ddp.reducer.timeline)} buckets; on the wire at least "
        f"{wire_bytes(sent, workers):,.0f} of each rank\n"
        f"messages: {1e6 * network.latency:.0f} us + bytes / {network.bandwidth / 1e9:.2f} GB/s"
    )


def plan(path: str) -> None:
    """Draw the predicted efficiency of three networks on four kinds of wires."""
    figure = new_figure(11, 4)
    table = Table({"predicted efficiency": "", **{str(size): ".0%" for size in SIZES}})
    for axes, (name, (images, seconds)) in zip(
        figure.subplots(1, 3, sharey=True), WORKERS.items(), strict=True
    ):
        mt.manual_seed(0)
        gradients = measure_backward(models.create_model(name), mt.randn(2, 3, 224, 224))
        for faster, dashes in ((1, "o-"), (10, "o--")):
            third = seconds / faster / 3  # forward; backward takes two
            for (wire, network), color in zip(NETWORKS.items(), COLORS, strict=False):
                settings = {"forward": third, "backward": 2 * third, "network": network}
                found = [predict(gradients, workers=n, **settings).efficiency for n in SIZES]
                table.add(f"{name}, {faster} x, {wire}", *found)
                text = wire if faster == 1 else None
                axes.plot(SIZES, [100 * e for e in found], dashes, color=color, label=text, ms=3)
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES[::2], map(str, SIZES[::2]))
        axes.minorticks_off()
        label(axes, f"{name}, {images} images each", "number of workers")
        axes.set_ylim(0, 102)
    figure.axes[0].set_ylabel("efficiency (%)", fontsize=TEXT)
    figure.axes[0].plot([], [], "--", color=GREY, label="ten times as fast")
    add_legend(figure.axes[0])
    save_figure(figure, path)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distributed")
    parser.add_argument("--model", default="resnet20_cifar", metavar="NAME")
    parser.add_argument("--batch", type=int, default=64, metavar="N", help="of all ranks (64)")
    parser.add_argument("--steps", type=int, default=10, metavar="N", help="timed steps (10)")
    parser.add_argument("--plan", metavar="FILE", help="predict, and draw the curves")
    options = parser.parse_args(argv)
    if options.plan:
        plan(options.plan)
    else:
        measure(options.model, options.batch, options.steps)


if __name__ == "__main__":
    main()
