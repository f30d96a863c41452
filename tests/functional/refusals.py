"""Bad input: the error of a function, and whether PyTorch refuses it too."""

import pytest

from minitorch_cnn.tensor import Tensor


def assert_refused(function, arguments, options, error, message):
    """The error begins with the function's name and has the message; PyTorch, if installed, raises
    an error too.
    """
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    assert str(caught.value).startswith(function.__name__ + ":")
    assert message in str(caught.value)
    try:
        import torch
    except ImportError:
        return
    tensors = [
        torch.tensor(t.array, requires_grad=t.requires_grad) if isinstance(t, Tensor) else t
        for t in arguments
    ]
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError, ArithmeticError)):
        getattr(torch.nn.functional, function.__name__)(*tensors, **options)
