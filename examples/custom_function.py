"""A function with a gradient of your own, and the proof that the gradient is right.

python custom_function.py
"""

import argparse

import minitorch_cnn as mt
from minitorch_cnn.autograd import Function


class Swish(Function):
    """y = x s(b x) with the logistic function s and a learned number b."""

    @staticmethod
    def forward(ctx, x, b):
        ctx.save_for_backward(x, b)
        return x * mt.sigmoid(b * x)

    @staticmethod
    def backward(ctx, gy):
        # With s' = s (1 - s):   dy/dx = s + b x s'   dy/db = x^2 s'
        x, b = ctx.saved_tensors
        s = mt.sigmoid(b * x)
        slope = s * (1 - s)
        gx = gy * (s + b * x * slope)
        gb = (gy * x * x * slope).sum()
        return gx, gb


class WrongSwish(Swish):
    """The same function with a term of the gradient missing."""

    @staticmethod
    def backward(ctx, gy):
        x, b = ctx.saved_tensors
        gx, gb = Swish.backward(ctx, gy)
        return gx - gy * b * x * mt.sigmoid(b * x), gb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=8)
    options = parser.parse_args()

    mt.manual_seed(0)
    x = mt.randn(options.samples, dtype=mt.float64, requires_grad=True)
    b = mt.tensor(1.5, dtype=mt.float64, requires_grad=True)

    # Finite differences in float64. The gradient's gradient is checked as well: backward consists
    # of tensor operations, so it can be differentiated again.
    print("gradcheck:", mt.gradcheck(Swish.apply, (x, b)))
    print("gradgradcheck:", mt.gradgradcheck(Swish.apply, (x, b)))
    print("of the wrong one:", mt.gradcheck(WrongSwish.apply, (x, b), raise_exception=False))

    # In use: b learns to turn Swish into a ReLU.
    x = mt.randn(256)
    b = mt.tensor(1.0, requires_grad=True)
    optimizer = mt.optim.SGD([b], lr=10.0)
    for _ in range(50):
        loss = (Swish.apply(x, b) - x.relu()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"b went from 1 to {b.item():.2f}")


if __name__ == "__main__":
    main()
