"""Rearrangements of channels: pixel_shuffle, its inverse pixel_unshuffle, and channel_shuffle."""

from __future__ import annotations

from ..tensor.tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Rearrange groups of r*r channels into r by r pixels (Shi et al. 2016, equation 4).

    x (*, C r^2, H, W), r = upscale_factor -> y (*, C, H r, W r)
    y[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w]

    Raises: ValueError if r < 1, x has fewer than 3 axes or r^2 does not divide its channels.
    """
    r = upscale_factor
    _check_image("pixel_shuffle", input, upscale_factor=r)
    *batch, channels, height, width = input.shape
    if channels % (r * r):
        raise ValueError(
            f"pixel_shuffle: upscale_factor={r} squared must divide input's {channels} channels"
        )
    n, c = len(batch), channels // (r * r)
    x = input.reshape((*batch, c, r, r, height, width))
    x = x.permute((*range(n), n, n + 3, n + 1, n + 4, n + 2))  # (*, C, H, r, W, r)
    return x.reshape((*batch, c, height * r, width * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of pixel_shuffle: r by r pixels become r*r channels.

    x (*, C, H r, W r), r = downscale_factor -> y (*, C r^2, H, W)

    Raises: ValueError if r < 1, x has fewer than 3 axes or r does not divide its height and width.
    """
    r = downscale_factor
    _check_image("pixel_unshuffle", input, downscale_factor=r)
    *batch, channels, height, width = input.shape
    if height % r or width % r:
        raise ValueError(
            f"pixel_unshuffle: downscale_factor={r} must divide input's size {(height, width)}"
        )
    n = len(batch)
    x = input.reshape((*batch, channels, height // r, r, width // r, r))
    x = x.permute((*range(n), n, n + 2, n + 4, n + 1, n + 3))  # (*, C, r, r, H, W)
    return x.reshape((*batch, channels * r * r, height // r, width // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Interleave the channels of `groups` groups (Zhang et al. 2018, ShuffleNet, figure 1).

    x (N, C, *), g = groups -> y (N, C, *), y[:, j g + i] = x[:, i C/g + j]

    Raises: ValueError if x has fewer than 3 axes or groups does not divide its channels.
    """
    if input.ndim < 3:
        raise ValueError(
            f"channel_shuffle: input of shape {input.shape} must be (N, C, *) with 3 axes or more"
        )
    n, c, *space = input.shape
    if groups < 1 or c % groups:
        raise ValueError(
            f"channel_shuffle: groups={groups} must be positive and divide input's {c} channels"
        )
    x = input.reshape((n, groups, c // groups, *space))
    return x.transpose(1, 2).reshape(input.shape)


def _check_image(name: str, input: Tensor, **factor: int) -> None:
    ((argument, r),) = factor.items()
    if input.ndim < 3:
        raise ValueError(
            f"{name}: input of shape {input.shape} must be (*, C, H, W) with 3 axes or more"
        )
    if r < 1:
        raise ValueError(f"{name}: {argument}={r} must be positive")
