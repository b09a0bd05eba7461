"""Decode, calibrate, combine, and flag cosmic rays: against NumPy, ccdproc and astroscrappy in one run.

python benchmarks/calibrate.py
"""

import time
import warnings

import numpy as np

from pogson.core.frame import Exposure, Frame, Master, RawFrame
from pogson.steps.calibrate.camera import Camera
from pogson.steps.calibrate.collection import Masters
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.calibrate.cosmics import flag_cosmics
from pogson.steps.calibrate.masters import make_bias
from pogson.steps.calibrate.overscan import stored_adu

SHAPE = (1266, 1676)
GAIN, READ = 1.5, 6.0


def best(call, repeat=7):
    """Shortest wall time of a call, ms."""
    times = []
    call()
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000.0 * min(times)


def show(name, ours, others):
    print(
        f"{name:34s} pogson {ours:9.2f} ms   "
        + "   ".join(f"{k} {t:9.2f} ms ({t / ours:.1f} x)" for k, t in others)
    )


def raw_frame(rng, level=2000.0):
    adu = rng.normal(1000 + level, np.sqrt(level / GAIN + 16), SHAPE)
    pixels = (np.rint(adu).astype(np.int32) - 32768).astype(">i2")
    known = Exposure(gain=GAIN, read_noise=READ, exptime=120.0, band="r", shape=SHAPE, saturation=65535.0)
    return RawFrame(pixels.view(np.uint16), known, 1.0, 32768.0, swapped=True), pixels


def masters(rng):
    made = []
    for kind, level, spread in (("bias", 1000, 1), ("dark", 30, 1), ("flat", 1, 0.01)):
        data = rng.normal(level, spread, SHAPE).astype(np.float32)
        variance = np.full(SHAPE, spread**2 / 10, np.float32)
        mask = np.zeros(SHAPE, np.uint16)
        band = "r" if kind == "flat" else ""
        made.append(Master(kind, data, variance, mask, 10, band=band, exptime=100.0, name=kind))
    return Masters(tuple(made))


def numpy_way(stored, bias, dark, flat):
    """The same result, one array operation after the other."""
    adu = stored.astype(np.float32) + np.float32(32768)
    above = (adu - bias.data) * np.float32(GAIN)
    scaled = np.float32(1.2 * GAIN) * dark.data
    data = (above - scaled) / flat.data
    master = np.float32(GAIN**2) * (bias.variance + np.float32(1.44) * dark.variance)
    read = np.float32(READ**2 + GAIN**2 / 12)
    variance = (np.maximum(above, 0) + read + master) / flat.data**2 + data**2 * flat.variance / flat.data**2
    mask = bias.mask | dark.mask | flat.mask | (adu >= 65535).astype(np.uint16) * np.uint16(4)
    return data, variance, mask


def main():
    """Print the table."""
    rng = np.random.default_rng(1)
    raw, stored = raw_frame(rng)
    library = masters(rng)
    bias, dark, flat = library.masters
    whole = (0, SHAPE[0], 0, SHAPE[1])
    print(f"{SHAPE[1]} x {SHAPE[0]} pixels, 16 bits, one thread")
    show(
        "decode to float32",
        best(lambda: stored_adu(raw, whole)),
        [("numpy", best(lambda: stored.astype(np.float32) + np.float32(32768)))],
    )
    others = [("numpy", best(lambda: numpy_way(stored, bias, dark, flat)))]
    flags = lambda: calibrate_frame(raw, library, cosmics=False)  # noqa: E731
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ccdproc
            from astropy import units as u
            from astropy.nddata import CCDData, StdDevUncertainty
        sigma = {m.kind: StdDevUncertainty(np.sqrt(m.variance)) for m in library.masters}
        units = {"bias": u.adu, "dark": u.adu, "flat": u.one}
        planes = {
            m.kind: CCDData(m.data, unit=units[m.kind], uncertainty=sigma[m.kind]) for m in library.masters
        }

        def peer():
            adu = stored.astype(np.float32) + np.float32(32768)
            light = CCDData(adu, unit="adu")
            light = ccdproc.create_deviation(
                light, gain=GAIN * u.electron / u.adu, readnoise=READ * u.electron
            )
            light = ccdproc.subtract_bias(light, planes["bias"])
            light = ccdproc.subtract_dark(
                light, planes["dark"], dark_exposure=100 * u.s, data_exposure=120 * u.s, scale=True
            )
            light = ccdproc.gain_correct(light, GAIN * u.electron / u.adu)
            return ccdproc.flat_correct(light, planes["flat"], norm_value=1.0)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            others.append(("ccdproc", best(peer, 3)))
    except ImportError:
        ccdproc = None
    show("calibrate: data, variance, mask", best(flags), others)

    raws = [raw_frame(rng, 0.0)[0] for _ in range(10)]
    camera = Camera(GAIN, read_noise=READ)
    others = []
    if ccdproc is not None:
        stack = [CCDData(r.adu(), unit="adu") for r in raws]

        def clipped():
            combiner = ccdproc.Combiner(stack)
            combiner.sigma_clipping(low_thresh=4, high_thresh=4)
            return combiner.average_combine()

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            others.append(("ccdproc", best(clipped, 1)))
    show("combine 10 biases, clipped", best(lambda: make_bias(raws, camera), 3), others)

    data = calibrate_frame(raw, library, cosmics=False).data
    hits = rng.integers(3, 1200, (2, 300))
    data[hits[0], hits[1]] += 3000.0
    frame = Frame.from_array(data, variance=np.maximum(data, 0) + READ**2)
    others = []
    try:
        import astroscrappy

        settings = {
            "sigclip": 5.0,
            "objlim": 5.0,
            "sigfrac": 0.4,
            "gain": 1.0,
            "readnoise": READ,
            "satlevel": 1e9,
        }
        others.append(
            ("astroscrappy", best(lambda: astroscrappy.detect_cosmics(data, niter=4, **settings), 2))
        )
    except ImportError:
        pass
    show("cosmic rays, 4 iterations", best(lambda: flag_cosmics(frame)), others)


if __name__ == "__main__":
    main()
