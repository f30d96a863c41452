"""The command as a whole: help, exit codes, and one sentence for what goes wrong."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

import minitorch_cnn as mt
from minitorch_cnn.cli import main, models
from minitorch_cnn.cli.main import command_parser, sentence
from minitorch_cnn.nas.settings import settings_of
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


COMMANDS = ["train", "evaluate", "predict", "models", "summary", "compare", "analyse", "explore"]
COMMANDS += ["search", "course", "export"]


def examples_in(text: str) -> list[str]:
    return re.findall(r"^  minitorch-cnn (.*?)(?:   .*)?$", text, re.M)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_help_has_examples_that_can_be_run_as_they_stand(name, capsys, tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text("def Net(): pass\ndef make(width): pass\n")
    monkeypatch.chdir(tmp_path)
    examples = examples_in(help_of(name, capsys))
    assert examples
    for example in examples:
        options = command_parser().parse_args(shlex.split(example))
        assert callable(options.run)
        subject = getattr(options, "model", None) or getattr(options, "subject", None)
        if getattr(options, "what", None) == "claims":
            assert subject is None or subject in mt.analysis.CLAIMS
            continue
        model = model_of_example(subject)
        if model is not None:
            with mt.nn.shapes_only():  # which refuses settings that the model does not have
                net = mt.models.create_model(model, **dict(getattr(options, "set", None) or ()))
            layer = getattr(options, "layer", None)
            assert layer is None or layer in dict(net.named_modules())


def model_of_example(subject: str | None) -> str | None:
    """The model of an example's run, MODEL-DATA, or the registered one that it names."""
    if subject is None or ".py" in subject or subject.endswith(".onnx"):
        return None
    run = re.fullmatch(r"runs/(\w+)-([\w-]+)", subject)
    if run is None:
        return None if subject.startswith("runs/") else subject
    assert run[2] in mt.training.SOURCES
    return run[1]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_option_that_a_help_mentions_is_one(name, capsys):
    known = {word for command in COMMANDS for word in options_of(command)} | {"--version"}
    words = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", help_of(name, capsys)))
    assert words - {"--prefix"} <= known


def options_of(command: str) -> list[str]:
    """The options of a command."""
    (commands,) = (a.choices for a in command_parser()._actions if isinstance(a.choices, dict))
    return [word for action in commands[command]._actions for word in action.option_strings]


def test_the_help_of_search_has_each_setting_with_its_default(capsys):
    text = help_of("search", capsys)
    for name, build in {**mt.nas.SPACES, **mt.nas.METHODS}.items():
        block = re.search(rf"^  {name} .*?(?=^  \w|^$)", text, re.M | re.S)[0]
        said = dict(re.findall(r"(\w+)=(\S+)", block))
        settings = {k: v for k, v in settings_of(build).items() if k != "operations"}
        assert said.keys() - {"operations"} == settings.keys()
        assert {k: json.loads(said[k]) for k in settings} == json.loads(json.dumps(settings))


@pytest.mark.parametrize("arguments", [["trian"], ["--bogus"], ["models", "a", "b"], ["predict"]])
def test_what_cannot_be_parsed_is_refused_with_the_place_of_help(refused, arguments):
    assert re.search(r"\(see minitorch-cnn( \w+)? --help\)$", refused(*arguments).strip())


def test_what_lacks_is_said_where_nothing_is_misspelt(refused):
    assert "arguments are required: DIR, IMAGE" in refused("predict", "--top", "3")
    assert "there is no model ''" in refused("train", "")
    assert "--data must be one of digits" in refused("train", "lenet5", "--data", "")


def test_options_cannot_be_abbreviated(refused):
    assert "--input" in refused("summary", "lenet5", "--input", "1x32x32")


@pytest.mark.parametrize(
    "error, text",
    [
        (ValueError("conv2d: groups=3 must\n   divide"), "groups=3 must divide"),
        (RuntimeError("fit: step 3: is not finite"), "step 3: is not finite"),
        (FileNotFoundError(2, "No such file", "a.png"), "a.png: No such file"),
        (OSError(28, "cannot write a.csv: disk full"), "cannot write a.csv: disk full"),
        (KeyError("fit: there is no 'x'"), "there is no 'x'"),
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
    assert capsys.readouterr().out == f"minitorch-cnn {mt.__version__}\n"


@pytest.mark.parametrize(
    "arguments, near",
    [
        (["trian"], "train"),
        (["--versoin"], "--version"),
        (["predict", "--tpo", "3"], "--top"),
        (["train", "lenet5", "--epoch", "3"], "--epochs"),
        (["train", "lenet5", "--plian"], "--plain"),
        (["train", "lenet5", "--data", "digit"], "digits"),
        (["train", "lenet5", "--optimizer", "adamw", "--lr", "1"], "AdamW"),
        (["train", "lenet5", "--optimizer", "sgdd", "--lr", "1"], "SGD"),
        (["train", "lenet5", "--device", "cude"], "cuda"),
        (["train", "resnet18", "--set", "widht=1"], "width"),
        (["summary", "resnet18", "--set", "widht=1"], "width"),
        (["compare", "resnet18", "--set", "widht=1"], "width"),
        (["explore", "resnet18", "--set", "widht=1"], "width"),
        (["analyse", "maps", "resnet18", "--set", "widht=1"], "width"),
        (["predict", "lenet6", "3.png"], "lenet5"),
        (["evaluate", "LeNet5"], "lenet5"),
        (["explore", "lenet"], "lenet5"),
        (["analyse", "maps", "lenet5relu"], "lenet5_relu"),
        (
            ["analyse", "degradation", "plain20_cifar", "--against", "plain65_cifar"],
            "plain56_cifar",
        ),
        (["evaluate", "lenet5", "--data", "digit", "--weights", "x.pth"], "digits"),
        (["search", "--space", "layers", "--space-set", "layer=2"], "layers"),
        (["search", "--space-set", "operation=[]"], "operations"),
        (["search", "--method-set", "bach=3"], "batch"),
        (["search", "--method", "evolution", "--method-set", "populaton=3"], "population"),
        (["search", "--space", "cell"], "cells"),
        (["search", "--method", "evolutoin"], "evolution"),
        (["analyse", "lesion", "lenet5"], "lesions"),
        (["analyse", "maps", "lenet5", "--layer", "conv1"], "c1"),
        (["summary", "lenet5", "--format", "tabel"], "table"),
    ],
)
def test_a_name_that_is_not_known_is_refused_with_the_nearest(arguments, near, command):
    said = command(*arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert f"the nearest is {near!r}" in said.err and "__init__" not in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "runs/lenet5-digit", "3.png"],
        ["predict", "lenet5-digits", "3.png"],
        ["evaluate", "runs/lenet-digits"],
        ["explore", "runs/lenet5-digist"],
        ["analyse", "maps", "lenet5_digits"],
        ["train", "--resume", "runs/lenet5"],
        ["train", "vgg16", "--set", "width=0.1", "--size", 32, "--start", "runs/lenet5"],
    ],
)
def test_a_run_that_is_not_there_is_refused_with_the_nearest(
    arguments, command, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "lenet5-digits"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    said = command(*arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert os.path.join("runs", "lenet5-digits") in said.err.partition("the nearest is ")[2]


def test_a_file_that_is_not_there_is_refused_with_the_nearest(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("names.txt", "lenet5.pth", "net.py", "photo.png"):
        (tmp_path / name).touch()
    weights = ["evaluate", "lenet5", "--data", "digits", "--weights"]
    for arguments, near in (
        ([*weights, "lenet5.pt"], "lenet5.pth"),
        ([*weights, "lenet5.pth", "--classes", "name.txt"], "names.txt"),
        (["summary", "nets.py:Net"], "net.py"),
        (["explore", "lenet5", "--image", "foto.png"], "photo.png"),
    ):
        assert f"the nearest is {near!r}" in refused(*arguments)


@pytest.mark.parametrize(
    "arguments, rule",
    [
        (
            ["compare", "lenet5", "--plot", "folder"],
            "--plot: folder is a folder, it must be a file",
        ),
        (["compare", "lenet5", "--plot", "no/x.png"], "no/x.png must be in an existing folder"),
        (["compare", "lenet5", "--plot", "x"], "--plot x must end in one of .avif, "),
        (["compare", "lenet5", "--plot", "x.foo"], "--plot x.foo must end in one of "),
        (["analyse", "maps", "lenet5", "--plot", "x.foo"], "must end in one of .avif, "),
        (["analyse", "graph", "lenet5", "--plot", "x.png"], "must end in one of .svg, .dot, .gv"),
        (["analyse", "convolution", "lenet5", "--plot", "x"], "must end in one of .gif, .avif, "),
        (["explore", "lenet5", "--out", "folder"], "--out: folder is a folder, it must be a file"),
        (["explore", "lenet5", "--out", "no/x.html"], "must be in an existing folder"),
        (["predict", "run", "x.png", "--csv", "folder"], "--csv: folder is a folder"),
        (
            ["predict", "run", "x.png", "--saw", "file.txt"],
            "file.txt is a file, it must be a folder",
        ),
        (
            ["predict", "run", "x.png", "--out", "file.txt/x"],
            "file.txt is a file, it must be a fol",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_computed(
    arguments, rule, command, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").touch()
    said = command(*arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1) and rule in said.err
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file.txt"}


@pytest.mark.parametrize(
    "arguments, rule",
    [
        (
            ["predict", "run/config.json", "x.png"],
            "it must be the folder of a run; did you mean",
        ),
        (["evaluate", "photo.png"], "photo.png is a file, it must be the folder of a run"),
        (["summary", "run"], "run is the folder of a run, it must be the name of a model"),
        (
            ["compare", "lenet5", "run"],
            "run is the folder of a run, it must be the name of a model",
        ),
        (["train", "lenet5", "--data", "photos"], "--data folder photos takes the images in it"),
        (
            ["train", "lenet5", "--data", "folder", "photoz"],
            "no folder photoz; the nearest is 'photos'",
        ),
        (
            ["train", "lenet5", "--data", "folder", "photo.png"],
            "photo.png is a file, it must be a fold",
        ),
        (["search", "--data", "mnist", "photo.png"], "photo.png is a file, it must be a folder"),
        (["explore", "lenet5", "--image", "photos"], "photos: Is a directory"),
        (["train", "lenet5", "--size", "3"], "size=3 must be at least 24, the pixels of an image"),
        (
            ["analyse", "signals", "lenet5", "--set", "num_classes=3"],
            "labels of its images go up to 9",
        ),
        (["summary", "lenet5", "--set", "num_classes=x"], "num_classes='x' must be an integer"),
        (["summary", "vgg11", "--set", "width=x"], "width='x' must be a number above 0"),
        (["compare", "vgg11", "--set", "dropout=x"], "vgg11 cannot be made with dropout='x': "),
    ],
)
def test_what_is_of_another_kind_than_is_wanted_is_refused_by_its_kind(
    arguments, rule, command, tmp_path, monkeypatch
):
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    for folder in ("run", "photos"):
        (tmp_path / folder).mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    (tmp_path / "photo.png").touch()
    said = command(*arguments)
    assert (said.code, said.out) == (2, "") and rule in said.err and "Traceback" not in said.err


def test_no_command_reads_another_setting_than_the_models_as_a_fault(refused, tmp_path):
    for given, rule in (
        ("foo=1", "resnet18 has no setting 'foo'"),
        ("width=many", "width='many' must be a number"),
        ('width={"a": 1}', "width={'a': 1} must be a number"),
    ):
        arguments = ["train", "resnet18", "--set", given, "--out", tmp_path / "run"]
        assert rule in refused(*arguments)
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
