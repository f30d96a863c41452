"""Search for a network: an LSTM proposes layers, and learns from their accuracy.

python search.py --budget 60 --workers 2
"""

import argparse

import minitorch_cnn as mt
from minitorch_cnn.nas import LayerSpace, Plan, Training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=int, default=60, help="networks to try")
    parser.add_argument("--batch", type=int, default=10, help="networks per update of the LSTM")
    parser.add_argument("--method", default="reinforce", choices=("reinforce", "random"))
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", default="runs/search-example")
    options = parser.parse_args()

    # Two convolutions, each with a height, a width, a number of filters and a stride.
    space = LayerSpace(layers=2, heights=(1, 3), widths=(1, 3), filters=(4, 8, 16), strides=(1, 2))
    plan = Plan(
        space,
        method=options.method,
        budget=options.budget,
        training=Training(data="digits", images=options.images, epochs=2),
        settings={"batch": options.batch},
    )
    samples = mt.nas.run_search(plan, options.out, workers=options.workers, progress="none")

    trained = [sample for sample in samples if not sample.known]
    print(f"{len(samples)} proposals, {len(trained)} different networks")
    tenth = max(1, len(samples) // 10)
    for name, part in (("first", samples[:tenth]), ("last", samples[-tenth:])):
        print(f"{name} tenth: {sum(s.score.reward for s in part) / len(part):.1%} on average")

    best = mt.nas.best(samples)
    print(f"the best: {best.score.reward:.1%}")
    for layer in best.architecture:
        print("  ", layer)
    net = space.build(best.architecture, num_classes=10, in_channels=1)
    print(mt.analysis.summary(net, (1, 1, 8, 8)))


if __name__ == "__main__":  # workers are new processes, which import this file
    main()
