"""minitorch-cnn evaluate."""

import shutil


def test_it_finds_the_accuracy_that_training_ended_with(command, trained):
    said = command("evaluate", trained)
    assert said.code == 0
    head = said.out.splitlines()[0]
    last = (trained / "metrics.csv").read_text().splitlines()
    top1 = float(dict(zip(last[0].split(","), last[-1].split(","), strict=True))["test_top1"])
    assert head.startswith("lenet5_relu on the held-out part of folder: accuracy ")
    assert f"accuracy {top1:.2%} ({4 * top1:.0f} of 4 images)" in head


def test_every_class_has_a_line(command, trained):
    lines = command("evaluate", trained).out.splitlines()
    first = lines.index("in each class") + 1
    assert [line.split()[0] for line in lines[first : first + 2]] == ["0", "1"]
    assert all(line.endswith("of 2)") for line in lines[first : first + 2])


def test_a_folder_without_a_run_is_refused(refused, tmp_path):
    assert "holds no run" in refused("evaluate", tmp_path)
    assert "neither a folder of a run nor a model" in refused("evaluate", tmp_path / "nowhere")


def test_a_description_that_is_none_is_refused(refused, trained, tmp_path):
    for content in ("{", "[]", "{}", (trained / "config.json").read_text().replace("lenet", "net")):
        (tmp_path / "config.json").write_text(content)
        assert "is not the description of a run" in refused("evaluate", tmp_path)


def test_a_run_without_weights_is_refused_with_what_to_do(refused, trained, tmp_path):
    shutil.copy(trained / "config.json", tmp_path)
    message = refused("evaluate", tmp_path)
    assert "has no weights yet" in message and "resume" in message


def test_damaged_weights_are_refused(refused, trained, tmp_path):
    shutil.copy(trained / "config.json", tmp_path)
    content = (trained / "weights.safetensors").read_bytes()
    (tmp_path / "weights.safetensors").write_bytes(content[:-1])
    assert "weights.safetensors" in refused("evaluate", tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(b"")
    assert "weights.safetensors" in refused("evaluate", tmp_path)
