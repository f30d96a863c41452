"""The command as a whole: help, exit codes, and one sentence for what goes wrong."""

import os
import re
import shlex
import subprocess
import sys

import pytest

import minitorch_cnn
from minitorch_cnn.cli import main, models
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
def test_every_help_has_examples_that_can_be_run_as_they_stand(name, capsys, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("def Net(): pass\ndef make(width): pass\n")
    monkeypatch.chdir(tmp_path)
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


@pytest.mark.parametrize(
    "arguments, ends",
    [
        ("models", ">&-"),
        ("summary lenet6", "2>&-"),
        ("", ">&- 2>&-"),
        ("models", "| head -n 1"),
        ("--help", "2>&1 | head -n 1"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX closes the streams")
def test_nobody_who_reads_is_no_fault(arguments, ends):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = f"{shlex.quote(sys.executable)} -m minitorch_cnn {arguments} {ends}"
    said = subprocess.run(line, shell=True, env=environment, capture_output=True, check=False)
    assert b"Traceback" not in said.stderr and b"Exception" not in said.stderr
    if "|" not in ends:
        assert said.returncode == (2 if arguments.endswith("6") else 0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_output_that_cannot_be_written_is_told_once():
    command = [sys.executable, "-m", "minitorch_cnn", "models"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open("/dev/full", "w") as full:
        said = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert said.returncode == 2
    assert said.stderr == b"minitorch-cnn: No space left on device\n"


def test_the_version_is_said(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"minitorch-cnn {minitorch_cnn.__version__}\n"


@pytest.mark.parametrize(
    "arguments, near",
    [
        (["trian"], "train"),
        (["train", "lenet5", "--epoch", "3"], "--epochs"),
        (["train", "lenet5", "--plian"], "--plain"),
        (["train", "lenet5", "--data", "digit"], "digits"),
        (["train", "lenet5", "--optimizer", "adamw", "--lr", "1"], "AdamW"),
        (["train", "resnet18", "--set", "widht=1"], "width"),
        (["search", "--space", "cell"], "cells"),
        (["search", "--method", "evolutoin"], "evolution"),
        (["analyse", "lesion", "lenet5"], "lesions"),
        (["analyse", "maps", "lenet5", "--layer", "conv1"], "c1"),
        (["summary", "lenet5", "--format", "tabel"], "table"),
    ],
)
def test_a_name_that_is_not_known_is_refused_with_the_nearest(arguments, near, refused):
    assert f"the nearest is {near!r}" in refused(*arguments)


def test_no_command_reads_another_setting_than_the_models_as_a_fault(refused, tmp_path):
    for given in ("foo=1", "width=many", 'width={"a": 1}'):
        arguments = ["train", "resnet18", "--set", given, "--out", tmp_path / "run"]
        assert "resnet18" in refused(*arguments)
    assert not (tmp_path / "run").exists()


def test_the_parser_loads_neither_training_nor_models(tmp_path):
    code = """if True:
        import sys
        from minitorch_cnn.cli.main import command_parser
        command_parser()
        print(*[name for name in sys.modules if name.startswith("minitorch_cnn.")])
    """
    loaded = python(code, tmp_path).split()
    assert not {"minitorch_cnn.training", "minitorch_cnn.models", "minitorch_cnn.data"} & {*loaded}
