"""The tests of compiled inference are tested: faults planted into its passes must be caught."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

pytest.importorskip("numba")

import minitorch_cnn as mt
from minitorch_cnn.compiler import compiled, plan, program
from tests.compiler import test_compiled
from tests.compiler.test_compiled import Mixed, Weighted, agree, prepared


def many_layers():
    mt.manual_seed(0)
    agree(prepared(Mixed()), 20 * mt.randn(2, 3, 17, 23))


def weights_of_weights():
    mt.manual_seed(0)
    agree(Weighted().eval(), mt.randn(2, 3, 6, 8))


def changes():
    test_compiled.test_weights_modules_and_hooks_that_change_are_noticed()


class Fault(NamedTuple):
    """`right` becomes `wrong` in a file of the compiler, in what it calls `name`; a check fails."""

    file: str
    name: str
    right: str
    wrong: str
    check: object


FAULTS = {
    "an activation dropped as an identity": Fault(
        "passes.drop", "drop_identities",
        '("Identity", "Dropout")', '("Identity", "Dropout", "LeakyRelu")', many_layers,
    ),
    "the mean forgotten in a folded batch norm": Fault(
        "passes.fold", "fold_batch_norm",
        "(bias - mean) * scale", "bias * scale", many_layers,
    ),
    "a node that depends on an input taken for a constant": Fault(
        "passes.constants", "fold_constants",
        "all(name in constants for name in node.inputs if name)", "node.operator == 'Abs' or "
        "any(name in constants for name in node.inputs if name)", weights_of_weights,
    ),
    "a flat image read in another order": Fault(
        "passes.dense", "dense_as_convolutions",
        "w.reshape(O, *shape[1:])", "w.reshape(O, *shape[1:][::-1]).transpose(0, 3, 2, 1).copy()",
        weights_of_weights,
    ),
    "a bias that a product behind it does not reach": Fault(
        "passes.affine", "fold_affine",
        "bias * affine.scale + affine.shift", "bias + affine.shift", weights_of_weights,
    ),
    "a sum instead of a mean over windows": Fault(
        "passes.affine", "fold_affine",
        "affine.scale / np.prod(kernel)", "affine.scale", weights_of_weights,
    ),
    "the upper bound of a fused clip forgotten": Fault(
        "steps", "fused",
        "low=low, high=high)", "low=low)", many_layers,
    ),
    "a concatenation of parts that end within a block": Fault(
        "choice", "Choice",
        "% self.lanes == 0", "% 1 == 0", many_layers,
    ),
    "a bias that is not packed with its weights": Fault(
        "plan", "plan",
        "kernels.pack_bias(bias,", "kernels.pack_bias(None,", many_layers,
    ),
    "a border narrower than what a convolution reads": Fault(
        "plan", "plan",
        "(max(before[0], *pads[0]), max(before[1], *pads[1]))", "before", many_layers,
    ),
    "arrays share memory at the step that reads the one and writes the other": Fault(
        "memory", "planned",
        "other.first <= life.last and life.first <= other.last",
        "other.first < life.last and life.first < other.last", many_layers,
    ),
    "versions of weights not compared": Fault(
        "state", "State",
        "list(map(_count, self._counters)) == self._counts", "True", changes,
    ),
    "the mode of the model's parts not compared": Fault(
        "state", "State",
        'not any(map(dict.get, self._dicts, repeat("training")))', "True",
        test_compiled.test_one_module_in_training_mode_makes_the_model_run_itself,
    ),
    "hooks not compared": Fault(
        "state", "State",
        "and not any(self._empty)", "", changes,
    ),
    "modules not compared": Fault(
        "state", "State",
        "_same(chain.from_iterable(map(dict.values, self._full)), self._members)", "True", changes,
    ),
}  # fmt: skip


def plant(monkeypatch, fault):
    module = import_module(f"minitorch_cnn.compiler.{fault.file}")
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert source.count(fault.right) == 1, f"{fault.file} has changed: plant the fault anew"
    faulty = ModuleType(module.__name__)
    faulty.__package__ = module.__package__
    monkeypatch.setitem(__import__("sys").modules, module.__name__, faulty)
    exec(source.replace(fault.right, fault.wrong), vars(faulty))
    wrong = getattr(faulty, fault.name)
    if fault.file.startswith("passes."):
        passes = [wrong if f.__name__ == fault.name else f for f in compiled.PASSES]
        monkeypatch.setattr(compiled, "PASSES", tuple(passes))
    else:
        monkeypatch.setattr(compiled if fault.file == "state" else plan, fault.name, wrong)
    if fault.file == "plan":  # a program knows the entries of its plan by their class
        monkeypatch.setattr(program, "Entry", faulty.Entry)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_planted_fault_is_caught(monkeypatch, fault):
    plant(monkeypatch, fault)
    with pytest.raises((AssertionError, KeyError, RuntimeError, ValueError)):
        fault.check()


@pytest.mark.parametrize("check", dict.fromkeys(fault.check for fault in FAULTS.values()))
def test_without_a_fault_nothing_is_caught(check):
    check()
