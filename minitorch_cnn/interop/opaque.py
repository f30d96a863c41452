"""Objects beside the weights: which names a pickle may have for them, and what stands for them.

A checkpoint has more than weights: options (argparse.Namespace), numbers of NumPy, devices, dtypes,
dates, paths, objects of the program that wrote it. What follows in the pickle for such an object is
dropped and an `Opaque` stands in its place: no class is looked up, let alone made.

What is called may be a class or a function. The name of a class begins with a capital, or is one of
`HARMLESS`; any other is taken for a function, whose result data does not need: a file that calls
os.system is refused by that name, though nothing would come of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Opaque:
    """What stands for an object of the class `name` that was in a file and was not made."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}, not loaded>"


# Modules whose classes do things rather than hold them, such as subprocess.Popen.
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
    """Whether what "module.name" returns is an object of data, as far as the name says."""
    if HARMLESS.fullmatch(name):
        return True
    last = name.rpartition(".")[2].lstrip("_")
    return last[:1].isupper() and not DOING.fullmatch(name)
