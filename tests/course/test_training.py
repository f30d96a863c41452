import numpy as np

from minitorch_cnn import manual_seed, nn
from minitorch_cnn.course import training


def net():
    manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def test_digits_are_standardised():
    images, labels = training.digits()
    assert images.shape == (1442, 1, 8, 8) and images.dtype == np.float32 and len(labels) == 1442
    assert abs(images.mean()) < 0.05 and abs(images.std() - 1) < 0.05


def test_a_net_learns_the_same_each_time():
    images, labels = training.digits()
    first, second = net(), net()
    errors = training.train(first, images, labels, 3)
    assert errors == training.train(second, images, labels, 3)
    assert errors[-1] < 15 < errors[0]
    assert training.error(first, images, labels) < 10


def test_the_error_is_that_in_evaluation():
    class Contrary(nn.Module):
        def forward(self, x):
            y = np.zeros((len(x), 2), np.float32)
            y[:, int(self.training)] = 1
            return type(x)(y)

    contrary = Contrary()
    assert training.error(contrary, np.zeros((300, 1, 2, 2), np.float32), np.zeros(300)) == 0
    assert contrary.training
