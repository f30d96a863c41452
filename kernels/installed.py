"""Whether a package is installed, without importing it."""

from importlib.util import find_spec


def is_installed(name: str) -> bool:
    """Whether `import name` would find a package; a finder may also refuse it."""
    try:
        return find_spec(name) is not None
    except ImportError:
        return False
