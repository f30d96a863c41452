"""Speed, measured: python -m benchmarks.conv | .ops | .autograd, and others beside them."""
