"""Apple's GPUs, which tensors cannot lie on."""


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False
