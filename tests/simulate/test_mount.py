"""The telescope wanders as the recipe says, and the stars with it."""

import numpy as np
import pytest

from pogson.simulate import Recipe, simulate_night

STILL = {"drift": 0.0, "field_rotation": 0.0, "elongation": 1.0, "profile": "gaussian"}


def night(telescope, n=40, exptime=60.0, **given):
    tables = {
        "detector": {"nx": 301, "ny": 301, "overscan": 0},
        "telescope": STILL | telescope,
        "sky": {"scintillation": 0.0, "gradient": 0.0, "cloudy": [], "seeing_spread": 0.0},
        "field": {"cluster_stars": 0, "field_stars": 1},
        "night": {"exposures": [["r", exptime, n]], "overhead": 0.0},
    }
    made = simulate_night(Recipe.from_dict(tables | given))
    made.stars["x"], made.stars["y"], made.stars["mag_r"], made.stars["color"] = 190.0, 150.0, 11.0, 0.0
    return made


def moments(made, shot):
    """Centre and second moments of the one star in the light of a frame."""
    image = made.light(shot).astype(float) - made.conditions.sky[shot.light]
    y, x = np.indices(image.shape)
    total = image.sum()
    mx, my = (image * x).sum() / total, (image * y).sum() / total
    return mx, my, (image * (x - mx) ** 2).sum() / total, (image * (y - my) ** 2).sum() / total


def test_a_steady_drift_and_rotation_grow_with_time():
    made = night({"drift_x": 30.0, "drift_y": -12.0, "rotation_rate": 3.0})
    c = made.conditions
    hours = 39 * 60.0 / 3600.0
    assert (c.dx[-1], c.dy[-1]) == (pytest.approx(30 * hours, rel=1e-6), pytest.approx(-12 * hours, rel=1e-6))
    assert c.rotation[-1] == pytest.approx(3.0 * hours, rel=1e-6)
    x, y, _, _ = moments(made, made.lights[-1])
    assert (x, y) == tuple(pytest.approx(p[0], abs=0.02) for p in made.positions(made.lights[-1].name))


def test_the_periodic_error_has_its_amplitude_and_period():
    made = night({"periodic_error": 4.0, "period": 600.0})
    dx = made.conditions.dx
    assert np.ptp(dx) == pytest.approx(8.0, rel=0.02)
    np.testing.assert_allclose(dx[:30], dx[10:], atol=1e-3)
    assert dx[0] == 0.0 and not made.conditions.dy.any()


def test_after_the_meridian_the_field_is_upside_down():
    given = {"night": {"start": "2024-06-12T00:30:00", "exposures": [["r", 60.0, 60]], "overhead": 0.0}}
    made = night({"flip": True, "flip_offset": 5.0}, **given)
    altitude, rotation = made.conditions.altitude, made.conditions.rotation
    turned = rotation > 90.0
    assert 5 < turned.sum() < 55
    assert np.argmax(turned) == pytest.approx(np.argmax(altitude), abs=1)
    x, y, _, _ = moments(made, made.lights[-1])
    c = made.conditions
    assert (x, y) == (pytest.approx(110.0 + c.dx[-1], abs=0.02), pytest.approx(150.0 + c.dy[-1], abs=0.02))
    first, last = ({k: v for k, v, _ in made.frame(s.name).cards} for s in made.lights[::59])
    assert (first["PIERSIDE"], last["PIERSIDE"]) == ("WEST", "EAST")
    assert np.sign(first["CD1_1"]) == -np.sign(last["CD1_1"])


def test_a_night_without_a_meridian_passage_has_no_flip():
    assert not night({"flip": True}, n=3).conditions.rotation.any()


def test_a_trailed_frame_has_long_stars_of_the_same_flux():
    made = night({"trailed": [2], "trail_length": 14.0}, n=3)
    _, _, xx, yy = moments(made, made.lights[1])
    _, _, xx0, yy0 = moments(made, made.lights[0])
    assert xx - xx0 == pytest.approx(14.0**2 / 12, rel=0.02)
    assert yy == pytest.approx(yy0, rel=0.01)
    flux = [made.light(s).sum(dtype=float) for s in made.lights[:2]]
    level = made.conditions.sky[:2] * 301**2
    zero = 10 ** (0.4 * made.conditions.zero_point[:2])
    trailed, sharp = ((f - s) / z for f, s, z in zip(flux[::-1], level[::-1], zero[::-1], strict=True))
    assert trailed == pytest.approx(sharp, rel=2e-3)
    assert list(made.frame_truth["fault"][-3:]) == ["", "trailed", ""]


def test_what_moves_is_where_its_rate_puts_it():
    mover = {"mag": 12.0, "x": 60.0, "y": 80.0, "rate": 90.0, "angle": 40.0, "color": 0.0}
    field = {"cluster_stars": 0, "field_stars": 0, "movers": [mover]}
    tables = {
        "detector": {"nx": 301, "ny": 301, "overscan": 0},
        "telescope": STILL,
        "sky": {"gradient": 0.0, "cloudy": []},
        "field": field,
        "night": {"exposures": [["r", 60.0, 31]], "overhead": 0.0},
    }
    made = simulate_night(Recipe.from_dict(tables))
    assert list(made.stars["kind"]) == ["mover"] and len(made.catalog) == 0
    for shot, hours in ((made.lights[0], 0.0), (made.lights[-1], 0.5)):
        x, y, _, _ = moments(made, shot)
        way = 90.0 / 0.75 * hours
        assert x == pytest.approx(60.0 + way * np.cos(np.radians(40)), abs=0.03)
        assert y == pytest.approx(80.0 + way * np.sin(np.radians(40)), abs=0.03)
    track = made.tracks
    assert len(track) == 31 and track["star"][0] == 1
    assert track["x"][-1] == pytest.approx(made.positions(made.lights[-1].name)[0][0])
