"""Where compiled kernels are kept from one process to the next, in a file each.

Numba's own files are believed whatever is in them. These begin with a digest, and say which kernel
they are, compiled from which sources: what is damaged, cut short or stale is compiled anew. A file
that cannot be written, because the disk is full, costs the next process the time to compile.
"""

import hashlib
import os
import pickle
import uuid
from contextlib import suppress
from pathlib import Path

import numba
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps


class KernelCache(FunctionCache):
    """Numba's cache of one kernel, in files that are checked.

    stamp: tells the sources of all kernels from other versions of them. Numba would keep a kernel
    while its own file is as it was, but kernels call kernels of other files.
    Raises RuntimeError where there is no folder for the files.
    """

    def __init__(self, function, stamp):
        super().__init__(function)
        base = os.path.join(self.cache_path, self._impl.filename_base)
        version = numba.__version__, function.__module__, function.__qualname__, stamp
        self._cache_file = _Files(base, version)

    def save_overload(self, sig, data):
        """Keep what was compiled for a signature, if there is room for it."""
        with suppress(OSError):
            super().save_overload(sig, data)


class _Files:
    """The files of one kernel, one for each signature and processor."""

    def __init__(self, base: str, version):
        self.base, self.version = base, version

    def load(self, key):
        """What was saved under a key in this version, or None."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, content = content[:32], content[32:]
        if hashlib.sha256(content).digest() != digest:
            return None
        version, of, data = pickle.loads(content)
        return data if (version, of) == (self.version, key) else None

    def save(self, key, data) -> None:
        """Keep data under a key. A process that reads meanwhile finds the file before or after."""
        content = dumps((self.version, key, data))
        path = self._path(key)
        new = path.with_name(f"{path.name}.tmp.{uuid.uuid4().hex[:16]}")
        try:
            new.write_bytes(hashlib.sha256(content).digest() + content)
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)

    def _path(self, key) -> Path:
        signature, processor, _ = key
        name = hashlib.sha256(repr((signature, processor)).encode()).hexdigest()[:16]
        return Path(f"{self.base}.{name}.nbc")
