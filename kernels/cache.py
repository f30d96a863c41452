"""The cache of compiled kernels: one file per kernel, signature and processor, verified on reading.

Numba does not verify its own cache files. These begin with a digest of their contents and of the
versions of Numba and of the kernel's sources: a damaged, truncated or stale file, or one of another
Numba, is ignored without being unpickled, and the kernel is compiled again. If a file cannot be
written because the disk is full, the next process compiles again.
"""

import glob
import hashlib
import os
import pickle
import uuid
from contextlib import suppress
from pathlib import Path

import numba

from . import ahead, turns
from .compat_numba import FunctionCache, base_of_files, dumps, key_of, load, use_files


class KernelCache(FunctionCache):
    """Numba's cache of one kernel, in verified files.

    sources: the version of the sources of the kernel, see sources.py. Numba would compare only the
    time of the kernel's own file, but kernels call kernels of other files.
    machine: the machine to compile for, see machine.py. Numba compares only the instructions.
    loaded: called after the kernel was loaded for a signature.
    Raises RuntimeError where there is no folder for the files.
    """

    def __init__(self, function, sources, machine, loaded):
        super().__init__(function)
        self.loaded = loaded
        self.is_ours = function.__module__.startswith(__package__)
        base = os.path.join(*base_of_files(self))
        version = numba.__version__, function.__module__, function.__qualname__, sources
        self.files = _Files(base, version, machine)
        use_files(self, self.files)

    def load_overload(self, sig, target_context):
        """The code compiled for a signature, or None."""
        found = load(self, sig, target_context)
        if self.is_ours:
            ahead.begin(found is None)
        if found is None and turns.take(self._path(sig, target_context)):
            found = load(self, sig, target_context)
            if found is not None:
                turns.give(self._path(sig, target_context))
        if found is not None:
            self.loaded(sig)
        return found

    def signatures(self):
        """The signatures that the kernel was compiled for, in this process or another."""
        return [signature for signature, *_ in self.files]

    def save_overload(self, sig, data):
        """Keep the code compiled for a signature, unless the disk is full."""
        try:
            with suppress(OSError), ahead.saving:
                super().save_overload(sig, data)
        finally:
            turns.give(self._path(sig, data.target_context))

    def _path(self, sig, target_context) -> Path:
        return self.files.path(key_of(self, sig, target_context))


class _Files:
    """The files of one kernel, one for each signature, processor and described machine."""

    def __init__(self, base: str, version, machine):
        self.base, self.machine = base, machine
        self.version = repr((*version, machine)).encode()

    def load(self, key):
        """The data saved under a key by this version, or None."""
        of, data = self._read(self.path(key))
        return data if of == key else None

    def __iter__(self):
        """The keys saved by this version."""
        folder, name = os.path.split(self.base)
        paths = Path(folder).glob(f"{glob.escape(name)}.*.nbc")
        yield from (key for key, _ in map(self._read, paths) if key is not None)

    def _read(self, path: Path):
        """The key and the data of a file; (None, None) if it is damaged or of another version."""
        try:
            content = path.read_bytes()
        except OSError:
            return None, None
        digest, content = content[:32], content[32:]
        return pickle.loads(content) if self._digest(content) == digest else (None, None)

    def save(self, key, data) -> None:
        """Save data under a key. A concurrent reader finds either the old or the new file."""
        content = dumps((key, data))
        path = self.path(key)
        new = path.with_name(f"{path.name}.tmp.{uuid.uuid4().hex[:16]}")
        try:
            new.write_bytes(self._digest(content) + content)
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)

    def _digest(self, content: bytes) -> bytes:
        return hashlib.sha256(self.version + content).digest()

    def path(self, key) -> Path:
        """The file of a key."""
        signature, processor, _ = key
        text = repr((signature, processor, self.machine, numba.__version__))
        return Path(f"{self.base}.{hashlib.sha256(text.encode()).hexdigest()[:16]}.nbc")
