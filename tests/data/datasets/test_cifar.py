"""CIFAR-10 and CIFAR-100 from binary and Python files."""

import pickle
import struct

import numpy as np
import pytest

from minitorch_cnn.data.datasets import CIFAR10, CIFAR100

RECORDS = 7  # in each file, where the real ones have 10,000 or 50,000
NAMES10 = [f"class{i}" for i in range(10)]
NAMES100 = [f"fine{i}" for i in range(100)]
NAMES20 = [f"coarse{i}" for i in range(20)]


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    for kind in (CIFAR10, CIFAR100):
        monkeypatch.setattr(kind, "TRAIN_RECORDS", RECORDS)
        monkeypatch.setattr(kind, "TEST_RECORDS", RECORDS)


def python2(value):
    """A pickle as Python 2 wrote it, in protocol 2 with byte strings."""
    return b"\x80\x02" + _python2(value) + b"."


def _python2(value):
    if isinstance(value, dict):
        items = b"".join(_python2(key) + _python2(item) for key, item in value.items())
        return b"}(" + items + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_python2, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_python2, value)) + b"t"
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    dtype = b"cnumpy\ndtype\n" + _python2((b"u1", 0, 1)) + b"R"
    dtype += (
        b"("
        + _python2(3)
        + _python2(b"|")
        + b"NNN"
        + _python2(-1)
        + _python2(-1)
        + _python2(0)
        + b"tb"
    )
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
    made += _python2((0,)) + _python2(b"b") + b"tR"
    return (
        made
        + b"("
        + _python2(1)
        + _python2(value.shape)
        + dtype
        + b"\x89"
        + _python2(value.tobytes())
        + b"tb"
    )


def records(seed, classes):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (RECORDS, 3072), dtype=np.uint8), rng.integers(0, classes, RECORDS)


def write10(folder, version):
    """A CIFAR-10 folder; returns the training images and labels, and those of the test."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    parts = [records(seed, 10) for seed in range(6)]
    for name, (pixels, labels) in zip(names, parts, strict=True):
        if version == "binary":
            content = np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1)
            (folder / f"{name}.bin").write_bytes(content.tobytes())
        else:
            content = {b"batch_label": b"x", b"labels": labels.tolist(), b"data": pixels}
            (folder / name).write_bytes(python2(content))
    if version == "binary":
        (folder / "batches.meta.txt").write_text("\n".join(NAMES10) + "\n\n")
    else:
        meta = {b"label_names": [name.encode() for name in NAMES10], b"num_vis": 3072}
        (folder / "batches.meta").write_bytes(python2(meta))
    pixels, labels = (np.concatenate(part) for part in zip(*parts[:5], strict=True))
    return (pixels, labels), parts[5]


def write100(folder, version):
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": records(1, 100), "test": records(2, 100)}
    for name, (pixels, labels) in parts.items():
        coarse = labels // 5
        if version == "binary":
            head = np.stack([coarse, labels], axis=1).astype(np.uint8)
            (folder / f"{name}.bin").write_bytes(np.concatenate([head, pixels], axis=1).tobytes())
        else:
            content = {
                b"coarse_labels": coarse.tolist(),
                b"fine_labels": labels.tolist(),
                b"data": pixels,
            }
            (folder / name).write_bytes(python2(content))
    if version == "binary":
        (folder / "fine_label_names.txt").write_text("\n".join(NAMES100))
        (folder / "coarse_label_names.txt").write_text("\n".join(NAMES20))
    else:
        meta = {
            b"fine_label_names": [name.encode() for name in NAMES100],
            b"coarse_label_names": [name.encode() for name in NAMES20],
        }
        (folder / "meta").write_bytes(python2(meta))
    return parts["train"], parts["test"]


CASES = [
    (CIFAR10, write10, "binary", "cifar-10-batches-bin"),
    (CIFAR10, write10, "python", "cifar-10-batches-py"),
    (CIFAR100, write100, "binary", "cifar-100-binary"),
    (CIFAR100, write100, "python", "cifar-100-python"),
]


@pytest.mark.parametrize(("kind", "write", "version", "folder"), CASES)
@pytest.mark.parametrize("inner", [False, True])
def test_images_labels_and_names_are_read(tmp_path, kind, write, version, folder, inner):
    parts = write(tmp_path / folder if inner else tmp_path, version)
    for train, (pixels, labels) in zip((True, False), parts, strict=True):
        dataset = kind(tmp_path, train)
        np.testing.assert_array_equal(dataset.images, pixels.reshape(-1, 3, 32, 32))
        np.testing.assert_array_equal(dataset.labels, labels)
        assert dataset.images.dtype == np.uint8 and dataset.labels.dtype == np.int64
        assert dataset.classes == (NAMES10 if kind is CIFAR10 else NAMES100)
    image, label = dataset[2]
    assert image.shape == (3, 32, 32) and image.dtype == np.float32 and label == labels[2]
    np.testing.assert_allclose(image.ravel() * 255, pixels[2], rtol=1e-6)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
def test_missing_files_are_named_with_their_source(tmp_path, kind):
    with pytest.raises(
        FileNotFoundError, match=f"^{kind.__name__}: get .*cs.toronto.edu.*cifar-10"
    ):
        kind(tmp_path)


def test_the_real_files_have_ten_and_fifty_thousand_records(tmp_path, monkeypatch):
    write10(tmp_path, "binary")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"data_batch_1.bin has 21511 bytes; expected 30730000"):
        CIFAR10(tmp_path)
    assert (CIFAR100.TRAIN_RECORDS, CIFAR100.TEST_RECORDS) == (50_000, 10_000)


@pytest.mark.parametrize("change", [-1, -3073, 1, -RECORDS * 3073])
def test_a_binary_file_of_another_length_is_refused_by_name(tmp_path, change):
    write10(tmp_path, "binary")
    path = tmp_path / "data_batch_3.bin"
    content = path.read_bytes()
    path.write_bytes(content + b"\0" if change > 0 else content[:change])
    with pytest.raises(
        ValueError, match=f"^read_records: .*data_batch_3.bin has .* expected {RECORDS * 3073}"
    ):
        CIFAR10(tmp_path)


def test_a_label_out_of_range_is_refused_by_name(tmp_path):
    write10(tmp_path, "binary")
    path = tmp_path / "data_batch_2.bin"
    path.write_bytes(b"\x0a" + path.read_bytes()[1:])
    with pytest.raises(
        ValueError, match=r"^CIFAR10: .*data_batch_2.bin has labels \d\.\.10; expected 0\.\.9"
    ):
        CIFAR10(tmp_path)


@pytest.mark.parametrize("version", ["binary", "python"])
def test_the_coarse_labels_are_an_option(tmp_path, version):
    (_, labels), _ = write100(tmp_path, version)
    coarse = CIFAR100(tmp_path, target="coarse")
    np.testing.assert_array_equal(coarse.labels, labels // 5)
    assert coarse.classes == NAMES20
    with pytest.raises(ValueError, match=r"^CIFAR100: target='super' must be one of fine, coarse"):
        CIFAR100(tmp_path, target="super")


PIXELS, LABELS = records(0, 10)
LABELS_OF_ANY_KIND = {
    "list": LABELS.tolist(),
    "tuple": tuple(LABELS.tolist()),
    "numbers of NumPy": list(LABELS),
    **{f"array of {kind}": LABELS.astype(kind) for kind in ("u1", "<i2", ">i4", "i8", "u8")},
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("labels", LABELS_OF_ANY_KIND.values(), ids=LABELS_OF_ANY_KIND)
@pytest.mark.parametrize("text", [str, str.encode])
def test_files_written_anew_are_read(tmp_path, protocol, labels, text):
    write10(tmp_path, "python")
    content = {text("data"): np.asfortranarray(PIXELS), text("labels"): labels}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content, protocol))
    meta = {text("label_names"): [text(name) for name in NAMES10]}
    (tmp_path / "batches.meta").write_bytes(pickle.dumps(meta, protocol))
    dataset = CIFAR10(tmp_path, train=False)
    np.testing.assert_array_equal(dataset.images, PIXELS.reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.classes == NAMES10


BAD_PICKLES = {
    "no data": ({b"labels": LABELS.tolist()}, r"\['labels'\]; expected 'data'"),
    "no labels": ({b"data": PIXELS}, r"expected 'labels'"),
    "short": (
        {b"data": PIXELS[1:], b"labels": LABELS.tolist()},
        r"shape \(6, 3072\); expected \(7, 3072\)",
    ),
    "flat": ({b"data": PIXELS.ravel(), b"labels": LABELS.tolist()}, r"shape \(21504,\)"),
    "bytes": ({b"data": b"abc", b"labels": LABELS.tolist()}, "not an array of uint8"),
    "few labels": ({b"data": PIXELS, b"labels": LABELS.tolist()[1:]}, "6 labels; expected 7"),
    "text labels": ({b"data": PIXELS, b"labels": [b"a"] * RECORDS}, "not a list of integers"),
    "huge labels": ({b"data": PIXELS, b"labels": [2**30] * RECORDS}, "beyond 0..255"),
}


@pytest.mark.parametrize("case", BAD_PICKLES)
def test_a_python_file_with_other_content_is_refused_by_name(tmp_path, case):
    content, message = BAD_PICKLES[case]
    write10(tmp_path, "python")
    (tmp_path / "data_batch_4").write_bytes(python2(content))
    with pytest.raises(ValueError, match=f"^read_pickled: .*data_batch_4 has .*{message}"):
        CIFAR10(tmp_path)


def test_a_python_file_of_floats_is_refused(tmp_path):
    write10(tmp_path, "python")
    content = {"data": PIXELS.astype(np.float32), "labels": LABELS.tolist()}
    (tmp_path / "data_batch_4").write_bytes(pickle.dumps(content, protocol=3))
    with pytest.raises(ValueError, match="not an array of uint8"):
        CIFAR10(tmp_path)


def test_a_truncated_python_file_is_refused_by_name(tmp_path):
    write10(tmp_path, "python")
    path = tmp_path / "data_batch_1"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"^read_array_pickle: .*data_batch_1 is refused"):
        CIFAR10(tmp_path)


def test_a_python_file_with_code_in_it_is_refused_and_nothing_is_executed(tmp_path):
    write10(tmp_path, "python")
    proof = tmp_path / "proof"
    call = b"cio\nopen\n" + _python2((str(proof).encode(), b"w")) + b"R"
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02}(" + _python2(b"data") + call + b"u.")
    with pytest.raises(ValueError, match=r"data_batch_1 is refused: it asks for io\.open"):
        CIFAR10(tmp_path)
    assert not proof.exists()


def test_another_number_of_class_names_is_refused_by_name(tmp_path):
    write10(tmp_path, "binary")
    (tmp_path / "batches.meta.txt").write_text("cat dog")
    with pytest.raises(
        ValueError, match=r"^CIFAR10: .*batches.meta.txt names 2 classes; expected 10"
    ):
        CIFAR10(tmp_path)


@pytest.mark.parametrize(
    "version, name", [("binary", "batches.meta.txt"), ("python", "batches.meta")]
)
def test_names_in_other_letters_than_utf_8_are_refused_by_their_file(tmp_path, version, name):
    write10(tmp_path, version)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(
        content.replace(b"c", b"\xff")
        if version == "binary"
        else python2({b"label_names": [b"\xff"] * 10})
    )
    with pytest.raises(ValueError, match=rf"{name} .*is not UTF-8( text)?: "):
        CIFAR10(tmp_path)


def test_torchvisions_arguments_and_attributes(tmp_path):
    write10(tmp_path, "python")
    dataset = CIFAR10(tmp_path, False, None, lambda label: -label, download=True)
    assert dataset.targets == dataset.labels.tolist()
    assert dataset.data.shape == (len(dataset), 32, 32, 3)
    np.testing.assert_array_equal(dataset.data[1].transpose(2, 0, 1), dataset.images[1])
    assert dataset[1][1] == -dataset.targets[1]


def test_data_and_targets_may_be_written_and_replaced(tmp_path):
    write10(tmp_path, "python")
    dataset = CIFAR10(tmp_path, False)
    dataset.targets[1] = 9
    assert dataset[1][1] == dataset.targets[1] == 9
    kept = dataset.data[2:4]
    dataset.data, dataset.targets = kept, dataset.targets[2:4]
    assert len(dataset) == 2 and dataset.targets == [label for _, label in dataset]
    np.testing.assert_allclose(dataset[1][0] * 255, kept[1].transpose(2, 0, 1), rtol=1e-6)
