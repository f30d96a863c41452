"""Run a program as it stands, or with its imports changed, and reduce what it returns to numbers.

import torch                      ->  import minitorch_cnn as torch
import torch.nn as nn             ->  import minitorch_cnn.nn as nn
import torch.utils.data           ->  import minitorch_cnn.utils.data; import ... as torch
from torch.nn import functional   ->  from minitorch_cnn.nn import functional
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
import types
import zlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
NUMBERS = FOLDER / "numbers.json"
OURS, THEIRS = "minitorch_cnn", "torch"
DTYPES = ("float32", "float64")
PROGRAMS = ("cifar", "dcgan", "digits", "library_model", "research", "siamese", "unet", "vae")


def with_imports_changed(source: str) -> str:
    """`source` with minitorch_cnn in the place of torch: its lines of imports, and nothing else."""
    rules = (
        (r"^(\s*)import torch$", rf"\1import {OURS} as torch"),
        (r"^(\s*)import torch\.([\w.]+) as (\w+)$", rf"\1import {OURS}.\2 as \3"),
        (r"^(\s*)import torch\.([\w.]+)$", rf"\1import {OURS}.\2; import {OURS} as torch"),
        (r"^(\s*)from torch((?:\.\w+)*) import ", rf"\1from {OURS}\2 import "),
    )
    for pattern, line in rules:
        source = re.sub(pattern, line, source, flags=re.MULTILINE)
    return source


def loaded(program: str, framework: str) -> types.ModuleType:
    """The program as a module that runs on `framework`."""
    path = FOLDER / f"{program}.py"
    source = path.read_text(encoding="utf-8")
    if framework == OURS:
        source = with_imports_changed(source)
    module = types.ModuleType(f"{program}_on_{framework}")
    sys.modules[module.__name__] = module  # where pickle and typing look its classes up
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def run(program: str, framework: str, dtype: str, folder: Path, function: str = "main") -> dict:
    """What `function` of the program returns, as numbers, run with `dtype` as the default one."""
    package = importlib.import_module(framework)
    before = package.get_default_dtype()
    package.set_default_dtype(getattr(package, dtype))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return numbers(getattr(loaded(program, framework), function)(str(folder)))
    finally:
        package.set_default_dtype(before)


def numbers(value):
    """`value` in JSON's types: of an array the shape, the sum and a product with random numbers."""
    if isinstance(value, dict):
        return {str(k): numbers(v) for k, v in value.items()}
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        draw = np.random.default_rng(zlib.crc32(str(value.shape).encode()))
        x = value.astype(np.float64)
        return [*value.shape, float(x.sum()), float((x * draw.normal(size=x.shape)).sum())]
    if isinstance(value, (list, tuple)):
        return [numbers(v) for v in value]
    return value
