"""Programs written for PyTorch, run on this package by changing their imports."""
