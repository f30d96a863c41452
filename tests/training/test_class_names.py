"""Classes are found by name; an error names missing ones with the nearest."""

import pytest

from minitorch_cnn.training.class_names import difference, match_classes


def test_each_name_has_its_index():
    assert match_classes("f", ["dog", "ant"], ["ant", "cat", "dog"], "file") == [2, 0]


@pytest.mark.parametrize(
    "wanted, words",
    [
        (["cat", "eel", "fox"], r"^f: file has no class 'eel', 'fox'$"),
        (
            ["Cat"],
            r"^f: file has no class 'Cat'; these differ only in case or spaces: 'cat' for 'Cat'$",
        ),
        (["red_fox "], r"these differ only in case or spaces: 'red fox' for 'red_fox '$"),
        (["catt"], r"the nearest to 'catt' is 'cat'$"),
        (["eel"] * 1 + list("abcd"), r"no class 'eel', 'a', 'b' and 2 more"),
        (["crane"], r"^f: file has 'crane' several times$"),
    ],
)
def test_what_does_not_match_is_refused(wanted, words):
    known = ["ant", "cat", "dog", "crane", "crane", "red fox"]
    with pytest.raises(ValueError, match=words):
        match_classes("f", wanted, known, "file")


def test_what_became_of_classes_is_said():
    assert difference(["a", "b"], ["b", "c"]) == "'a' gone and 'c' new"
    assert difference(["a", "b"], ["b", "a"]) == "they are in another order"
