"""Placeholders for objects other than weights: the names a pickle may have for them.

Beside weights a checkpoint holds options (argparse.Namespace), NumPy numbers, devices, dtypes,
dates, paths and objects of the program that wrote it. An `Opaque` takes the place of each, and the
pickle's data for it are dropped: no class is looked up or instantiated.

A pickle may call a class or a function. The name of a class begins with a capital or is one of
`HARMLESS`; any other is taken for a function, which data do not need: a file that calls os.system
is refused by that name, although nothing would be executed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Opaque:
    """The placeholder of an object of the class `name`, which was not created."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}, not loaded>"


# Modules whose classes act rather than hold data, such as subprocess.Popen.
DOING = re.compile(
    r"(os|posix|nt|sys|subprocess|multiprocessing|threading|socket|ctypes|importlib|imp|zipimport|"
    r"runpy|code|codeop|pty|shutil|types|pickle)\..*"
)

_BUILTINS = r"(builtins|__builtin__)\."
HARMLESS = re.compile(
    "|".join(
        [
            _BUILTINS + r"(bool|int|long|float|complex|str|unicode|bytes|bytearray|object|slice)",
            _BUILTINS + r"(x?range|tuple|list|dict|set|frozenset)",
            r"_codecs\.encode",  # bytes, in the protocols of Python 2
            r"(copyreg|copy_reg)\._reconstructor",  # an object, as protocols 0 and 1 have it
            r"collections\.(deque|namedtuple)",
            r"datetime\.(date|time|datetime|timedelta|timezone)",
            r"numpy(\._?core)?\.(multiarray|numeric)\.(scalar|_reconstruct|_frombuffer)",
            r"numpy\.(ndarray|dtype)",
            r"numpy\.random\.\w+\.__(\w+_ctor|pyx_unpickle_\w+)",
            r"pathlib(\._local)?\.\w*Path",
            r"re\._compile",
            r"time\.struct_time",
            r"types\.(SimpleNamespace|MappingProxyType)",
            r"torch\.(device|finfo|iinfo|serialization\._get_layout)",
        ]
    )
)


def is_harmless(name: str) -> bool:
    """Whether "module.name" creates an object of data, judging by its name."""
    if HARMLESS.fullmatch(name):
        return True
    last = name.rpartition(".")[2].lstrip("_")
    return last[:1].isupper() and not DOING.fullmatch(name)
