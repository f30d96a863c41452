"""Names of classes in all common file formats."""

import json

import pytest

from minitorch_cnn.training import read_classes
from minitorch_cnn.training.class_files import read_synsets

TWO = ["cat", "dog"]
FORMS = {
    "lines": "cat\ndog",
    "empty lines": "\ncat\n\ndog\n\n\n",
    "Windows' lines": "cat\r\ndog\r\n",
    "spaces": "  cat  \n\tdog\n",
    "JSON": '["cat", "dog"]',
    "JSON with spaces": ' \n["cat",\n "dog"]\n',
    "numbers in JSON": '{"1": "dog", "0": "cat"}',
    "ImageNet's index": '{"0": ["n1", "cat"], "1": ["n2", "dog"]}',
    "a dict of Python": "{0: 'cat',\n 1: 'dog'}",
    "a dict of Python, mixed": "{1: 'dog', '0': \"cat\",}",
    "a list of Python": "['cat', 'dog',]",
    "a tuple of Python": "('cat', 'dog')",
    "WordNet's numbers": "n01440764 cat\nn01443537 dog",
    "WordNet's numbers and tabs": "n01440764\tcat\nn01443537\tdog\n",
    "WordNet's numbers and commas": "n01440764,cat\nn01443537: dog\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_names_come_in_all_common_forms(tmp_path, text, encoding):
    (tmp_path / "names").write_bytes(text.encode(encoding))
    assert read_classes(tmp_path / "names") == TWO


def test_big_endian_letters_are_read_by_their_mark(tmp_path):
    (tmp_path / "names").write_bytes(b"\xfe\xff" + "größe\nx".encode("utf-16-be"))
    assert read_classes(tmp_path / "names") == ["größe", "x"]


def test_names_of_many_words_and_twice_stay_as_they_are(tmp_path):
    """ImageNet has two cranes and two maillots."""
    names = ["tench, Tinca tinca", "crane", "crane", "n01", "don't {it}"]
    for text in ("\n".join(names), json.dumps(names), repr(names), repr(dict(enumerate(names)))):
        (tmp_path / "names").write_text(text)
        assert read_classes(tmp_path / "names") == names


def test_a_name_may_begin_with_a_bracket(tmp_path):
    (tmp_path / "names").write_text("(none)\ncat\n")
    assert read_classes(tmp_path / "names") == ["(none)", "cat"]


def test_bare_numbers_of_wordnet_are_names(tmp_path):
    (tmp_path / "names").write_text("n01440764\nn01443537\n")
    assert read_classes(tmp_path / "names") == ["n01440764", "n01443537"]


WRONG = {
    "nothing": (b"", "must hold the names"),
    "a mark and nothing": (b"\xef\xbb\xbf\n", "must hold the names"),
    "an empty list": (b"[]", "must hold the names"),
    "numbers": (b"[1, 2]", "must hold the names"),
    "an empty name": (b'["a", ""]', "must hold the names"),
    "lists of lists": (b'[["a"], [["b"]]]', "must hold the names"),
    "a gap": (b'{"0": "a", "2": "b"}', 'must have the keys "0", "1", ...'),
    "from 1 on": (b"{1: 'a', 2: 'b'}", 'must have the keys "0", "1", ...'),
    "a key twice": (b"{0: 'a', '0': 'b'}", 'must have the keys "0", "1", ...'),
    "names to numbers": (b'{"a": 0}', 'must have the keys "0", "1", ...'),
    "a call": (b"{0: __import__('os').getcwd()}", "begins like JSON or a dict of Python"),
    "half a list": (b'["a", "b"', "begins like JSON or a dict of Python"),
    "Latin-1": ("größe\n".encode("latin-1"), "must be text in UTF-8; byte 2 is 0xf6"),
    "half a letter": (b"\xff\xfea\0b", "must be text in UTF-8"),
    "bytes of zero": (b"a\0b\0", "it has bytes of zero"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", "must be text"),
    "deep JSON": (b"[" * 100_000, "nested too deeply|begins like"),
    "a web page": (b"<!DOCTYPE html>\n<html>", "is a web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of git LFS"),
    "too long": (b"a\n" * 2**21 + b"a", "4194305 bytes, too many for names"),
}


@pytest.mark.parametrize("content, reason", WRONG.values(), ids=WRONG)
def test_what_names_no_classes_is_refused(tmp_path, content, reason):
    (tmp_path / "names").write_bytes(content)
    with pytest.raises(ValueError, match=f"^read_classes: .*names.* ?({reason})"):
        read_classes(tmp_path / "names")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^read_classes: there is no file .*none"):
        read_classes(tmp_path / "none")


@pytest.mark.parametrize(
    "text, numbers",
    [
        ("n01440764 tench\nn01443537 fish", ["n01440764", "n01443537"]),
        ('{"1": ["n01443537", "fish"], "0": ["n01440764", "tench"]}', ["n01440764", "n01443537"]),
        ("n01440764\n", ["n01440764"]),
        ("n01440764 tench\nfish", None),
        ('["cat", "dog"]', None),
    ],
)
def test_the_numbers_of_wordnet_are_read_where_all_classes_have_one(text, numbers, tmp_path):
    (tmp_path / "names").write_text(text)
    assert read_synsets(tmp_path / "names") == numbers


@pytest.mark.parametrize("text", ["names = {0: 'a', 1: 'b'}", "CLASSES=['a', 'b']"])
def test_names_may_be_assigned_as_in_a_file_of_python(tmp_path, text):
    (tmp_path / "names").write_text(text)
    assert read_classes(tmp_path / "names") == ["a", "b"]


@pytest.mark.parametrize("text", ['{"0": "a", "0": "b"}', "{0: 'a', 0: 'b'}"])
def test_a_number_with_two_names_is_refused(tmp_path, text):
    (tmp_path / "names").write_text(text)
    with pytest.raises(ValueError, match=r"names has the key '?0'? twice"):
        read_classes(tmp_path / "names")
