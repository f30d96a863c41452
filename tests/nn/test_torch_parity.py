"""Every layer against PyTorch's: arguments, repr, state_dict, outputs, gradients; in one table."""

import inspect

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def classes(*shape, below=5):
    return lambda rng: rng.integers(0, below, shape)


def signs(*shape):
    return lambda rng: rng.choice([-1, 1], shape)


def places(*shape, inside):
    """Different places of a plane for the elements of each."""
    count = shape[-1] * shape[-2]
    planes = shape[0] * shape[1]
    return lambda rng: np.array([rng.permutation(inside)[:count] for _ in range(planes)]).reshape(
        shape
    )


def probabilities(*shape):
    return lambda rng: rng.uniform(0.05, 0.95, shape)


IMAGES = (normal(2, 4, 9, 7),)
SIGNALS = (normal(2, 4, 11),)

# layer, its settings, its inputs (float ones get a gradient)
TABLE = [
    ("Conv1d", (4, 6, 3), {}, SIGNALS),
    ("Conv1d", (4, 6, 3, 2, 1, 2), {"groups": 2, "bias": False}, SIGNALS),
    ("Conv1d", (4, 6, 4), {"padding": "same", "padding_mode": "circular"}, SIGNALS),
    ("Conv1d", (4, 6, 3), {"padding": 2, "padding_mode": "reflect"}, (normal(4, 11),)),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (3, 2), "padding": (2, 1)}, IMAGES),
    ("Conv2d", (4, 8, 3), {"stride": 2, "padding": 1, "groups": 4, "bias": False}, IMAGES),
    ("Conv2d", (4, 6, (4, 3)), {"padding": "same", "dilation": (1, 2)}, IMAGES),
    ("Conv2d", (4, 6, 3), {"padding": "valid"}, (normal(4, 9, 7),)),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "reflect"}, IMAGES),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "replicate"}, IMAGES),
    ("Conv2d", (4, 6, (4, 3)), {"padding": "same", "padding_mode": "replicate"}, IMAGES),
    ("Conv2d", (4, 6, 3), {"padding": "valid", "padding_mode": "circular"}, IMAGES),
    ("Conv2d", (4, 6, 3), {}, (normal(0, 4, 9, 7),)),
    ("ConvTranspose1d", (4, 6, 3, 2, 1, 1), {"groups": 2, "dilation": 2}, SIGNALS),
    ("ConvTranspose2d", (4, 6, (3, 2)), {"stride": (3, 2), "padding": (1, 0)}, IMAGES),
    ("ConvTranspose2d", (4, 6, 3, 2, 1, (1, 0), 2, False, (1, 2)), {}, IMAGES),
    ("Linear", (7, 5), {}, IMAGES),
    ("Linear", (7, 5, False), {}, (normal(7),)),
    ("Identity", (), {}, IMAGES),
    ("Identity", (4, 5), {"kernel_size": 3}, IMAGES),
    ("Embedding", (5, 3), {}, (classes(2, 6),)),
    ("Embedding", (5, 3, -2), {}, (classes(2, 6),)),
    ("Embedding", (5, 3, 1), {"scale_grad_by_freq": True}, (classes(2, 6),)),
    ("Embedding", (5, 3), {"max_norm": 0.8}, (classes(2, 6),)),
    ("Embedding", (5, 3, None, 0.5, 1.0, True), {}, (classes(7),)),
    ("Embedding", (5, 3, 0, 0.1, float("inf")), {}, (classes(1, 4),)),
    ("BatchNorm1d", (4,), {}, (normal(5, 4),)),
    ("BatchNorm1d", (4,), {"momentum": None}, SIGNALS),
    ("BatchNorm2d", (4,), {}, IMAGES),
    ("BatchNorm2d", (4, 1e-3, 0.3), {"affine": False}, IMAGES),
    ("BatchNorm2d", (4,), {"track_running_stats": False}, IMAGES),
    ("BatchNorm2d", (4,), {"momentum": None, "bias": False}, IMAGES),
    ("GroupNorm", (2, 4), {}, IMAGES),
    ("GroupNorm", (4, 4, 1e-3), {"affine": False}, SIGNALS),
    ("GroupNorm", (1, 4), {"bias": False}, (normal(2, 4),)),
    ("InstanceNorm1d", (4,), {}, SIGNALS),
    ("InstanceNorm1d", (4, 1e-3, 0.3, True, True), {"bias": False}, (normal(4, 11),)),
    ("InstanceNorm2d", (4,), {"affine": True}, IMAGES),
    ("InstanceNorm2d", (4,), {"track_running_stats": True, "momentum": None}, IMAGES),
    ("InstanceNorm2d", (4, 1e-2, 0.2, True, True), {}, IMAGES),
    ("InstanceNorm2d", (4,), {}, (normal(4, 9, 7),)),
    ("RMSNorm", (7,), {}, IMAGES),
    ("RMSNorm", ((9, 7), 1e-2, False), {}, IMAGES),
    ("LayerNorm", (7,), {}, IMAGES),
    ("LayerNorm", ((9, 7),), {"bias": False, "eps": 1e-3}, IMAGES),
    ("LayerNorm", ([4, 9, 7],), {"elementwise_affine": False}, IMAGES),
    ("LocalResponseNorm", (3,), {}, IMAGES),
    ("LocalResponseNorm", (2, 0.5, 0.6, 2.0), {}, SIGNALS),
    ("MaxPool1d", (3,), {"padding": 1, "dilation": 2, "ceil_mode": True}, SIGNALS),
    ("MaxPool2d", (3, 2), {"ceil_mode": True}, IMAGES),
    ("MaxPool2d", ((3, 2),), {"padding": (1, 0), "dilation": (2, 1)}, IMAGES),
    ("AvgPool2d", (2,), {}, IMAGES),
    ("AvgPool2d", ((3, 2), 2, (1, 0), True, False), {}, IMAGES),
    ("AvgPool2d", (3,), {"divisor_override": 4}, (normal(4, 9, 7),)),
    ("AdaptiveAvgPool2d", (1,), {}, IMAGES),
    ("AdaptiveAvgPool2d", ((4, None),), {}, IMAGES),
    ("AdaptiveMaxPool2d", ((2, 3),), {}, IMAGES),
    ("Dropout", (0.0,), {}, IMAGES),
    ("Dropout", (1.0,), {}, IMAGES),
    ("Dropout", (0.0, True), {}, IMAGES),
    ("Dropout2d", (1,), {}, IMAGES),
    ("Dropout1d", (1.0,), {}, SIGNALS),
    ("Dropout3d", (0.0,), {}, (normal(2, 3, 2, 2, 2),)),
    ("AlphaDropout", (1.0,), {}, IMAGES),
    ("AlphaDropout", (0.0, True), {}, IMAGES),
    ("FeatureAlphaDropout", (0.0,), {}, IMAGES),
    ("ReLU", (), {}, IMAGES),
    ("ReLU", (), {"inplace": True}, IMAGES),
    ("ReLU6", (), {}, IMAGES),
    ("ReLU6", (), {"inplace": True}, IMAGES),
    ("LeakyReLU", (0.2,), {}, IMAGES),
    ("LeakyReLU", (0.2, True), {}, IMAGES),
    ("PReLU", (), {}, IMAGES),
    ("PReLU", (4, 0.1), {}, IMAGES),
    ("ELU", (1.5,), {}, IMAGES),
    ("ELU", (1.5, True), {}, IMAGES),
    ("SELU", (), {}, IMAGES),
    ("SELU", (), {"inplace": True}, IMAGES),
    ("CELU", (0.5,), {}, IMAGES),
    ("CELU", (1.5, True), {}, IMAGES),
    ("GLU", (), {}, (normal(2, 6),)),
    ("GLU", (1,), {}, IMAGES),
    ("Hardshrink", (), {}, IMAGES),
    ("Softshrink", (0.3,), {}, IMAGES),
    ("Hardsigmoid", (), {}, IMAGES),
    ("Hardtanh", (), {}, IMAGES),
    ("Hardtanh", (-0.5, 1.5, True), {}, IMAGES),
    ("LogSigmoid", (), {}, IMAGES),
    ("Mish", (), {"inplace": True}, IMAGES),
    ("Softsign", (), {}, IMAGES),
    ("Tanhshrink", (), {}, IMAGES),
    ("Softmin", (1,), {}, IMAGES),
    ("Threshold", (0.2, -3.0), {}, IMAGES),
    ("Threshold", (0.2, 1.0, True), {}, IMAGES),
    ("CosineSimilarity", (), {}, (normal(4, 5), normal(4, 5))),
    ("CosineSimilarity", (0, 1e-3), {}, (normal(4, 5), normal(4, 5))),
    ("PairwiseDistance", (), {}, (normal(4, 5), normal(4, 5))),
    ("PairwiseDistance", (3.0, 1e-3, True), {}, (normal(4, 5), normal(4, 5))),
    ("AvgPool1d", (3,), {}, SIGNALS),
    ("AvgPool1d", (4, 2, 1, True, False), {}, SIGNALS),
    ("AdaptiveAvgPool1d", (3,), {}, SIGNALS),
    ("AdaptiveAvgPool1d", ((5,),), {}, (normal(4, 11),)),
    ("AdaptiveMaxPool1d", (3,), {}, SIGNALS),
    ("AdaptiveMaxPool1d", (4, True), {}, SIGNALS),
    ("LPPool1d", (2, 3), {}, SIGNALS),
    ("LPPool1d", (1, 3, 2, True), {}, (probabilities(2, 4, 12),)),
    ("LPPool2d", (2, (3, 2)), {"stride": (2, 1)}, IMAGES),
    ("LPPool2d", (3, 2), {"ceil_mode": True}, (probabilities(2, 4, 9, 7),)),
    ("LPPool2d", (float("-inf"), 2), {}, IMAGES),
    (
        "MaxUnpool1d",
        (2,),
        {},
        (
            normal(2, 3, 4),
            lambda rng: rng.permuted(np.tile(np.arange(8), (2, 3, 1)), axis=2)[..., :4],
        ),
    ),
    ("MaxUnpool2d", (2,), {}, (normal(2, 3, 2, 2), places(2, 3, 2, 2, inside=16))),
    ("MaxUnpool2d", (3, 2, 1), {}, (normal(2, 3, 2, 2), places(2, 3, 2, 2, inside=9))),
    ("PixelUnshuffle", (3,), {}, (normal(2, 4, 9, 6),)),
    ("GELU", (), {}, IMAGES),
    ("GELU", ("tanh",), {}, IMAGES),
    ("SiLU", (), {}, IMAGES),
    ("SiLU", (), {"inplace": True}, IMAGES),
    ("Hardswish", (), {}, IMAGES),
    ("Hardswish", (), {"inplace": True}, IMAGES),
    ("Sigmoid", (), {}, IMAGES),
    ("Tanh", (), {}, IMAGES),
    ("Softmax", (1,), {}, IMAGES),
    ("RReLU", (0.25, 0.25), {}, IMAGES),
    ("RReLU", (0.125, 0.125, True), {}, IMAGES),
    ("Softmax2d", (), {}, IMAGES),
    ("Softmax2d", (), {}, (normal(4, 9, 7),)),
    ("LogSoftmax", (), {"dim": -1}, IMAGES),
    ("Softplus", (2.0, 1.0), {}, IMAGES),
    ("ZeroPad1d", (1,), {}, SIGNALS),
    ("ZeroPad2d", (1,), {}, IMAGES),
    ("ConstantPad1d", (2, 1.5), {}, SIGNALS),
    ("ConstantPad1d", ((1, -2), 0.5), {}, SIGNALS),
    ("ConstantPad2d", ((1, 2, 0, -1), -3), {}, IMAGES),
    ("ReflectionPad1d", ((3, 1),), {}, SIGNALS),
    ("ReflectionPad2d", (2,), {}, IMAGES),
    ("ReflectionPad2d", ((1, 2, 0, 3),), {}, (normal(4, 9, 7),)),
    ("ReplicationPad1d", (12,), {}, SIGNALS),
    ("ReplicationPad2d", ((1, 2, 0, 3),), {}, IMAGES),
    ("CircularPad1d", ((3, 11),), {}, SIGNALS),
    ("CircularPad2d", ((1, 2, 0, 3),), {}, IMAGES),
    ("ZeroPad2d", ((1, 2, 0, -1),), {}, IMAGES),
    ("Upsample", (), {"scale_factor": 2}, IMAGES),
    ("Upsample", ((5, 8),), {"mode": "bilinear"}, IMAGES),
    ("Upsample", ((5, 8),), {"mode": "bicubic", "align_corners": True}, IMAGES),
    ("Upsample", ((5, 8),), {"mode": "area"}, IMAGES),
    ("Upsample", (), {"scale_factor": 1.5, "mode": "nearest-exact"}, IMAGES),
    ("Upsample", (None, (1.5, 2), "bilinear", True), {}, IMAGES),
    ("Upsample", (), {"size": 17, "mode": "linear"}, SIGNALS),
    ("Upsample", ((4, 3),), {"mode": "area"}, IMAGES),
    ("Unfold", (3,), {"padding": 1, "stride": 2}, IMAGES),
    ("Fold", ((4, 4), 2), {}, (normal(2, 8, 9),)),
    ("UpsamplingNearest2d", (), {"scale_factor": 2}, IMAGES),
    ("UpsamplingNearest2d", ((5, 8),), {}, IMAGES),
    ("UpsamplingBilinear2d", (None, 1.5), {}, IMAGES),
    ("UpsamplingBilinear2d", (12,), {}, IMAGES),
    ("Unflatten", (1, (2, 2)), {}, IMAGES),
    ("Unflatten", (-1, (1, -1)), {}, IMAGES),
    ("PixelShuffle", (2,), {}, IMAGES),
    ("ChannelShuffle", (2,), {}, IMAGES),
    ("Flatten", (), {}, IMAGES),
    ("Flatten", (0, 2), {}, IMAGES),
    ("LSTMCell", (3, 5), {}, (normal(4, 3),)),
    ("LSTMCell", (3, 5, False), {}, (normal(3),)),
    ("LSTM", (3, 5), {}, (normal(6, 2, 3),)),
    ("LSTM", (3, 5, 2, False, True), {}, (normal(2, 6, 3),)),
    ("LSTM", (3, 5, 2), {"bidirectional": True}, (normal(6, 2, 3),)),
    ("LSTM", (3, 5), {"bidirectional": True, "batch_first": True}, (normal(6, 3),)),
    ("LSTM", (3, 4, 3), {"dropout": 1.0, "bidirectional": True}, (normal(6, 2, 3),)),
    ("LSTM", (3, 5), {"proj_size": 2}, (normal(6, 2, 3),)),
    ("LSTM", (3, 5, 2, False), {"proj_size": 2, "bidirectional": True}, (normal(6, 2, 3),)),
    ("LSTM", (3, 5, 2), {"proj_size": 4, "batch_first": True}, (normal(2, 6, 3),)),
    ("MultiheadAttention", (6, 2), {}, (normal(3, 2, 6), normal(4, 2, 6), normal(4, 2, 6))),
    ("MultiheadAttention", (6, 3, 0.0, False), {"batch_first": True}, (normal(2, 3, 6),) * 3),
    (
        "MultiheadAttention",
        (6, 2),
        {"kdim": 5, "vdim": 4},
        (normal(3, 6), normal(4, 5), normal(4, 4)),
    ),
    (
        "MultiheadAttention",
        (6, 2),
        {"add_bias_kv": True, "add_zero_attn": True},
        (normal(3, 2, 6), normal(4, 2, 6), normal(4, 2, 6)),
    ),
    ("GRU", (3, 5), {}, (normal(6, 2, 3),)),
    ("GRU", (3, 5, 2, False, True), {"bidirectional": True}, (normal(2, 6, 3),)),
    ("GRU", (3, 4, 2), {"dropout": 1.0}, (normal(6, 3),)),
    ("GRUCell", (3, 5), {}, (normal(4, 3), normal(4, 5))),
    ("GRUCell", (3, 5, False), {}, (normal(3),)),
    ("RNN", (3, 5), {}, (normal(6, 2, 3),)),
    ("RNN", (3, 5, 2, "relu", False, True), {"bidirectional": True}, (normal(2, 6, 3),)),
    ("RNN", (3, 5), {"nonlinearity": "relu"}, (normal(6, 3),)),
    ("RNNCell", (3, 5), {}, (normal(4, 3), normal(4, 5))),
    ("RNNCell", (3, 5, False, "relu"), {}, (normal(3),)),
    ("CrossEntropyLoss", (), {"label_smoothing": 0.1}, (normal(6, 5), classes(6))),
    ("CrossEntropyLoss", (), {"ignore_index": 2}, (normal(9, 5, 2), classes(9, 2))),
    ("NLLLoss", (), {"reduction": "sum"}, (normal(6, 5), classes(6))),
    ("MSELoss", (), {}, (normal(6, 5), normal(6, 5))),
    ("L1Loss", (), {"reduction": "sum"}, (normal(6, 5), normal(6, 5))),
    ("SmoothL1Loss", (), {"beta": 0.5}, (normal(6, 5), normal(6, 5))),
    ("HuberLoss", ("mean", 0.5), {}, (normal(6, 5), normal(6, 5))),
    ("GaussianNLLLoss", (), {"full": True}, (normal(6, 5), normal(6, 5), probabilities(6, 1))),
    ("KLDivLoss", (), {"reduction": "batchmean"}, (normal(6, 5), probabilities(6, 5))),
    ("KLDivLoss", (), {"reduction": "sum", "log_target": True}, (normal(6, 5), normal(6, 5))),
    ("BCELoss", (), {}, (probabilities(6, 5), probabilities(6, 5))),
    ("CosineEmbeddingLoss", (0.2,), {}, (normal(6, 5), normal(6, 5), signs(6))),
    ("MarginRankingLoss", (0.2,), {}, (normal(6), normal(6), signs(6))),
    ("TripletMarginLoss", (1.5, 3.0), {"swap": True}, (normal(6, 5),) * 3),
    ("HingeEmbeddingLoss", (0.5,), {}, (normal(6, 5), signs(6, 5))),
    ("SoftMarginLoss", (), {}, (normal(6, 5), signs(6, 5))),
    ("MultiLabelSoftMarginLoss", (), {}, (normal(6, 5), classes(6, 5, below=2))),
    ("NLLLoss2d", (), {}, (normal(3, 5, 2, 2), classes(3, 2, 2))),
    ("PoissonNLLLoss", (), {}, (normal(6, 5), probabilities(6, 5))),
    (
        "PoissonNLLLoss",
        (False, True),
        {"reduction": "sum"},
        (probabilities(6, 5), probabilities(6, 5)),
    ),
    ("MultiMarginLoss", (2, 0.5), {}, (normal(6, 5), classes(6))),
    ("MultiMarginLoss", (), {"reduction": "none"}, (normal(5), classes())),
    ("MultiLabelMarginLoss", (), {}, (normal(6, 5), classes(6, 5))),
    ("TripletMarginWithDistanceLoss", (), {}, (normal(6, 5),) * 3),
    (
        "TripletMarginWithDistanceLoss",
        (),
        {"swap": True, "margin": 3.0, "reduction": "none"},
        (normal(6, 5),) * 3,
    ),
    ("Bilinear", (4, 3, 2), {}, (normal(2, 5, 4), normal(2, 5, 3))),
    ("Bilinear", (4, 3, 2, False), {}, (normal(4), normal(3))),
    ("BCEWithLogitsLoss", (), {"reduction": "none"}, (normal(6, 5), probabilities(6, 5))),
]

# PyTorch's arguments that are not here: historical, or for its own use.
ABSENT = {"size_average", "reduce", "_weight", "_freeze", "min_value", "max_value"}


RECURRENT = {
    "LSTM": "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size",
    "GRU": "input_size hidden_size num_layers bias batch_first dropout bidirectional",
    "RNN": "input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional",
}


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def pair(torch, name, args, settings):
    """Our layer and PyTorch's with the same weights, all in float64."""
    ours, theirs = getattr(nn, name)(*args, **settings), getattr(torch.nn, name)(*args, **settings)
    state = {k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return ours.double(), theirs.double()


def tensors_of(result):
    """The tensors of a result that may be a tensor or nested tuples."""
    return [t for r in result for t in tensors_of(r)] if isinstance(result, tuple) else [result]


def run(layer, inputs, as_tensor):
    """Outputs of a layer, and the gradients of its inputs and parameters for random cotangents."""
    rng = np.random.default_rng(1)
    xs = [as_tensor(x) for x in inputs]
    for x, array in zip(xs, inputs, strict=True):
        x.requires_grad = array.dtype.kind == "f"
    # PyTorch changes no leaf in place.
    ys = tensors_of(layer(*(x * 1 if x.requires_grad else x for x in xs)))
    leaves = [leaf for leaf in (*xs, *layer.parameters()) if leaf.requires_grad]
    for leaf in leaves:
        leaf.grad = None
    if leaves:
        sum((y * as_tensor(rng.standard_normal(y.shape))).sum() for y in ys).backward()
    grads = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    return [*(y.detach().numpy() for y in ys), *grads, *(b.numpy() for b in layer.buffers())]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.filterwarnings("ignore:.*NLLLoss2d")
@pytest.mark.parametrize("name, args, settings, draws", TABLE)
def test_a_layer_gives_what_pytorchs_gives(torch, rng, name, args, settings, draws):
    ours, theirs = pair(torch, name, args, settings)
    for training in (True, True, False):  # twice: running statistics have moved by then
        ours.train(training)
        theirs.train(training)
        inputs = [draw(rng) for draw in draws]
        found = run(ours, inputs, mt.tensor)
        expected = run(theirs, inputs, lambda x: torch.from_numpy(np.array(x)))
        for a, b in zip(found, expected, strict=True):
            rtol = 1e-7 if name == "Hardsigmoid" else 1e-9  # PyTorch's slope 1/6 is a float32
            np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-11)


@pytest.mark.filterwarnings("ignore:.*NLLLoss2d")
@pytest.mark.parametrize("name, args, settings, draws", TABLE)
def test_a_layer_reads_and_stores_like_pytorchs(torch, name, args, settings, draws):
    ours, theirs = pair(torch, name, args, settings)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", sorted({name for name, *_ in TABLE} - {"Identity"}))
def test_a_layer_takes_pytorchs_arguments_in_pytorchs_order(torch, name):
    def arguments(layer):
        found = inspect.signature(layer.__init__).parameters.values()
        return [
            (p.name, p.default) for p in found if p.name not in ABSENT and p.kind != p.VAR_KEYWORD
        ]

    ours, theirs = arguments(getattr(nn, name)), arguments(getattr(torch.nn, name))
    if name == "NLLLoss2d":  # PyTorch's hands *args on
        theirs = arguments(torch.nn.NLLLoss)
    if name in ("Sigmoid", "Tanh", "LogSigmoid", "Softmax2d", "Softsign", "Tanhshrink"):
        # PyTorch's swallow anything
        theirs = [(n, default) for n, default in theirs if n != "args"]
    if name in RECURRENT:  # PyTorch's hand *args on; their docstrings have the order
        ours = [n for n, _ in ours]
        theirs = ["self", *RECURRENT[name].split(), "device", "dtype"]
    assert ours == theirs


def test_every_layer_of_ours_that_pytorch_has_is_in_the_table(torch):
    containers = {"Module", "Sequential", "ModuleList", "ModuleDict", "Parameter"}
    containers |= {"ParameterList", "ParameterDict", "Buffer", "DataParallel"}
    containers |= {"RNNBase", "RNNCellBase", "TransformerEncoder", "TransformerEncoderLayer"}
    containers |= {"UninitializedParameter"}
    names = {name for name in nn.__all__ if name[0].isupper() and not name.startswith("Lazy")}
    layers = names - containers
    assert layers - {name for name, *_ in TABLE} == {
        "CTCLoss", "DropPath", "ScaledTanh", "SyncBatchNorm",
    }  # fmt: skip


STATEFUL = [
    row
    for row in TABLE
    if row[0] in ("Conv2d", "ConvTranspose2d", "Linear", "LSTM", "LSTMCell", "GRU", "RNNCell")
]


@pytest.mark.parametrize("name, args, settings, draws", STATEFUL)
def test_fresh_weights_are_spread_like_pytorchs(torch, name, args, settings, draws):
    largest = {}
    for _ in range(200):
        for library in (nn, torch.nn):
            for key, p in getattr(library, name)(*args, **settings).named_parameters():
                bound = largest.setdefault((key, library is nn), 0)
                largest[key, library is nn] = max(bound, np.abs(p.detach().numpy()).max())
    for key, is_ours in largest:
        if is_ours:
            assert largest[key, True] == pytest.approx(largest[key, False], rel=0.03)
