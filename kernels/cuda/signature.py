"""Parses the parameters of CUDA kernels from .cu texts, and checks the arguments of calls."""

import ast
import re
from collections.abc import Mapping
from functools import lru_cache
from operator import add, floordiv, mul, sub
from typing import NamedTuple

import numpy as np

TYPES = {
    "bool": np.bool_,
    "char": np.int8,
    "signed char": np.int8,
    "unsigned char": np.uint8,
    "short": np.int16,
    "unsigned short": np.uint16,
    "int": np.int32,
    "unsigned": np.uint32,
    "unsigned int": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "float": np.float32,
    "double": np.float64,
}
REALS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+'
    r"(?:__launch_bounds__\s*\((?P<bounds>(?:[^()]|\([^()]*\))*)\)\s*)?"
    r"(?P<name>\w+)\s*\((?P<parameters>[^)]*)\)"
)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
CONSTANT = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+([^\n]+)$", re.MULTILINE)


class Parameter(NamedTuple):
    """One parameter of a kernel: a pointer to elements of a type, or a value of the type."""

    name: str
    dtype: np.dtype
    is_array: bool
    is_const: bool

    def __str__(self):
        return f"{self.name} ({'array of ' * self.is_array}{self.dtype})"


class Signature(NamedTuple):
    """A kernel's name, its parameters and the maximum number of threads in a block."""

    name: str
    parameters: tuple[Parameter, ...]
    threads: int


def signatures(text: str, defines: Mapping[str, str]) -> dict[str, Signature]:
    """The signatures of the kernels in a .cu text, for its -D settings.

    Raises TypeError for a parameter whose type is not among TYPES.
    """
    text = COMMENT.sub(" ", text)
    constants = dict(CONSTANT.findall(text)) | dict(defines)
    found = {}
    for match in KERNEL.finditer(text):
        name = match["name"]
        parameters = (_parameter(name, part, constants) for part in match["parameters"].split(","))
        bounds = (match["bounds"] or "1024").split(",")[0]
        found[name] = Signature(name, tuple(parameters), _count(bounds, constants))
    return found


def _parameter(kernel: str, text: str, constants: Mapping[str, str]) -> Parameter:
    *words, name = [word for word in re.findall(r"\w+|\*", text) if word != "__restrict__"]
    if name == "*":  # a parameter that the kernel does not name
        words.append(name)
    kind = " ".join(word for word in words if word not in ("const", "*"))
    while kind in constants:
        kind = constants[kind]
    if kind not in TYPES:
        raise TypeError(f"{kernel}: parameter '{text.strip()}' must be of {', '.join(TYPES)}")
    return Parameter(name, np.dtype(TYPES[kind]), "*" in words, "const" in words)


def _count(text: str, constants: Mapping[str, str]) -> int:
    """The value of an integer expression of constants; 1024 for any other expression."""
    for _ in range(8):  # constants may refer to other constants
        text = re.sub(r"[A-Za-z_]\w*", lambda word: str(constants.get(word[0], word[0])), text)
    if not re.fullmatch(r"[\d\s()*/+-]+", text):
        return 1024
    return _value(ast.parse(text.strip(), mode="eval").body)


OPERATIONS = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: floordiv}


def _value(node: ast.expr) -> int:
    """The value of a sum, difference, product or quotient of non-negative integers."""
    if isinstance(node, ast.BinOp):
        return OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    return ast.literal_eval(node)


def check_arguments(signature: Signature, args: tuple, array_type: type) -> None:
    """Raise TypeError or ValueError, naming kernel and parameter, if args do not match.

    An array must be of the type `array_type`, C-contiguous and of the parameter's dtype; None is a
    null pointer. A value must be a NumPy scalar of the parameter's type, since C does not convert
    it.
    """
    name, parameters = signature.name, signature.parameters
    if len(args) != len(parameters):
        wanted = ", ".join(map(str, parameters))
        raise TypeError(f"{name}: {len(args)} arguments for {len(parameters)} parameters {wanted}")
    for parameter, arg in zip(parameters, args, strict=True):
        if not parameter.is_array:
            _check_value(name, parameter, arg)
        elif arg is not None:
            what = f"{name}: parameter {parameter}"
            if not isinstance(arg, array_type) or arg.dtype != parameter.dtype:
                raise TypeError(f"{what} must be given such an array, not {_kind(arg)}")
            if not arg.flags.c_contiguous:
                raise ValueError(f"{what} must be C-contiguous, not of strides {arg.strides}")


def check_values(signature: Signature, values: tuple) -> None:
    """Raise TypeError, naming kernel and parameter, for values that `check_arguments` refuses.

    Raises TypeError, too, for a kernel with an array after a value: arrays must come first.
    """
    order = [parameter.is_array for parameter in signature.parameters]
    if order != sorted(order, reverse=True):
        raise TypeError(f"{signature.name}: an array comes after a value, so no launch is planned")
    parameters = [parameter for parameter in signature.parameters if not parameter.is_array]
    if len(values) != len(parameters):
        wanted = ", ".join(map(str, parameters))
        raise TypeError(
            f"{signature.name}: {len(values)} values for {len(parameters)} parameters {wanted}"
        )
    for parameter, value in zip(parameters, values, strict=True):
        _check_value(signature.name, parameter, value)


def _check_value(name: str, parameter: Parameter, value) -> None:
    if not isinstance(value, np.generic) or value.dtype != parameter.dtype:
        raise TypeError(
            f"{name}: parameter {parameter} must be given a numpy.{parameter.dtype}, "
            f"not {_kind(value)}"
        )


def _kind(arg) -> str:
    dtype = f" of {arg.dtype}" if hasattr(arg, "dtype") else ""
    return f"a {type(arg).__name__}{dtype}"


@lru_cache
def real(dtype: np.dtype) -> str:
    """The name of a dtype in C: "float" or "double". Raises TypeError for any other dtype."""
    if np.dtype(dtype) not in REALS:
        raise TypeError(f"real: dtype={np.dtype(dtype)} must be float32 or float64")
    return REALS[np.dtype(dtype)]
