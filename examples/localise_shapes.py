"""Find shapes: VGG's localisation by box regression, one box for all classes or one for each.

python localise_shapes.py            (a few minutes; the net is first trained to name the shapes)
"""

import argparse

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn import optim
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.data.datasets import Shapes
from minitorch_cnn.models.localisation import BoxRegression
from minitorch_cnn.training import (
    box_targets,
    euclidean_loss,
    localisation_error,
    mean_overlap,
)


def images_and_targets(count, size, seed):
    """Images (N, 3, size, size), and the class and box of each."""
    shapes = Shapes(count, size=size, seed=seed)
    x = mt.from_numpy(shapes.images.astype(np.float32) / 127.5 - 1)
    return x, mt.from_numpy(box_targets(shapes.labels, shapes.boxes[:, 0], size))


def train(model, train_data, test_data, epochs, **settings):
    loaders = [DataLoader(TensorDataset(*d), 64, shuffle=True) for d in (train_data, test_data)]
    optimizer = optim.AdamW(model.parameters(), lr=1e-3)
    return mt.training.fit(
        model, *loaders, epochs=epochs, optimizer=optimizer, progress="none", **settings
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--width", type=float, default=1 / 8)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()

    mt.manual_seed(0)
    (x, targets), (tx, test) = (
        images_and_targets(count, options.size, seed)
        for seed, count in enumerate((options.images, options.images // 4))
    )
    net = mt.models.create_model("vgg11_bn", num_classes=6, width=options.width, dropout=0.0)
    labels = targets[:, 0].long(), test[:, 0].long()
    history = train(net, (x, labels[0]), (tx, labels[1]), options.epochs)
    print(f"classes: {1 - history[-1]['test_top1']:.1%} wrong")

    for per_class in (False, True):
        model = BoxRegression(net, per_class)
        metrics = {"error": localisation_error, "overlap": mean_overlap}
        data = (x, targets), (tx, test)
        history = train(model, *data, options.epochs, loss=euclidean_loss, metrics=metrics)
        kind = "one box for each class" if per_class else "one box for all classes"
        error, overlap = (history[-1][f"test_{name}"] for name in metrics)
        print(f"{kind}: {error:.1%} overlap by less than half, {overlap:.1%} on average")


if __name__ == "__main__":
    main()
