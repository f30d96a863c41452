"""What the host does for a training step on a GPU: python -m benchmarks.host --help

The device is stubbed out (stub_device.py), so this needs no GPU. The step is that of
`mt.training.fit`: forward, cross entropy, backward, SGD with momentum and weight decay, means of
loss and accuracy, and the check that all is finite. Counted per step are the launches of our
kernels, the array library's calls that would launch one of its own, and synchronisations; the time
is the processor time of the host, the smallest over several runs. On a GPU, a step takes at least
as long as the host needs to queue it. With --graph, steps are replays of a graph
(`mt.cuda.graphed`), of which each is one launch for the driver and none here.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import NamedTuple

import minitorch_cnn as mt
from minitorch_cnn import devices
from minitorch_cnn.models import create_model, model_entry

from .records import machine
from .stub_device import Counts, counting, stub, stubbed

NETS = ("lenet5_relu", "resnet20_cifar", "mobilenet_v1_100", "resnet50")
BATCH = 64
STEPS = 16  # of a run: as many as `fit` takes between two looks at the device


class Step(NamedTuple):
    """The counts of a training step, and the seconds of the host."""

    launches: float
    calls: float
    synchronisations: float
    seconds: float
    names: dict[str, float]


def net_on_stub(name: str) -> mt.nn.Module:
    """A registered model whose parameters and buffers are on the stubbed device."""
    model = create_model(name)
    devices.elsewhere = True  # as the first transfer to a device sets it
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.array = stubbed(tensor.array)
    return model


def batches(name: str, count: int) -> list[tuple[mt.Tensor, mt.Tensor]]:
    """Batches of images and labels on the stubbed device."""
    shape = BATCH, *model_entry(name).input_shape
    return [(mt.Tensor(stub(shape, "f4")), mt.Tensor(stub((BATCH,), "i8"))) for _ in range(count)]


def run(
    model: mt.nn.Module, optimizer: mt.optim.Optimizer, data: list, graphed: bool
) -> tuple[Counts, float]:
    """The counts and the processor time of one epoch of `fit`."""
    settings = {"epochs": 1, "optimizer": optimizer, "graphed": graphed, "progress": "none"}
    with counting() as counts:
        before = time.process_time()
        mt.training.fit(model, data, **settings)
        return counts, time.process_time() - before


def measure(name: str, repeats: int, graphed: bool = False) -> Step:
    """A step of a net: the difference of a run of twice STEPS and one of STEPS, per step."""
    model = net_on_stub(name)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    few, many = batches(name, STEPS), batches(name, 2 * STEPS)
    run(model, optimizer, few[:2], graphed)  # makes the plans of all launches
    (short, _), (long, _) = (run(model, optimizer, data, graphed) for data in (few, many))
    if graphed:  # without the capture, which each run has, and which takes as long as many replays
        times = [
            [run(model, optimizer, d, True)[1] for d in (few, 32 * few)] for _ in range(repeats)
        ]
        seconds = (min(t for _, t in times) - min(t for t, _ in times)) / (31 * STEPS)
    else:
        seconds = min(run(model, optimizer, few, False)[1] for _ in range(repeats)) / STEPS

    def per_step(attribute: str) -> float:
        return (getattr(long, attribute) - getattr(short, attribute)) / STEPS

    counts = map(per_step, ("launches", "calls", "synchronisations"))
    names = {key: n / 2 / STEPS for key, n in long.names.most_common()}
    return Step(*counts, seconds, names)


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.host", description=__doc__)
    add = parser.add_argument
    add("nets", nargs="*", metavar="NET", help=f"of {', '.join(NETS)} (default: all)")
    add("--repeats", type=int, default=3, help="runs, of which the fastest counts (default: 3)")
    add("--names", action="store_true", help="what is launched and called, by name")
    add("--graph", action="store_true", help="repeat the step as a graph")
    add("--json", metavar="FILE", help="write the figures to a file")
    options = parser.parse_args(argv)
    for net in options.nets:
        if net not in NETS:
            parser.error(f"NET {net!r} must be one of {', '.join(NETS)}")
    facts, rows = machine(), []
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    print(f"{'net':18} {'launches':>9} {'array calls':>12} {'syncs':>7} {'host ms':>9}")
    for net in options.nets or NETS:
        step = measure(net, options.repeats, options.graph)
        rows.append({"net": net, "batch": BATCH, "graph": options.graph} | step._asdict())
        print(
            f"{net:18} {step.launches:9.0f} {step.calls:12.0f} {step.synchronisations:7.2f} "
            f"{step.seconds * 1e3:9.1f}",
            flush=True,
        )
        if options.names:
            print(*(f"    {n:8.1f} {what}" for what, n in step.names.items()), sep="\n")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": facts, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
