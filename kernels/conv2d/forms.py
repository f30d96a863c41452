"""The form in which NumPy computes a convolution: im2col.py runs it, cost.py counts its work."""

DEPTHWISE, COVERED, COLUMNS = "depthwise", "covered", "columns"


def form_of(window, size, groups: int, channels: int) -> str:
    """The form for images of `size` (H, W) and groups of `channels` input channels.

    Groups of one channel are too thin for products, also where the kernel covers the image.
    """
    if groups > 1 and channels == 1:
        return DEPTHWISE
    return COVERED if window.covers(*size) else COLUMNS
