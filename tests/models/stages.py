"""What the tests of a family ask of a whole network without running its arithmetic."""

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model


def output_shapes(model, *shape):
    """The shape (C, H, W) of what each module gives, by its name, for an image of that shape."""
    found, handles = {}, []
    for name, module in model.named_modules():

        def note(module, inputs, output, name=name):
            found[name] = output.shape[1:]

        handles.append(module.register_forward_hook(note))
    model.eval()(mt.zeros(0, *shape))
    for handle in handles:
        handle.remove()
    return found


def stages(name, *shape):
    """`output_shapes` of a registered model."""
    with nn.shapes_only():
        return output_shapes(create_model(name), *shape)


def poolings(model):
    """(type, kernel_size, stride, padding, ceil_mode) of every pooling over windows, by name."""
    return {
        name: (type(module), module.kernel_size, module.stride, module.padding, module.ceil_mode)
        for name, module in model.named_modules()
        if isinstance(module, nn.MaxPool2d | nn.AvgPool2d)
    }
