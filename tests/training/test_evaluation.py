"""Several views of an image, or several models, give the mean of their probabilities."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.data import DataLoader
from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.data.transforms import Compose, Resize, TenCrop
from minitorch_cnn.models.vgg import fully_convolutional
from minitorch_cnn.training import (
    Predictions,
    average_predictions,
    evaluate_predictions,
    predict,
    predict_crops,
    predict_dense,
)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.fixture
def model():
    """A linear classifier of 3 x 3 pixels with dropout, which evaluation must switch off."""
    mt.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(9, 4))


def batches(*shape, seed=0):
    """Two batches of images of which the last axes have this shape, and their labels."""
    rng = np.random.default_rng(seed)
    return [
        (mt.from_numpy(rng.standard_normal((n, *shape))), mt.from_numpy(rng.integers(0, 4, n)))
        for n in (3, 2)
    ]


def test_ten_crops_give_the_mean_of_their_probabilities(model):
    model.double()
    data = batches(10, 1, 3, 3)
    found = predict_crops(model, data)
    model.eval()
    crops = [predict(model, [(x[:, t], labels) for x, labels in data]) for t in range(10)]
    expected = np.mean([softmax(crop.logits) for crop in crops], axis=0)
    np.testing.assert_allclose(np.exp(found.logits), expected)
    np.testing.assert_array_equal(found.labels, crops[0].labels)


def test_the_crops_of_a_data_set_are_looked_at(model):
    """Ten crops of equal middles of one colour: what one crop gives."""
    digits = Digits(train=False, transform=Compose([Resize(4), TenCrop(3)]))
    digits.images[:] = digits.images[:, :, :1, :1]
    loader = DataLoader(digits, batch_size=200)
    found = predict_crops(model, loader)
    once = predict(model, [(x[:, 0], labels) for x, labels in loader])
    np.testing.assert_allclose(np.exp(found.logits), softmax(once.logits), rtol=1e-4)
    assert len(found.labels) == 355


def test_a_dense_prediction_is_the_mean_of_the_scores_at_all_positions():
    """Three positions down, two across, of a net that looks at 2 x 2 pixels."""
    net = nn.Conv2d(1, 4, 2).double()
    data = batches(1, 4, 3)
    found = predict_dense(net, data)
    parts = [
        predict(net, [(x[..., i : i + 2, j : j + 2], labels) for x, labels in data]).logits
        for i in range(3)
        for j in range(2)
    ]
    np.testing.assert_allclose(found.logits, np.mean(parts, axis=0)[..., 0, 0])


def test_a_dense_prediction_of_vgg_on_one_position_is_that_of_the_net():
    mt.manual_seed(0)
    net = mt.models.create_model("vgg11", num_classes=4, width=1 / 64)
    data = [(mt.randn(1, 3, 224, 224), mt.zeros(1).long())]
    dense = predict_dense(fully_convolutional(net), data)
    np.testing.assert_allclose(dense.logits, predict(net, data).logits, rtol=1e-3, atol=1e-6)


def test_an_ensemble_is_the_mean_of_the_probabilities_of_its_models():
    data = batches(3)
    each = [predict(nn.Linear(3, 4).double(), data) for _ in range(3)]
    found = average_predictions(each)
    np.testing.assert_allclose(
        np.exp(found.logits), np.mean([softmax(other.logits) for other in each], axis=0)
    )
    np.testing.assert_array_equal(found.labels, each[0].labels)


def test_an_average_is_evaluated_as_a_prediction_is():
    """Two models, each sure of one sample: together right of both, with the loss of the mean."""
    sure = 50.0
    logits = np.array([[sure, 0, 0], [0.0, 0, 0]]), np.array([[0.0, 0, 0], [0, sure, 0]])
    both = average_predictions([Predictions(x, np.array([0, 1])) for x in logits])
    evaluation = evaluate_predictions(both)
    assert evaluation.top1 == 1
    assert evaluation.loss == pytest.approx(-np.log((1 + 1 / 3) / 2))


def test_probabilities_too_small_for_a_number_stay_finite():
    certain = Predictions(np.array([[1e4, 0.0]]), np.array([1]))
    assert average_predictions([certain, certain]).logits.tolist() == [[0, -1e4]]


@pytest.mark.parametrize("ask", [predict_crops, predict_dense])
@pytest.mark.parametrize("training", [True, False])
def test_a_model_is_left_in_the_mode_it_was_in(ask, training):
    shape = (2, 1, 1, 1) if ask is predict_crops else (1, 1, 1)
    net = nn.Conv2d(1, 4, 1).double()
    model = nn.Sequential(net, nn.Flatten()) if ask is predict_crops else nn.Sequential(net)
    ask(model.train(training), batches(*shape))
    assert model.training == training == net.training


def test_what_cannot_be_averaged_is_refused(model):
    x, labels = batches(1, 3, 3)[0]
    model.double()
    with pytest.raises(ValueError, match=r"^predict_crops: images of shape \(3, 1, 3, 3\) must be"):
        predict_crops(model, [(x, labels)])
    with pytest.raises(ValueError, match=r"^predict_dense: net gives the shape \(3, 4\)"):
        predict_dense(model, [(x, labels)])
    for ask in (predict_crops, predict_dense):
        with pytest.raises(ValueError, match=rf"^{ask.__name__}: batches is empty"):
            ask(model, [])
    with pytest.raises(ValueError, match=r"^average_predictions: predictions is empty"):
        average_predictions([])
    one = predict(model, [(x, labels)])
    for other in (Predictions(one.logits, one.labels + 1), Predictions(one.logits[:, 1:], labels)):
        with pytest.raises(ValueError, match=r"^average_predictions: .* the same samples"):
            average_predictions([one, other])
