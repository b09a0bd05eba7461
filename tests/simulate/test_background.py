"""Moon and Sun brighten the sky by as much as has been measured."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body
from astropy.time import Time

from pogson.core.time import sun_altitude
from pogson.simulate import Recipe, simulate_night
from pogson.simulate.background import moonlight, twilight
from pogson.simulate.variables import site_of

MAUNA_KEA = {"site": {"latitude": 19.83, "longitude": -155.47, "height": 4200.0}}


def published(alpha, rho, z, z_moon, k):
    """Krisciunas & Schaefer 1991, step by step, in nanolamberts."""
    star = 10 ** (-0.4 * (3.84 + 0.026 * alpha + 4e-9 * alpha**4))
    scatter = 10**5.36 * (1.06 + np.cos(np.radians(rho)) ** 2) + 10 ** (6.15 - rho / 40)
    X, X_moon = ((1 - 0.96 * np.sin(np.radians(a)) ** 2) ** -0.5 for a in (z, z_moon))
    return scatter * star * 10 ** (-0.4 * k * X_moon) * (1 - 10 ** (-0.4 * k * X))


@pytest.mark.parametrize("day", [0, 4, 9])
def test_moonlight_is_that_of_the_formula_with_the_moon_where_astropy_sees_it(day):
    recipe = Recipe.from_dict(MAUNA_KEA)
    time = Time("2024-02-16T07:00:00") + day * u.day
    place = EarthLocation.from_geodetic(-155.47, 19.83, 4200.0)
    moon = get_body("moon", time, place)
    sun = get_body("sun", time, place)
    frame = AltAz(obstime=time, location=place)
    target = SkyCoord(100.0, 20.0, unit="deg")
    up, height = moon.transform_to(frame).alt.deg, target.transform_to(frame).alt.deg
    got = moonlight(np.array([time.jd]), 100.0, 20.0, np.array([0.17]), recipe)[0]
    if up < 0:
        assert got == 0.0
        return
    alpha = 180.0 - moon.separation(sun, origin_mismatch="ignore").deg
    rho = moon.transform_to(frame).separation(target.transform_to(frame)).deg
    nanolamberts = published(alpha, rho, 90 - height, 90 - up, 0.17)
    magnitude = (20.7233 - np.log(nanolamberts / 34.08)) / 0.92104
    assert -2.5 * np.log10(got) == pytest.approx(magnitude, abs=0.05)
    if day == 4:
        assert 18.0 < magnitude < 21.5


def test_the_sky_is_brighter_towards_the_moon():
    given = MAUNA_KEA | {
        "detector": {"nx": 400, "ny": 400},
        "telescope": {"pixel_scale": 10.0},
        "sky": {"moon": True, "gradient": 0.0},
        "night": {"start": "2024-02-23T07:00:00", "exposures": [["r", 60.0, 1]]},
        "field": {"ra": 120.0, "dec": 20.0, "cluster_stars": 0, "field_stars": 0},
    }
    night = simulate_night(Recipe.from_dict(given))
    # the full Moon stands at 144 degrees, to the east, which is on the left
    left, right = (
        moonlight(np.array([night.lights[0].jd_utc]), 120.0 + d, 20.0, np.array([0.1]), night.recipe)[0]
        for d in (0.25, -0.25)
    )
    assert left > right
    image = night.light(night.lights[0])
    assert image[:, :10].mean() > image[:, -10:].mean()
    rise = (image[200, 399] - image[200, 0]) / image[200, 200]
    assert rise == pytest.approx(night.conditions.sky_x[0], rel=1e-3)
    dark = 10 ** (0.4 * (22.4 - 20.5)) * 100.0 * 60.0
    light = moonlight(np.array([night.lights[0].jd_utc]), 120.0, 20.0, np.array([0.1]), night.recipe)[0]
    assert night.conditions.sky[0] / dark == pytest.approx(1 + light * 10 ** (0.4 * 20.5), rel=1e-6)


def test_twilight_fades_along_its_parabola_and_ends():
    recipe = Recipe()
    jd = 2460473.0 + np.arange(0.2, 0.55, 1e-4)
    depth = -sun_altitude(jd, site_of(recipe))
    light = twilight(jd, recipe)
    at = {d: -2.5 * np.log10(light[np.argmin(np.abs(depth - d))]) for d in (5.0, 8.0, 11.0)}
    assert at[5.0] == pytest.approx(11.84, abs=0.03)
    assert at[8.0] == pytest.approx(11.84 + 1.518 * 3 - 0.057 * 9, abs=0.05)
    assert not light[depth > 18.5].any()
    assert (np.diff(light[np.argsort(depth)]) <= 1e-12).all()
