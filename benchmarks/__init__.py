"""Speed, measured: python -m benchmarks.conv | benchmarks.autograd."""
