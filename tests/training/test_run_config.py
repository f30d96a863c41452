"""config.json is checked before it is used."""

import dataclasses
import json

import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import load_checkpoint, make_config, resume_run, save_checkpoint
from minitorch_cnn.training import run as run_module
from minitorch_cnn.training.config_checks import check_net
from minitorch_cnn.training.loop import Loop
from minitorch_cnn.training.run import load_run
from minitorch_cnn.training.run_config import RunConfig, read_config


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that was stopped at its first checkpoint."""
    directory = tmp_path_factory.mktemp("runs") / "run"

    def stop(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Loop, "all_epochs", stop)
        run_module.train_run(
            make_config("resnet18", size=32, model_settings={"width": 0.1}),
            directory,
            progress="none",
        )
    return directory


def edited(directory, to, change):
    """A copy of the folder, its description or checkpoint changed by a function."""
    to.mkdir()
    config = json.loads((directory / "config.json").read_text())
    state = load_checkpoint(directory / "checkpoint.safetensors")
    change(config, state)
    (to / "config.json").write_text(json.dumps(config))
    save_checkpoint(to / "checkpoint.safetensors", state)
    mt.save({}, to / "weights.safetensors")
    return to


@pytest.mark.parametrize(
    "name, value",
    [
        ("classes", 5),
        ("classes", []),
        ("classes", [1, 2]),
        ("classes", "ab"),
        ("channels", "1"),
        ("channels", 0),
        ("size", None),
        ("size", -1),
        ("model", ["resnet18"]),
        ("model", "resnet"),
        ("model_settings", 3),
        ("model_settings", {"width": "wide"}),
        ("model_settings", {"widht": 1}),
        ("data", 7),
        ("data", "digit"),
        ("path", 3),
        ("seed", "x"),
        ("seed", True),
        ("test_path", 3),
        ("weights", 3),
        ("parts", 3),
        ("recipe", []),
        ("recipe", {"epoch": 3}),
    ],
)
def test_a_description_of_other_values_is_refused(stopped, tmp_path, name, value):
    run = edited(stopped, tmp_path / "run", lambda config, _: config.update({name: value}))
    with pytest.raises(ValueError, match=r"config\.json|^load_source: "):
        resume_run(run, progress="none")
    if name not in ("data", "path"):
        with pytest.raises(ValueError, match=r"config\.json is not the description of a run"):
            load_run(run)


@pytest.mark.parametrize(
    "name, value",
    [
        ("epochs", "3"),
        ("epochs", 1.5),
        ("batch_size", None),
        ("batch_size", 0),
        ("settings", {"lr": "fast"}),
        ("settings", {"speed": 1}),
        ("settings", {"lr": True}),
        ("settings", {}),
        ("schedule", "cosine"),
        ("schedule", {}),
        ("mean", 0.5),
        ("mean", ["x"]),
        ("std", [0]),
        ("warm_up", 3),
        ("border", "4"),
        ("flip", "yes"),
        ("scales", [1]),
        ("average", "0.9"),
        ("clip_norm", [1]),
        ("optimizer", 3),
        ("undecayed", 4),
    ],
)
def test_a_recipe_of_other_values_is_refused(stopped, tmp_path, name, value):
    run = edited(
        stopped, tmp_path / "run", lambda config, _: config["recipe"].update({name: value})
    )
    with pytest.raises(ValueError, match=r"config\.json is not the description of a run"):
        resume_run(run, progress="none")


@pytest.mark.parametrize(
    "change",
    [
        {"path": None},
        {"parts": {}},
        {"parts": {"train": 3, "test": []}},
        {"parts": {"train": ["a/1.png"], "test": [None]}},
    ],
)
def test_a_run_on_a_folder_has_its_path_and_names_of_files(stopped, tmp_path, change):
    folder = {"data": "folder", "path": str(tmp_path)}
    run = edited(stopped, tmp_path / "run", lambda config, _: config.update({**folder, **change}))
    with pytest.raises(ValueError, match=r"config\.json is not the description of a run"):
        read_config(run)


def test_a_description_may_begin_with_the_mark_of_utf_8(stopped):
    path = stopped / "config.json"
    before = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + before)
    try:
        assert read_config(stopped) == RunConfig.from_json(before)
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_a_file_that_is_no_description_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json is not the description of a run"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("model"),
        lambda state: state.pop("random"),
        lambda state: state.update(model=None),
        lambda state: state.update(model=[1]),
        lambda state: state["model"].popitem(),
        lambda state: state.update(optimizer={}),
        lambda state: state.update(optimizer=7),
        lambda state: state.update(scheduler={}),
        lambda state: state.update(train={}),
        lambda state: state.update(train={**state["train"], "samples": 3}),
        lambda state: state.update(step="x"),
        lambda state: state.update(step=-1),
        lambda state: state.update(history=7),
        lambda state: state.update(history=[7]),
        lambda state: state.update(history=[{}]),
        lambda state: state.update(random=3),
        lambda state: state.update(seconds=None),
        lambda state: state.update(loss_weight=-1),
        lambda state: state.update(seen="4"),
        lambda state: state.update(metrics=7),
    ],
)
def test_a_checkpoint_that_was_edited_is_refused(stopped, tmp_path, change):
    run = edited(stopped, tmp_path / "run", lambda _, state: change(state))
    with pytest.raises(ValueError, match=r"^fit: cannot resume from .*checkpoint\.safetensors: "):
        resume_run(run, progress="none")


@pytest.mark.parametrize(
    "state", ["{", "[" * 100_000, '{"$tensor": "none"}', '{"$tensor": []}', "[]", '{"$items": 3}']
)
def test_a_checkpoint_whose_state_is_none_is_refused(tmp_path, state):
    path = tmp_path / "c.safetensors"
    mt.save({}, path, {"format": "minitorch_cnn checkpoint 1", "state": state})
    with pytest.raises(ValueError, match=r"^load_checkpoint: .*/c\.safetensors is damaged or was"):
        load_checkpoint(path)


def test_weights_of_another_model_are_refused_by_their_file(stopped, tmp_path):
    run = edited(stopped, tmp_path / "run", lambda *_: None)
    with pytest.raises(ValueError, match=r"^load_run: .*weights\.safetensors is not of this run"):
        load_run(run)


@pytest.mark.parametrize("place", ["../model.py", "modules/../../x.py", "/etc/x.py", "other.py"])
def test_files_outside_a_run_are_none_of_its_net(place):
    net = {"file": "net.py", "name": "Net", "sha256": {"model.py": "0", "modules/a.py": "0"}}
    check_net(net)
    net["sha256"][place] = "0"
    with pytest.raises(TypeError, match="which does not belong to a run"):
        check_net(net)
    with pytest.raises(TypeError, match=r"must have file, name and the sha256 of model\.py"):
        check_net({**net, "name": None})


def test_a_description_goes_through_json_and_cannot_be_changed():
    config = make_config("lenet5", seed=3, size=32, model_settings={"output": "linear"}, epochs=2)
    again = RunConfig.from_json(config.to_json())
    assert again == config and again.recipe == config.recipe and again.recipe.epochs == 2
    assert again.to_json() == config.to_json()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 4


def test_what_older_versions_wrote_still_loads():
    """They had neither parts nor style, and wrote null for files that were not given."""
    content = json.loads(make_config("lenet5").to_json())
    content |= {"test_path": None, "weights": None, "classes": ["a", "b"], "channels": 1}
    config = RunConfig.from_json(json.dumps(content))
    assert (config.weights, config.parts, config.style) == (None, None, None)
    assert (config.classes, config.channels, config.input_size) == (["a", "b"], 1, 32)
