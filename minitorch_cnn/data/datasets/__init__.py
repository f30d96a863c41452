"""Image data sets: two that need no files (Digits, Shapes) and readers of well-known ones.

Nothing is ever downloaded: if files are missing, the error says where to get them and where to put
them. torchvision's `download=` is accepted and ignored.
"""

from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .fake import FakeData
from .folder import DatasetFolder, ImageFolder, find_images
from .ilsvrc import ILSVRC
from .image_file import IMAGE_ENDINGS, read_image
from .images import ImageDataset
from .mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from .shapes import Shapes
from .stl10 import STL10
from .svhn import SVHN
from .vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "ILSVRC",
    "IMAGE_ENDINGS",
    "KMNIST",
    "MNIST",
    "STL10",
    "SVHN",
    "DatasetFolder",
    "Digits",
    "FakeData",
    "FashionMNIST",
    "ImageDataset",
    "ImageFolder",
    "Shapes",
    "VisionDataset",
    "find_images",
    "read_image",
]
