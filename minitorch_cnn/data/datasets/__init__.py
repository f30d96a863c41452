"""Data sets of images: two that need no files (Digits, Shapes) and readers of well-known ones.

Nothing is ever downloaded: where files are missing, the error says where to get them and where they
belong. So torchvision's `download=` is taken and changes nothing.
"""

from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .folder import ImageFolder, find_images
from .image_file import IMAGE_ENDINGS, read_image
from .images import ImageDataset
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .shapes import Shapes

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "IMAGE_ENDINGS",
    "KMNIST",
    "MNIST",
    "Digits",
    "FashionMNIST",
    "ImageDataset",
    "ImageFolder",
    "Shapes",
    "find_images",
    "read_image",
]
