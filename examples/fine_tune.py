"""Fine-tune a network from a file of trained weights: first its new classifier, then the whole net.

python fine_tune.py resnet18.pth --model resnet18 --folder photos --size 224
python fine_tune.py weights.pth --model resnet20_cifar       (on drawn shapes, no files needed)
"""

import argparse

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader, random_split
from minitorch_cnn.data.datasets import ImageFolder, Shapes
from minitorch_cnn.data.transforms import CenterCrop, Compose, Normalize, Resize


def make_data(options):
    """The images and the names of their classes."""
    if options.folder is None:
        shapes = Shapes(
            options.images, size=options.size, transform=Normalize([0.5] * 3, [0.5] * 3)
        )
        return shapes, shapes.classes
    expected = mt.training.preprocessing(options.model)  # by the published weights
    normalize = Normalize(expected.mean, expected.std)
    steps = [Resize(options.size * 8 // 7), CenterCrop(options.size), normalize]
    images = ImageFolder(options.folder, Compose(steps))
    return images, images.classes


def classifier(model: nn.Module) -> nn.Module:
    """The last linear layer."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


def train(model, parameters, lr, epochs, loaders) -> None:
    """Train some of the parameters; the others do not change."""
    model.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = optim.AdamW(parameters, lr=lr)
    history = mt.training.fit(model, *loaders, epochs=epochs, optimizer=optimizer, progress="none")
    print(f"{len(parameters)} tensors trained: held out {history[-1]['test_top1']:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="a .pth, .safetensors or .npz file")
    parser.add_argument("--model", default="resnet20_cifar")
    parser.add_argument("--folder", help="a folder of images for each class")
    parser.add_argument("--images", type=int, default=1000, help="number of shapes")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", default="fine_tuned.safetensors")
    options = parser.parse_args()

    mt.manual_seed(0)
    data, classes = make_data(options)
    fifth = len(data) // 5
    parts = random_split(data, [len(data) - fifth, fifth])
    loaders = [DataLoader(part, batch_size=32, shuffle=True) for part in parts]

    model = mt.models.create_model(options.model, num_classes=len(classes))
    kept = mt.training.load_weights(model, options.weights, new_classes=True)
    print("new:", *kept)
    train(model, list(classifier(model).parameters()), 1e-2, options.epochs, loaders)
    train(model, list(model.parameters()), 1e-3, options.epochs, loaders)
    mt.save(model.state_dict(), options.out)


if __name__ == "__main__":
    main()
