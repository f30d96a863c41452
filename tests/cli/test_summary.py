"""minitorch-cnn summary."""

import pytest


def test_the_table_ends_with_the_totals(command):
    said = command("summary", "lenet5")
    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0].split()[0] == "layer"
    assert "60,000" in lines[-1]


def test_the_model_is_built_for_the_channels_of_the_input_shape(command):
    grey = command("summary", "lenet5_relu").out.splitlines()[-1]
    colour = command("summary", "lenet5_relu", "--input-shape", "3x32x32").out.splitlines()[-1]
    assert "61,706" in grey and "62,006" in colour  # 6 kernels of 5 x 5 for each of 2 more channels


def test_images_that_do_not_fit_the_model_are_refused(refused):
    message = refused("summary", "lenet5", "--input-shape", "1x28x28")
    assert "lenet5 cannot take images of 1x28x28" in message and "32, 32" in message


@pytest.mark.parametrize("shape", ["32", "32x32", "1x32x0", "1xAx32", "-1x32x32", "1x1x32x32", ""])
def test_a_shape_that_is_none_is_refused(refused, shape):
    assert "must be CHANNELSxHEIGHTxWIDTH" in refused("summary", "lenet5", f"--input-shape={shape}")


def test_an_unknown_model_is_refused_with_the_nearest_known_one(refused):
    assert "the nearest is 'lenet5'" in refused("summary", "lenet6")


@pytest.mark.parametrize(
    "name, start", [("markdown", "| layer |"), ("csv", "name,type"), ("latex", "% 60,000 param")]
)
def test_the_summary_can_be_printed_for_other_programs(command, name, start):
    said = command("summary", "lenet5", "--format", name)
    assert said.code == 0 and said.out.startswith(start)
