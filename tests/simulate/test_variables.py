"""What varies does so as the recipe says, and the truth about it is in the frames."""

import numpy as np
import pytest

from pogson.core.errors import SettingError
from pogson.simulate import Recipe, simulate_night
from pogson.simulate.scene import Variable
from pogson.simulate.variables import flux_factor

QUIET = {
    "detector": {"nx": 201, "ny": 201, "overscan": 0},
    "telescope": {"drift": 0.0, "field_rotation": 0.0},
    "sky": {"scintillation": 0.0, "gradient": 0.0, "cloudy": [], "transparency_spread": 0.0},
    "field": {"cluster_stars": 0, "field_stars": 6, "brightest": 12.0, "faintest": 13.5},
    "night": {"exposures": [["r", 60.0, 12]], "overhead": 540.0},
}


def magnitudes(variable, n=20001, cycles=1.0):
    hours = variable.epoch + np.linspace(0.0, cycles, n) * variable.period
    return -2.5 * np.log10(flux_factor(variable, hours))


@pytest.mark.parametrize("kind", ["sinusoid", "rrlyrae"])
def test_a_pulsation_has_its_amplitude_and_is_brightest_at_its_epoch(kind):
    mags = magnitudes(Variable(kind=kind, amplitude=0.8, period=11.0, epoch=3.0))
    assert np.ptp(mags) == pytest.approx(0.8, abs=1e-4)
    assert mags[0] == pytest.approx(mags.min(), abs=1e-5)
    assert np.mean(mags) == pytest.approx(0.0, abs=1e-3)


def test_an_rr_lyrae_star_rises_fast_and_fades_slowly():
    mags = magnitudes(Variable(kind="rrlyrae", amplitude=1.0))
    assert np.argmax(mags) / len(mags) > 0.75


def test_a_transit_has_the_depth_and_the_length_of_its_geometry():
    planet = Variable(
        kind="transit", period=60.0, epoch=2.0, ratio=0.1, distance=9.0, impact=0.3, u1=0.0, u2=0.0
    )
    hours = np.linspace(0.0, 4.0, 40001)
    flux = flux_factor(planet, hours)
    assert flux.min() == pytest.approx(1 - 0.1**2, abs=1e-9)
    length = np.ptp(hours[flux < 1 - 1e-12])
    expected = 60.0 / np.pi * np.arcsin(np.sqrt((1.1**2 - 0.3**2) / (9.0**2 - 0.3**2)))
    assert length == pytest.approx(expected, rel=1e-3)
    assert flux_factor(planet, 32.0) == 1.0  # the planet has no light to lose behind the star


def test_an_eclipsing_pair_loses_what_is_hidden_in_both_eclipses():
    pair = Variable(
        kind="eclipsing", period=10.0, epoch=1.0, ratio=0.5, surface=0.4, impact=0.0, u1=0.0, u2=0.0
    )
    total = 1.0 + 0.4 * 0.25
    assert flux_factor(pair, 1.0) == pytest.approx((1 - 0.25 + 0.1) / total)
    assert flux_factor(pair, 6.0) == pytest.approx(1.0 / total)
    assert flux_factor(pair, 3.5) == pytest.approx(1.0)


def test_the_true_light_curve_is_the_mean_over_the_exposure():
    given = QUIET | {"night": {"exposures": [["r", 1800.0, 2]]}}
    fast = {"kind": "sinusoid", "mag": 13.0, "period": 1.0, "amplitude": 0.5, "epoch": 0.0}
    night = simulate_night(Recipe.from_dict(given | {"field": QUIET["field"] | {"variables": [fast]}}))
    mean = night.stars["mag_r"][night.activity.rows[0]]
    moments = (np.arange(20000) + 0.5) / 20000 * 0.5
    expected = -2.5 * np.log10(flux_factor(night.recipe.field.variables[0], moments).mean())
    assert night.light_curves["mag"][0] - mean == pytest.approx(expected, abs=1e-5)


def test_the_light_in_the_frames_follows_the_true_light_curve():
    wave = {"kind": "sinusoid", "mag": 13.0, "period": 1.5, "amplitude": 0.6, "epoch": 0.3}
    night = simulate_night(Recipe.from_dict(QUIET | {"field": QUIET["field"] | {"variables": [wave]}}))
    still = simulate_night(Recipe.from_dict(QUIET))
    row = night.activity.rows[0]
    curve = night.light_curves
    assert list(curve["frame"]) == [s.name for s in night.lights]
    seen, sky = [], still.conditions.sky
    for shot in night.lights:
        extra = night.light(shot).astype(float) - still.light(shot)
        rate = 10 ** (-0.4 * (night.stars["mag_r"][row] - still.conditions.zero_point[shot.light]))
        term = 10 ** (0.4 * -0.03 * night.stars["color"][row])
        seen.append(1 + extra.sum() / (rate * term * 60.0))
    expected = 10 ** (-0.4 * (curve["mag"] - night.stars["mag_r"][row]))
    np.testing.assert_allclose(seen, expected, rtol=2e-3)
    assert len(sky) == 12
    assert night.stars["variable"][row] and night.stars["kind"][row] == "sinusoid"


def test_the_epoch_of_the_truth_is_barycentric():
    wave = {"kind": "sinusoid", "mag": 13.0, "epoch": 1.0}
    night = simulate_night(Recipe.from_dict(QUIET | {"field": QUIET["field"] | {"variables": [wave]}}))
    first = night.light_curves[0]
    half = 30.0 / 3600.0
    expected = first["bjd_tdb"] + (1.0 - half) / 24.0
    # in an hour the Earth comes up to 0.4 s nearer
    assert night.variables["epoch_bjd_tdb"][0] == pytest.approx(expected, abs=5e-6)


def test_a_variable_is_an_isolated_star_of_the_brightness_asked_for():
    wanted = [{"mag": m} for m in (14.0, 15.0, 14.0)]
    given = {"field": {"cluster_stars": 0, "field_stars": 800, "variables": wanted}}
    night = simulate_night(Recipe.from_dict(given))
    rows = night.activity.rows
    assert len(set(rows)) == 3
    stars = night.stars
    for row, want in zip(rows, wanted, strict=True):
        assert stars["mag_g"][row] == pytest.approx(want["mag"], abs=0.5)
        apart = np.hypot(stars["x"] - stars["x"][row], stars["y"] - stars["y"][row])
        near = (apart > 0) & (apart < 10.0)
        assert not (near & (stars["mag_g"] < stars["mag_g"][row] + 2)).any()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ([{"star": 9999}], "field.variables[0].star: there is no star 9999"),
        ([{"star": 5}, {"star": 5}], "field.variables[1].star: star 5 varies already"),
        ([{"kind": "nova"}], "field.variables[0].kind must be one of 'sinusoid'"),
        ([{}, {"perod": 3.0}], "no setting 'field.variables[1].perod'; did you mean 'period'?"),
        ([{"period": -1.0}], "field.variables[0].period must be above 0, got -1.0"),
        ([3], "field.variables[0] must be a table of settings, got 3"),
    ],
)
def test_a_variable_that_cannot_be_is_named_in_one_line(variables, message):
    with pytest.raises(SettingError) as error:
        simulate_night(Recipe.from_dict({"field": {"variables": variables}}))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
