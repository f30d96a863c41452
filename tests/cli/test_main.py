"""The command as a whole: help, exit codes, and one sentence for what goes wrong."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from minitorch_cnn.cli import models
from minitorch_cnn.cli.main import command_parser, sentence
from tests.interpreter import ROOT, python


def start(*arguments, **settings) -> subprocess.Popen:
    """`python -m minitorch_cnn` with the arguments, as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "minitorch_cnn", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, **settings)


def help_of(command: str, capsys) -> str:
    with pytest.raises(SystemExit) as end:
        command_parser().parse_args([*filter(None, [command]), "--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_without_arguments_it_prints_its_help(command, capsys):
    said = command()
    assert said == (0, help_of("", capsys), "")


@pytest.mark.parametrize(
    "name", ["", "train", "evaluate", "predict", "models", "summary", "search"]
)
def test_every_help_has_examples_that_can_be_run_as_they_stand(name, capsys):
    examples = re.findall(r"^  minitorch-cnn (.*?)(?:   .*)?$", help_of(name, capsys), re.M)
    assert examples
    for example in examples:
        options = command_parser().parse_args(shlex.split(example))
        assert callable(options.run)


@pytest.mark.parametrize("arguments", [["trian"], ["--bogus"], ["models", "a", "b"], ["predict"]])
def test_what_cannot_be_parsed_is_refused_with_the_place_of_help(refused, arguments):
    assert re.search(r"\(see minitorch-cnn( \w+)? --help\)$", refused(*arguments).strip())


def test_options_cannot_be_abbreviated(refused):
    assert "--input" in refused("summary", "lenet5", "--input", "1x32x32")


@pytest.mark.parametrize(
    "error, text",
    [
        (ValueError("conv2d: groups=3 must\n   divide"), "groups=3 must divide"),
        (RuntimeError("fit: step 3: is not finite"), "step 3: is not finite"),
        (FileNotFoundError(2, "No such file", "a.png"), "a.png: No such file"),
        (OSError(28, "cannot write a.csv: disk full"), "cannot write a.csv: disk full"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_becomes_one_sentence_without_the_name_of_a_function(error, text):
    assert sentence(error) == text


def test_a_fault_of_the_program_keeps_its_traceback(command, monkeypatch):
    def faulty(options):
        raise ZeroDivisionError

    monkeypatch.setattr(models, "run", faulty)
    with pytest.raises(ZeroDivisionError):
        command("models")


def test_ctrl_c_ends_in_one_sentence_with_code_130(command, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "run", interrupted)
    assert command("models") == (130, "", "minitorch-cnn: interrupted\n")


def test_it_runs_as_a_module_and_passes_the_exit_code_on():
    process = start("models", "lenet5")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and b"60,000" in out and err == b""
    process = start("summary", "lenet6")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2 and out == b"" and err.count(b"\n") == 1


def test_a_reader_who_has_had_enough_is_no_error():
    process = start("models")
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


def test_the_parser_loads_neither_training_nor_models(tmp_path):
    code = """if True:
        import sys
        from minitorch_cnn.cli.main import command_parser
        command_parser()
        print(*[name for name in sys.modules if name.startswith("minitorch_cnn.")])
    """
    loaded = python(code, tmp_path).split()
    assert not {"minitorch_cnn.training", "minitorch_cnn.models", "minitorch_cnn.data"} & {*loaded}
