"""Decode, calibrate, combine, flag cosmic rays: beside NumPy, ccdproc and astroscrappy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.race import Case, available, present
from benchmarks.scene import Scene
from pogson.steps.calibrate.camera import Camera
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.cosmics import flag_cosmics
from pogson.steps.calibrate.masters import make_bias
from pogson.steps.calibrate.overscan import stored_adu


def cases(scene: Scene) -> Iterator[Case]:
    """Tasks from stored numbers to calibrated pixels."""
    raw, masters = scene.raw, scene.night.masters
    known, stored = raw.exposure, raw.pixels.view(">i2")
    ny, nx = known.shape
    found = masters.match(known)
    bias, dark, flat = found.bias, found.dark, found.flat
    gain, read, scale = known.gain, known.read_noise, found.dark_scale

    def adu() -> np.ndarray:
        return stored.astype(np.float32) + np.float32(raw.zero)

    def numpy_way() -> tuple[np.ndarray, ...]:
        above = (adu() - bias.data) * np.float32(gain)
        data = (above - np.float32(scale * gain) * dark.data) / flat.data
        planes = np.float32(gain**2) * (bias.variance + np.float32(scale**2) * dark.variance)
        light = np.maximum(above, 0) + np.float32(read**2 + gain**2 / 12) + planes
        variance = (light + data**2 * flat.variance) / flat.data**2
        mask = bias.mask | dark.mask | flat.mask | (adu() >= known.saturation) * np.uint16(4)
        return data, variance, mask

    peer = _ccdproc(scene) if present("ccdproc") else None
    yield Case("decode 16 bits to float32", lambda: stored_adu(raw, (0, ny, 0, nx)), {"numpy": adu})
    yield Case(
        "decode and calibrate: data, variance, mask",
        lambda: calibrate_frame(raw, masters, cosmics=False),
        {"numpy": numpy_way, **({"ccdproc": peer[0]} if peer else {})},
    )
    camera = Camera(gain, read_noise=read)
    yield Case(
        f"combine {len(scene.biases)} biases, outliers rejected",
        lambda: make_bias(scene.biases, camera),
        {"ccdproc": peer[1]} if peer else {},
        "ccdproc clips at a multiple of the scatter that a pixel's few values show; of five values "
        "none can lie beyond 2 sigma, so that a limit of 4 rejects nothing.",
    )
    yield from _cosmics(scene)


def _ccdproc(scene: Scene):
    import ccdproc
    from astropy import units as u
    from astropy.nddata import CCDData, StdDevUncertainty

    known = scene.raw.exposure
    found = scene.night.masters.match(known)
    units = {"bias": u.adu, "dark": u.adu, "flat": u.one}
    planes = {
        m.kind: CCDData(m.data, unit=units[m.kind], uncertainty=StdDevUncertainty(np.sqrt(m.variance)))
        for m in (found.bias, found.dark, found.flat)
    }
    times = {"dark_exposure": found.dark.exptime * u.s, "data_exposure": known.exptime * u.s}
    gain = known.gain * u.electron / u.adu
    stored = scene.raw.pixels.view(">i2")
    stack = [CCDData(r.adu(), unit="adu") for r in scene.biases]

    def calibrate():
        light = CCDData(stored.astype(np.float32) + np.float32(scene.raw.zero), unit="adu")
        light = ccdproc.create_deviation(light, gain=gain, readnoise=known.read_noise * u.electron)
        light = ccdproc.subtract_bias(light, planes["bias"])
        light = ccdproc.subtract_dark(light, planes["dark"], scale=True, **times)
        light = ccdproc.gain_correct(light, gain)
        return ccdproc.flat_correct(light, planes["flat"], norm_value=1.0)

    def combine():
        combiner = ccdproc.Combiner(stack)
        combiner.sigma_clipping(low_thresh=4, high_thresh=4)
        return combiner.average_combine()

    return calibrate, combine


def _cosmics(scene: Scene) -> Iterator[Case]:
    frame, read = scene.frame, scene.raw.exposure.read_noise

    def scrappy():
        import astroscrappy

        limits = {"sigclip": 5.0, "objlim": 5.0, "sigfrac": 0.4, "satlevel": 1e9}
        return astroscrappy.detect_cosmics(frame.data, niter=4, gain=1.0, readnoise=read, **limits)

    yield Case(
        "flag cosmic rays, up to 4 rounds",
        lambda: flag_cosmics(frame),
        available(astroscrappy=scrappy),
        "astroscrappy guesses the noise from a median of the image, and also returns an image without"
        " the hits.",
    )
