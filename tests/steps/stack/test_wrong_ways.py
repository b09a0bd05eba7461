"""A published lab of 13 frames, its wrong numbers reproduced beside the right ones."""

import numpy as np
import pytest
from astropy import units
from astropy.nddata import CCDData
from astropy.table import Table

from pogson.core.frame import Frame
from pogson.core.transform import Transform
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.stack.coadd import coadd
from pogson.steps.stack.layer import Layer, SkyMesh
from pogson.steps.stack.scale import fit_scale

SKY = 110.47  # ADU per pixel: 138818 in an aperture of 20 px
STAR = 138818 / 0.126 - 138818  # the star's own light, so that the published ratio comes out
PRINTED = [0.126, 0.125, 0.125, 0.997, 0.991, 1.000, 1, 0.989, 0.980, 0.990, 0.984, 0.968, 0.976]
AT = np.array([(60.0, 60.0), (150.0, 60.0), (60.0, 150.0), (150.0, 150.0), (105.0, 210.0)])
SHIFTS = [(0, 0), (2, 1), (1, 1)] + [(43, -5)] * 5 + [(43, -6)] * 5


def frames():
    dice = np.random.default_rng(13)
    y, x = np.mgrid[0:240, 0:260]
    out = []
    for dx, dy in SHIFTS:
        light = np.full(x.shape, SKY)
        for sx, sy in AT:
            light = light + STAR / (2 * np.pi * 16) * np.exp(-((x - sx - dx) ** 2 + (y - sy - dy) ** 2) / 32)
        out.append(Frame.from_array(dice.poisson(light), variance=light))
    return out


@pytest.fixture(scope="module")
def thirteen():
    return frames()


def sum_at(image, xy, radius=20):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([image[np.hypot(x - a, y - b) < radius].sum() for a, b in xy])


def fluxes(frame, transform):
    field = Table({"id": np.arange(5), "x": AT[:, 0], "y": AT[:, 1], "flux": np.full(5, STAR)})
    timed = Frame(frame.data, frame.variance, frame.mask, frame.exposure.with_values("test", exptime=30.0))
    return measure_aperture(
        timed,
        field,
        at=transform,
        fwhm=9.4,
        radius_pixels=20,
        annulus_inner_pixels=28,
        annulus_outer_pixels=36,
    )


def maps():
    return [Transform(np.array([[1.0, 0, dx], [0, 1.0, dy]])) for dx, dy in SHIFTS]


def test_sums_with_sky_at_unshifted_places_give_scales_of_an_eighth_ours_are_one(thirteen):
    sums = [sum_at(frame.data, AT) for frame in thirteen]
    wrong = [np.median(sums[6] / s) for s in sums]
    assert wrong[0] == pytest.approx(0.126, abs=0.003)
    np.testing.assert_allclose(wrong[:3], PRINTED[:3], atol=0.005)
    assert np.allclose(wrong[3:], 1.0, atol=0.02)  # blank sky over blank sky
    tables = [fluxes(f, t) for f, t in zip(thirteen, maps(), strict=True)]
    for table in tables[:6] + tables[7:]:
        scale = fit_scale(table, tables[6])
        assert scale.value == pytest.approx(1.0, abs=4 * scale.err)
        assert scale.err < 0.002


def test_the_printed_scales_lose_a_fifth_of_the_flux_ours_none(thirteen):
    assert np.mean(PRINTED) == pytest.approx(0.7885, abs=1e-4)
    aligned = [
        np.roll(f.data - SKY, (-dy, -dx), (0, 1)) * k
        for f, (dx, dy), k in zip(thirteen, SHIFTS, PRINTED, strict=True)
    ]
    wrong = sum_at(np.mean(aligned, axis=0), AT).mean() / STAR
    assert wrong == pytest.approx(0.7885, abs=0.003)
    layers = [Layer.of_frame(f, t, sky=SkyMesh.constant(SKY)) for f, t in zip(thirteen, maps(), strict=True)]
    right = sum_at(coadd(layers, thirteen[0].shape).data, AT).mean() / STAR
    assert right == pytest.approx(1.0, abs=0.001)


def test_padding_of_minus_thousand_times_an_eighth_passes_the_clip_ours_is_coverage(thirteen):
    padded = (-1000.0 - SKY) * 0.126
    assert padded == pytest.approx(-140, abs=8) and padded > -500  # so the lower clip keeps it
    layers = [Layer.of_frame(f, t, sky=SkyMesh.constant(SKY)) for f, t in zip(thirteen, maps(), strict=True)]
    stack = coadd(layers, thirteen[0].shape, method="mean")
    corner = stack.data[5:200, -40:]
    assert stack.coverage[100, -1] == 1 and stack.coverage[100, 100] == 13
    assert corner.min() > -60  # noise of the frames that are there, nothing else
    assert abs(np.median(corner)) < 1


def test_a_scale_with_a_unit_makes_adu_squared_ours_has_none():
    image = CCDData(np.ones((2, 2)), unit="adu")
    assert image.multiply(0.126 * units.adu).unit == units.adu**2
    table = Table({"flux": [10.0], "flux_err": [0.1], "flags": [0]})
    assert isinstance(fit_scale(table, table).value, float)


def test_one_low_and_one_high_is_hardly_an_average_three_and_three_is_what_was_meant(thirteen):
    same = [Transform.identity()] * 13
    dice = np.random.default_rng(1)
    blank = [Frame.from_array(dice.normal(0, 5, (80, 80)), variance=25.0) for _ in range(13)]
    for frame in blank[:2]:
        frame.data[40, 40] = 3000.0  # hit twice
    layers = [Layer.of_frame(f, t) for f, t in zip(blank, same, strict=True)]
    truthy = coadd(layers, (80, 80), method="minmax", reject_low=1, reject_high=1)
    meant = coadd(layers, (80, 80), method="minmax", reject_low=3, reject_high=3)
    assert truthy.data[40, 40] > 200 and abs(meant.data[40, 40]) < 10
    mean = coadd(layers, (80, 80), method="mean")
    assert np.std((truthy.data - mean.data)[:30]) < 0.3 * np.std(mean.data[:30])


def test_the_median_is_noisier_than_the_mean_by_a_quarter():
    dice = np.random.default_rng(2)
    blank = [Frame.from_array(dice.normal(0, 5, (200, 200)), variance=25.0) for _ in range(13)]
    layers = [Layer.of_frame(f, Transform.identity()) for f in blank]
    noise = {m: np.std(coadd(layers, (200, 200), method=m).data) for m in ("mean", "median")}
    assert noise["mean"] == pytest.approx(5 / np.sqrt(13), rel=0.02)
    assert noise["median"] / noise["mean"] == pytest.approx(1.23, abs=0.02)  # 1.2533 for many frames
