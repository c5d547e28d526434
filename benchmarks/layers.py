"""Single layers to time: those of ResNet-50 and the wide ones of EfficientNet-Lite0, at 480x640; masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

FIGURE = "3x3 256-256 d2 60x80"
"""The layer that figures of this operator are given for; one of ResNet-50's."""


@dataclass(frozen=True)
class Layer:
    """A convolution of one image, without activation.

    Attributes:
        network: "resnet50" or "lite0".
        height, width: of the input.
        pads: (top, left, bottom, right).
        count: how often it comes in the network.
    """

    network: str
    height: int
    width: int
    in_channels: int
    out_channels: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    depthwise: bool = False
    count: int = 1

    @property
    def name(self) -> str:
        """As in tables: "3x3 256-256 d2 60x80"; height and width are the input's."""
        channels = f"dw {self.in_channels}" if self.depthwise else f"{self.in_channels}-{self.out_channels}"
        steps = f" s{self.stride}" * (self.stride > 1) + f" d{self.dilation}" * (self.dilation > 1)
        return f"{self.kernel}x{self.kernel} {channels}{steps} {self.height}x{self.width}"

    @property
    def attributes(self) -> dict[str, Any]:
        """As of ONNX's Conv and of PerforatedConv."""
        return {
            "strides": [self.stride] * 2,
            "dilations": [self.dilation] * 2,
            "pads": list(self.pads),
            "group": self.groups,
        }

    @property
    def groups(self) -> int:
        """1, or the channels of a depthwise layer."""
        return self.in_channels if self.depthwise else 1

    @property
    def out_size(self) -> tuple[int, int]:
        """(height, width) of the output."""
        reach = self.dilation * (self.kernel - 1) + 1
        top, left, bottom, right = self.pads
        return (
            (self.height + top + bottom - reach) // self.stride + 1,
            (self.width + left + right - reach) // self.stride + 1,
        )

    @property
    def gflop(self) -> float:
        """Computed densely; a multiply-add is two operations."""
        height, width = self.out_size
        return 2e-9 * height * width * self.out_channels * self.kernel**2 * self.in_channels / self.groups

    def gbytes(self, element: int) -> float:
        """Weights, output and what is read of the input, each once, at so many bytes an element."""
        height, width = self.out_size
        weights = self.out_channels * self.kernel**2 * self.in_channels // self.groups
        read = min(self.height * self.width, height * width * self.kernel**2)
        values = weights + read * self.in_channels + height * width * self.out_channels
        return 1e-9 * element * values

    def arrays(self, rng: np.random.Generator) -> tuple[Float, Float, Float]:
        """X [1, H, W, Ci], W [Co, k, k, Ci / group] and B [Co]; outputs are of about unit variance."""
        depth = self.in_channels // self.groups
        shape = (self.out_channels, self.kernel, self.kernel, depth)
        weights = rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(self.kernel**2 * depth))
        X = rng.standard_normal((1, self.height, self.width, self.in_channels), np.float32)
        return X, weights, rng.standard_normal(self.out_channels, np.float32)


def _resnet50() -> Iterator[Layer]:
    """Every distinct layer of ResNet-50 at output stride 8, the stride in the first 1x1 of a stage."""
    yield Layer("resnet50", 480, 640, 3, 64, 7, 2, pads=(3,) * 4)
    height, width, channels = 120, 160, 64
    for middle, blocks, stride, dilation in ((64, 3, 1, 1), (128, 4, 2, 1), (256, 6, 1, 2), (512, 3, 1, 4)):
        out = 4 * middle
        yield Layer("resnet50", height, width, channels, middle, stride=stride)
        if channels != middle:
            yield Layer("resnet50", height, width, channels, out, stride=stride)
        height, width = height // stride, width // stride
        yield Layer("resnet50", height, width, middle, middle, 3, 1, dilation, (dilation,) * 4, count=blocks)
        # In the first stage the shortcut has the shape of the last 1x1s.
        yield Layer("resnet50", height, width, middle, out, count=blocks + (channels == middle))
        yield Layer("resnet50", height, width, out, middle, count=blocks - 1)
        channels = out


LITE0 = (
    Layer("lite0", 480, 640, 3, 32, 3, 2, pads=(0, 0, 1, 1)),
    Layer("lite0", 240, 320, 16, 96),
    Layer("lite0", 240, 320, 96, 96, 3, 2, pads=(0, 0, 1, 1), depthwise=True),
    Layer("lite0", 60, 80, 40, 240),
    Layer("lite0", 60, 80, 128, 64),
    Layer("lite0", 30, 40, 192, 1152),
    Layer("lite0", 30, 40, 1152, 192),
    Layer("lite0", 30, 40, 1152, 1152, 5, pads=(2,) * 4, depthwise=True),
)
LAYERS = (*_resnet50(), *LITE0)


def mask(kind: str, density: float, layer: Layer) -> Bool:
    """bool [1, Ho, Wo] with that share of pixels, to the pixel. "smooth" has blobs, like a learnt gate."""
    height, width = layer.out_size
    scores = np.random.default_rng(1).standard_normal((height, width))
    if kind == "smooth":
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
        scores = np.fft.ifft2(np.fft.fft2(scores) * np.exp(-((frequency * 24) ** 2))).real
    chosen = np.argsort(scores, axis=None)[::-1][: round(density * scores.size)]
    result = np.zeros(scores.size, np.bool_)
    result[chosen] = True
    return result.reshape(1, height, width)
