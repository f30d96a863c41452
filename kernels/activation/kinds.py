"""The kinds of activation functions; CUDA kernels identify them by their positions."""

# The number of settings of each kind.
KINDS = {
    "relu": 0,
    "relu6": 0,
    "leaky_relu": 1,
    "elu": 2,
    "sigmoid": 0,
    "tanh": 0,
    "silu": 0,
    "gelu": 0,
    "gelu_tanh": 0,
    "hardswish": 0,
}
