"""Each term of the error budget alone, with a camera and a sky without any other noise; then all of them."""

from itertools import product

import numpy as np
import pytest
from astropy.table import Table

from pogson.io.fits import read_raw
from pogson.io.scan import scan_folder
from pogson.io.tables import write_table
from pogson.pipeline.night import prepare_night
from pogson.pipeline.prove.light import light_inside
from pogson.pipeline.simulated import write_night
from pogson.simulate.light import star_rates
from pogson.steps.calibrate.correct import calibrate_frame
from pogson.steps.measure.aperture import measure_aperture
from pogson.steps.measure.profile import enclosed_light

SIDE, STEP, FWHM, BETA = 512, 32, 2.0, 3.2
TERMS = ("source", "sky", "dark", "read", "quantisation", "flat", "annulus", "scintillation", "phase")

#: a detector without any fault or noise, and the air of the moon
QUIET = {
    "detector": {
        "nx": SIDE, "ny": SIDE, "overscan": 0, "gain": 0.5, "read_noise": 0.0, "full_well": 1e9,
        "bias_columns": 0.0, "bias_rows": 0.0, "bias_ramp": 0.0, "bias_drift": 0.0, "temperature_spread": 0.0,
        "dark_current": 0.0, "dark_spread": 0.0, "hot_pixels": 0.0, "pixel_response": 0.0, "bad_columns": 0,
        "cosmic_rays": 0.0,
    },
    "telescope": {
        "diameter": 1.0, "pixel_scale": 1.0, "beta": BETA, "elongation": 1.0, "vignetting": 0.0,
        "dust": 0, "drift": 0.0, "field_rotation": 0.0,
    },
    "sky": {
        "seeing": FWHM, "seeing_spread": 0.0, "transparency_spread": 0.0, "gradient": 0.0, "cloudy": [],
        "scintillation": 0.0,
    },
    "bands": {"r": {"zero_point": 22.0, "sky": 60.0, "extinction": 0.0, "color_term": 0.0}},
    "night": {"exposures": [["r", 60.0, 3]], "tells": ["gain", "read_noise", "saturation"]},
    "site": {"height": 0.0},
    "calibration": {"bias": 3, "dark": 0, "flat": 0, "flat_level": 20000.0, "dark_exptime": 60.0},
}  # fmt: skip


#: 300 electrons in a light frame; without any read noise all pixels would look hot
DARK = {"dark_current": 5.0, "read_noise": 3.0}


def sky_of(electrons):
    """Magnitude of a sky of so many electrons per pixel in 60 s."""
    return {"r": {"sky": 22.0 - 2.5 * np.log10(electrons / 60.0)}}


class Measured:
    """Pulls of the fluxes of a night, and the median of each column of the error."""

    def __init__(self, folder, given, flux=0.0, spread=0.0, **settings):
        recipe = {key: dict(values) for key, values in QUIET.items()}
        for key, values in given.items():
            for name, value in values.items():
                recipe[key][name] = recipe[key][name] | value if key == "bands" else value
        rng = np.random.default_rng(5)
        knots = np.array(list(product(range(STEP, SIDE - STEP // 2, STEP), repeat=2)), float)
        x, y = (knots + rng.uniform(-0.5, 0.5, knots.shape)).T
        mag = 22.0 - 2.5 * np.log10(max(flux, 1e-9) / 60.0) + spread * rng.uniform(-1, 1, len(x))
        write_table(folder / "stars.csv", Table({"x": x, "y": y, "mag_r": mag, "color": np.zeros(len(x))}))
        recipe["field"] = {"table": str(folder / "stars.csv"), "dec": 37.0}
        night = write_night(recipe, folder / "night", workers=1)
        ready = prepare_night(scan_folder(folder / "night"), workers=1)
        pulls, columns = [], {term: [] for term in TERMS}
        for exposure in ready.lights:
            frame = calibrate_frame(read_raw(exposure), ready.masters)
            name = exposure.path.rsplit("/", 1)[-1]
            row = night.frame_truth[night.names.index(name)]
            fwhm = float(row["fwhm"])
            place = night.positions(name)
            field = Table(
                {"id": np.arange(len(x)), "x": place[0], "y": place[1], "flux": np.full(len(x), flux)}
            )
            table = measure_aperture(frame, field, fwhm=fwhm, **settings)
            total = star_rates(night.recipe, night.stars, "r", row["zero_point"], row["airmass"]) * 60.0
            radius, (inner, outer) = table.meta["radius"], table.meta["annulus"]
            ring = np.diff(enclosed_light(np.array([inner, outer]), fwhm, BETA))[0] / (outer**2 - inner**2)
            seen = total * (light_inside(radius, fwhm) - ring * radius**2)
            pulls.append((np.asarray(table["flux"]) - seen) / np.asarray(table["flux_err"]))
            for term in TERMS:
                columns[term].append(np.asarray(table[f"err_{term}"]))
        self.pulls = np.concatenate(pulls)
        self.errors = {t: float(np.nanmedian(v)) for t, v in columns.items()}
        self.area = np.pi * radius**2

    def is_one_wide(self):
        """Within three errors of the width and the mean, of some 700 pulls."""
        n = np.isfinite(self.pulls).sum()
        assert n > 600
        assert np.nanstd(self.pulls) == pytest.approx(1.0, abs=3.0 / np.sqrt(2.0 * n))
        assert abs(np.nanmean(self.pulls)) < 3.5 / np.sqrt(n)

    def is_nothing_but(self, *names):
        """All other columns together are a tenth of these at most."""
        others = np.sqrt(sum(v**2 for t, v in self.errors.items() if t not in names))
        assert others < 0.1 * np.sqrt(sum(self.errors[t] ** 2 for t in names)), self.errors


def test_photons_of_a_star_alone(tmp_path):
    night = Measured(tmp_path, {"detector": {"gain": 0.1}}, flux=3000.0)
    night.is_nothing_but("source")
    night.is_one_wide()


def test_photons_of_the_sky_alone(tmp_path):
    night = Measured(tmp_path, {"bands": sky_of(400.0)})
    night.is_nothing_but("sky", "annulus")
    assert night.errors["sky"] == pytest.approx(np.sqrt(400.0 * night.area), rel=0.1)
    night.is_one_wide()


def test_the_level_of_the_sky_alone(tmp_path):
    """A thin annulus around a wide aperture: its error grows with the area, the pixels' with its root."""
    thin = {"radius": 6.0, "annulus_inner": 6.5, "annulus_outer": 7.0}
    night = Measured(tmp_path, {"bands": sky_of(400.0)}, **thin)
    assert night.errors["annulus"] > 1.4 * night.errors["sky"]
    night.is_one_wide()


def test_read_noise_alone(tmp_path):
    night = Measured(tmp_path, {"detector": {"read_noise": 12.0}, "calibration": {"bias": 30}})
    night.is_nothing_but("read", "annulus", "dark")
    assert night.errors["read"] == pytest.approx(12.0 * np.sqrt(night.area), rel=0.1)
    night.is_one_wide()


def test_dark_current_alone(tmp_path):
    night = Measured(tmp_path, {"detector": DARK, "calibration": {"bias": 20, "dark": 20}})
    night.is_nothing_but("dark", "annulus", "read")
    assert night.errors["dark"] == pytest.approx(np.sqrt(300.0 * night.area), rel=0.1)
    night.is_one_wide()


def test_the_noise_of_a_single_dark_counts_as_much_as_the_dark_current_itself(tmp_path):
    night = Measured(tmp_path, {"detector": DARK, "calibration": {"bias": 20, "dark": 1}})
    night.is_nothing_but("dark", "annulus", "read")
    assert night.errors["dark"] == pytest.approx(np.sqrt(2.0 * 300.0 * night.area), rel=0.1)
    night.is_one_wide()


def test_the_noise_of_a_single_bias_counts_as_much_as_the_read_noise_itself(tmp_path):
    night = Measured(tmp_path, {"detector": {"read_noise": 12.0}, "calibration": {"bias": 1}})
    night.is_nothing_but("read", "dark", "annulus")
    assert night.errors["dark"] == pytest.approx(night.errors["read"], rel=0.1)
    night.is_one_wide()


def test_the_noise_of_a_faint_flat_counts_for_bright_stars(tmp_path):
    """One flat of 900 electrons: 3 % in each pixel."""
    given = {"calibration": {"flat": 1, "flat_level": 1800.0}}
    night = Measured(tmp_path, given, flux=2.0e4)
    night.is_nothing_but("flat", "source")
    assert night.errors["flat"] > night.errors["source"]
    night.is_one_wide()


def test_the_rounding_of_the_converter_counts(tmp_path):
    """40 electrons in a number, over a sky whose own noise is 20 and hides the steps."""
    given = {"detector": {"gain": 40.0}, "bands": sky_of(400.0), "calibration": {"bias": 30}}
    night = Measured(tmp_path, given)
    assert night.errors["quantisation"] == pytest.approx(np.sqrt(1600.0 / 12.0 * night.area), rel=0.1)
    night.is_nothing_but("quantisation", "sky", "annulus")
    night.is_one_wide()


def test_scintillation_alone(tmp_path):
    """A pinhole of 5 mm and bright stars."""
    given = {"detector": {"gain": 10.0}, "telescope": {"diameter": 0.005}, "sky": {"scintillation": 1.56}}
    night = Measured(tmp_path, given, flux=6.0e5)
    night.is_nothing_but("scintillation")
    night.is_one_wide()


def test_the_place_of_narrow_stars_in_their_pixels_alone(tmp_path):
    """Stars of 1.5 px, so bright that their photons' noise is a sixth of it."""
    given = {"detector": {"gain": 60.0}, "sky": {"seeing": 1.5}}
    night = Measured(tmp_path, given, flux=7.0e6)
    assert night.errors["phase"] > 6.0 * night.errors["source"]
    assert night.errors["phase"] > 10.0 * night.errors["annulus"]
    # the places are not normally distributed: their deviations have no wings
    assert np.nanstd(night.pulls) == pytest.approx(1.0, abs=0.1)
    assert abs(np.nanmean(night.pulls)) < 0.1


def test_all_terms_together(tmp_path):
    given = {
        "detector": {"gain": 8.0, "read_noise": 10.0, "dark_current": 1.0, "overscan": 16, "bias_drift": 0.7},
        "telescope": {"diameter": 0.1, "vignetting": 0.1},
        "sky": {"scintillation": 1.56},
        "bands": sky_of(150.0),
        "calibration": {"bias": 5, "dark": 3, "flat": 2, "flat_level": 500.0},
    }
    night = Measured(tmp_path, given, flux=2.0e4)
    phase = night.errors.pop("phase")  # small at a FWHM of 2 px: it has a test of its own
    assert min(night.errors.values()) > 0.05 * max(night.errors.values()), night.errors
    assert phase < 0.2 * max(night.errors.values())
    night.is_one_wide()
