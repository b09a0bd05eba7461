"""Flux scales by differences: right where the seeing changes, and in fields full of stars."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import FrameError
from pogson.core.flags import Pixel, Star
from pogson.core.frame import Exposure, Frame
from pogson.core.transform import Transform
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.stack.coadd import coadd
from pogson.steps.stack.compare import Comparison, _apart
from pogson.steps.stack.layer import Layer
from pogson.steps.stack.scale import fit_scale

SIDE, REACH, FINE = 500, 34, 4


def moffat_light(places, flux, fwhm, beta):
    """Stars with wings, integrated over pixels."""
    image = np.zeros((SIDE + 2 * REACH, SIDE + 2 * REACH))
    core2 = (fwhm / 2) ** 2 / (2 ** (1 / beta) - 1)
    steps = (np.arange((2 * REACH + 1) * FINE) + 0.5) / FINE - 0.5 - REACH
    for (x, y), f in zip(places, flux, strict=True):
        i, j = round(x), round(y)
        gap2 = (steps - (x - i)) ** 2 + ((steps - (y - j)) ** 2)[:, None]
        light = (1 + gap2 / core2) ** -beta * (beta - 1) / (np.pi * core2)
        shape = (2 * REACH + 1, FINE, 2 * REACH + 1, FINE)
        image[j : j + 2 * REACH + 1, i : i + 2 * REACH + 1] += f * light.reshape(shape).mean((1, 3))
    return image[REACH:-REACH, REACH:-REACH]


def frame_of(light, k, dice, sky=200.0):
    data = dice.poisson(k * light + sky) + 5.0 * dice.standard_normal(light.shape)
    exposure = Exposure("a.fits", kind="light", shape=light.shape, exptime=1.0)
    variance = (np.maximum(k * light + sky, 0) + 25).astype(np.float32)
    return Frame(data.astype(np.float32), variance, np.zeros(light.shape, np.uint16), exposure)


def rows_of(frame):
    return lambda y0, y1: (frame.data[y0:y1], frame.variance[y0:y1], frame.mask[y0:y1])


def field_of(places, flux):
    return Table({"id": np.arange(len(flux)), "x": places[:, 0], "y": places[:, 1], "flux": flux,
                  "flags": np.zeros(len(flux), int)})  # fmt: skip


MOVED = Transform(np.array([[1.0, 0.0, 2.3], [0.0, 1.0, -3.6]]))


@pytest.mark.parametrize("beta", [3.5, 4.765])
def test_a_scale_is_right_where_the_seeing_has_changed_and_that_of_fixed_apertures_is_not(beta):
    dice = np.random.default_rng(4)
    places = np.array([(x, y) for x in range(40, 480, 55) for y in range(40, 480, 55)], float)
    places += dice.uniform(-4, 4, places.shape)
    flux = 10 ** dice.uniform(4.3, 5.5, len(places))
    field = field_of(places, flux)
    reference = frame_of(moffat_light(places, flux, 2.5, beta), 1.0, dice)
    moved = np.column_stack(MOVED.apply(*places.T))
    compare = Comparison(rows_of(reference), reference.shape, field, 4.0, beta)
    found, plain = [], []
    for k in (0.6, 0.8, 0.95):
        frame = frame_of(moffat_light(moved, flux, 4.0, beta), k, dice)
        scale = compare.scale(rows_of(frame), frame.shape, MOVED, 4.0 / 2.5)
        assert abs(scale.value - k) < 3.5 * scale.err and scale.err < 0.0015 * k
        found.append(scale.value / k - 1)
        tables = [
            measure_aperture(f, field, at=t, fwhm=4.0, radius=2.0)
            for f, t in ((frame, MOVED), (reference, Transform.identity()))
        ]
        plain.append(fit_scale(*tables).value / k - 1)
    assert np.mean(found) == pytest.approx(0.0, abs=0.001)
    assert np.mean(plain) < (-0.015 if beta == 3.5 else -0.006)


def test_stars_too_faint_to_be_seen_change_no_scale_and_do_where_the_sky_of_each_frame_is_taken():
    dice = np.random.default_rng(5)
    places = dice.uniform(0, SIDE - 1, (2500, 2))
    flux = 10 ** dice.uniform(2.6, 3.5, len(places))
    places[:60] = np.array([(x, y) for x in range(60, 460, 52) for y in range(60, 460, 52)], float)[:60]
    flux[:60] = 10 ** dice.uniform(4.3, 5.0, 60)
    light = moffat_light(places, flux, 3.2, 4.0)
    bright = np.argsort(-flux)[:60]
    field = field_of(places[bright], flux[bright])
    # the same stars, most of them hidden in the noise of the one and not of the other
    reference, frame = frame_of(light, 1.0, dice, sky=6000.0), frame_of(light, 2.0, dice, sky=300.0)
    still = Transform.identity()
    compare = Comparison(rows_of(reference), reference.shape, field, 3.2, 4.0)
    scale = compare.scale(rows_of(frame), frame.shape, still, 1.0)
    assert abs(scale.value - 2.0) < 3.0 * scale.err and scale.err < 0.01
    tables = [measure_aperture(f, field, fwhm=3.2, radius=2.0) for f in (frame, reference)]
    plain = fit_scale(*tables)
    assert plain.value - 2.0 > 3.0 * plain.err


def test_spoiled_stars_and_unusable_pixels_do_not_enter():
    dice = np.random.default_rng(6)
    places = np.array([(x, y) for x in range(60, 460, 60) for y in range(60, 460, 60)], float)
    flux = np.full(len(places), 5e4)
    light = moffat_light(places, flux, 3.0, 4.0)
    reference, frame = (frame_of(light, k, dice) for k in (1.0, 0.7))
    field = field_of(places, flux)
    field["flags"][0] = int(Star.SATURATED)
    compare = Comparison(rows_of(reference), reference.shape, field, 3.0, 4.0)
    mask = frame.mask.copy()
    mask[58:63, 118:123] = np.uint16(Pixel.SATURATED)
    data = frame.data.copy()
    data[58:63, 118:123] = 6e4
    scale = compare.scale(
        lambda y0, y1: (data[y0:y1], frame.variance[y0:y1], mask[y0:y1]),
        frame.shape,
        Transform.identity(),
        1.0,
    )
    assert scale.n == len(places) - 2
    assert scale.value == pytest.approx(0.7, abs=4 * scale.err)


def test_without_an_unspoiled_star_there_is_no_scale():
    dice = np.random.default_rng(7)
    frame = frame_of(np.zeros((SIDE, SIDE)), 1.0, dice)
    field = field_of(np.array([[100.0, 100.0], [300.0, 200.0]]), np.array([1e4, 2e4]))
    with pytest.raises(FrameError, match="no star above the noise"):
        Comparison(rows_of(frame), frame.shape, field, 3.0).scale(
            rows_of(frame), frame.shape, Transform.identity(), 1.0
        )
    field["flags"] = int(Star.SATURATED)
    with pytest.raises(FrameError, match="unspoiled"):
        Comparison(rows_of(frame), frame.shape, field, 3.0)


@pytest.fixture(scope="module")
def unequal_seeing():
    """Frames of one field, whose seeing goes from 2.5 to 4 pixels."""
    dice = np.random.default_rng(8)
    places = np.array([(x, y) for x in range(70, 440, 90) for y in range(70, 440, 90)], float)
    places += dice.uniform(-4, 4, places.shape)
    flux = 10 ** dice.uniform(4.0, 5.3, len(places))
    widths = np.linspace(2.5, 4.0, 9)
    return places, flux, widths, [frame_of(moffat_light(places, flux, w, 4.0), 1.0, dice) for w in widths]


@pytest.mark.parametrize(
    ("method", "low", "high"),
    [
        ("mean", -0.001, 0.001),
        ("weighted_mean", -0.001, 0.001),
        ("kappa_sigma", -0.001, 0.001),
        ("robust", -0.001, 0.001),
        ("median", -0.05, -0.004),
    ],
)
def test_means_keep_the_light_of_stars_whose_seeing_changes_and_medians_do_not(
    unequal_seeing, method, low, high
):
    places, flux, widths, frames = unequal_seeing
    layers = [Layer.of_frame(f, Transform.identity(), fwhm=w) for f, w in zip(frames, widths, strict=True)]
    stack = coadd(layers, frames[0].shape, method=method)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    lost = []
    for (px, py), f in zip(places, flux, strict=True):
        # all frames hold the same light within this radius to 0.02 %
        inside = np.hypot(x - px, y - py) < 30
        every = np.mean([frame.data[inside].sum(dtype=float) for frame in frames])
        lost.append((stack.data[inside].sum(dtype=float) - every) / f)
    assert low < np.average(lost, weights=flux) < high


def test_apertures_of_the_stars_that_are_compared_share_no_pixel():
    dice = np.random.default_rng(4)
    places = dice.uniform(0, 300, (200, 2))
    order = np.argsort(dice.uniform(size=200))
    chosen = _apart(places, order, 20.0, 50)
    gaps = np.hypot(*(places[chosen][:, None] - places[chosen]).T)[~np.eye(len(chosen), dtype=bool)]
    assert chosen[0] == order[0] and 30 < len(chosen) <= 50 and gaps.min() >= 20.0
    assert list(_apart(places, order, 0.0, 5)) == list(order[:5])
    assert len(_apart(places, order[:0], 20.0, 5)) == 0
