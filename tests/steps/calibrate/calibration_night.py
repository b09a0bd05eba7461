"""A small night with known truth: raw frames as a camera writes them."""

from dataclasses import dataclass, field

import numpy as np

from pogson.core.frame import Exposure, RawFrame
from pogson.steps.calibrate.camera import Camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.masters import make_bias, make_dark, make_flat


@dataclass
class Night:
    """Truth: electrons per second of dark, relative response, ADU of bias; and the noise of the camera."""

    seed: int = 1
    shape: tuple = (128, 160)
    gain: float = 1.5
    read_noise: float = 6.0
    dark_rate: float = 0.5
    bias_level: float = 1000.0
    saturation: float = 60000.0
    count: int = field(default=0, init=False)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        ny, nx = self.shape
        y, x = np.mgrid[:ny, :nx]
        self.bias = self.bias_level + 3.0 * np.sin(x / 9.0) + self.rng.normal(0, 1, self.shape)
        self.dark = self.dark_rate * self.rng.gamma(4.0, 0.25, self.shape)
        vignette = 1.0 - 0.2 * (((x - nx / 2) / nx) ** 2 + ((y - ny / 2) / ny) ** 2)
        self.flat = vignette * self.rng.normal(1.0, 0.01, self.shape)
        self.flat /= np.median(self.flat)
        self.camera = Camera(
            self.gain, read_noise=self.read_noise, saturation=self.saturation, gain_source="test"
        )

    def raw(self, kind, electrons=0.0, exptime=0.0, **more):
        """One raw frame; `electrons` is the light before the response of the pixels."""
        self.count += 1
        mean = electrons * self.flat + self.dark * exptime
        collected = self.rng.poisson(mean) + self.rng.normal(0.0, self.read_noise, self.shape)
        adu = np.clip(np.rint(collected / self.gain + self.bias), 0, 65535)
        known = {
            "path": f"{kind}{self.count}.fits",
            "kind": kind,
            "band": "r" if kind in ("flat", "light") else "",
            "exptime": exptime,
            "gain": self.gain,
            "read_noise": self.read_noise,
            "saturation": self.saturation,
            "temperature": -20.0,
            "shape": self.shape,
        } | more
        return stored(adu, Exposure(**known))

    def biases(self, n):
        return [self.raw("bias") for _ in range(n)]

    def darks(self, n, exptime=100.0):
        return [self.raw("dark", 0.0, exptime) for _ in range(n)]

    def flats(self, n, electrons=30000.0, exptime=5.0):
        return [self.raw("flat", electrons * (1 + 0.1 * i / n), exptime) for i in range(n)]


def stored(adu, exposure, **more):
    """Whole numbers as a FITS file stores them: big-endian, 32768 taken off."""
    pixels = (np.asarray(adu).astype(np.int32) - 32768).astype(">i2").view(np.uint16)
    return RawFrame(pixels, exposure, 1.0, 32768.0, swapped=True, **more)


def masters_of(night, n):
    """Bias, dark and flat of n frames each."""
    bias = make_bias(night.biases(n), night.camera)
    dark = make_dark(night.darks(n), bias, night.camera)
    return Masters((bias, dark, make_flat(night.flats(n), bias, dark, night.camera)))
