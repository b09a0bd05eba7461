"""Stars get one magnitude for each band, unbiased and with an honest error."""

import numpy as np
import pytest
from known_night import Night

from pogson.core.errors import ColumnError
from pogson.core.flags import Star
from pogson.steps.standardize.apply import standardize
from pogson.steps.standardize.diagram import make_diagram
from pogson.steps.standardize.transparency import measure_transparency
from pogson.steps.standardize.zeropoint import fit_zero_points


def reduce(night, **settings):
    return standardize(
        night.photometry,
        night.field,
        fit_zero_points(night.photometry, night.matches, night.catalog, **settings),
    )


def test_true_magnitudes_come_back_with_pulls_one_wide():
    pulls = {"g": [], "r": []}
    for seed in range(8):
        night = Night(seed=seed, terms={"g": 0.15, "r": -0.1})
        stars = reduce(night).stars
        for band, mine in pulls.items():
            good = stars[f"mag_{band}_err"] < 0.1
            mine.append(((stars[f"mag_{band}"] - night.truth[band]) / stars[f"mag_{band}_err"])[good])
    for band, mine in pulls.items():
        every = np.concatenate(mine)
        assert np.std(every) == pytest.approx(1.0, abs=0.1), band
        assert abs(np.mean(every)) < 0.2


def test_faint_stars_are_not_biased_by_averaging():
    flux, mags = [], []
    for seed in range(6):
        night = Night(seed=seed, n=600, faintest=20.5, frames=8, bands="r", sky=150.0)
        stars = reduce(night, color_term="none").stars
        faint = night.truth["r"] > 20.0
        true = 10 ** (-0.4 * (night.truth["r"][faint] - 25))
        flux.append(np.asarray(stars["flux_r"])[faint] / true)
        raw = np.array([t["mag"] for t in night.photometry])[:, faint] + np.array(night.zeros)[:, None]
        # the wrong way: mean of the magnitudes that exist
        mags.append(np.nanmean(raw, 0) - night.truth["r"][faint])
    assert np.mean(np.concatenate(flux)) == pytest.approx(1.0, abs=0.02)
    assert abs(np.mean(np.concatenate(mags))) > 0.03


def test_a_negative_flux_is_kept_and_flagged():
    night = Night(n=60, frames=1, bands="g")
    night.photometry[0]["flux"][5] = -200.0
    stars = reduce(night).stars
    assert np.isnan(stars["mag_g"][5])
    assert stars["flux_g"][5] < 0
    assert stars["flux_g_err"][5] > 0
    assert stars["flags"][5] & Star.NEGATIVE


def test_a_spoiled_point_counts_only_where_there_is_no_other():
    night = Night(n=60, frames=3, bands="g")
    night.photometry[1]["flux"][7] *= 3
    night.photometry[1]["flags"][7] = int(Star.COSMIC)
    for table in night.photometry:
        table["flags"][8] = int(Star.SATURATED)
    stars = reduce(night).stars
    assert stars["n_g"][7] == 2
    assert not stars["flags"][7] & Star.COSMIC
    assert stars["mag_g"][7] == pytest.approx(night.truth["g"][7], abs=0.1)
    assert (stars["n_g"][8], stars["flags"][8] & Star.SATURATED) == (3, Star.SATURATED)


def test_a_star_without_a_colour_says_so_and_pays_for_it():
    night = Night(terms={"g": 0.3, "r": 0.0}, frames=2)
    for k in (2, 3):
        night.photometry[k]["flux"][4] = np.nan
    stars = reduce(night).stars
    assert stars["flags"][4] & Star.NO_COLOR
    assert stars["mag_g_err"][4] > 0.07
    assert abs(stars["mag_g"][4] - night.truth["g"][4]) < 4 * stars["mag_g_err"][4]
    assert not stars["flags"][5] & Star.NO_COLOR
    assert stars["mag_g_err"][5] < 0.05


def test_without_a_catalogue_the_frames_are_put_on_one_instrumental_scale():
    night = Night(frames=4, bands="g", clouds={2: 0.8})
    found = standardize(night.photometry, night.field)
    assert np.isnan(found.stars["mag_g"]).all()
    assert found.stars.meta["instrumental_bands"] == "g"
    bright = night.truth["g"] < 17
    difference = (found.stars["inst_g"] - night.truth["g"])[bright]
    assert np.median(difference) == pytest.approx(-night.zeros[0], abs=0.02)
    assert np.std(difference) < 0.02
    assert not found.photometry[0].meta["calibrated"]


def test_frames_of_a_longer_night_keep_the_scale_of_their_own_best():
    night = Night(n=150, bands="r", frames=6, clouds={0: 0.0, 3: 0.8})
    some = [1, 2, 3, 4]
    mine = [night.photometry[k] for k in some]
    alone = standardize(mine, night.field).stars
    found = standardize(mine, night.field, None, measure_transparency(night.photometry)[some]).stars
    np.testing.assert_allclose(found["inst_r"], alone["inst_r"], atol=2e-3)


def test_clouds_show_in_the_transparency():
    night = Night(frames=5, bands="gr", clouds={3: 1.2}, hidden=0.05)
    found = measure_transparency(night.photometry)
    truth = 10 ** (0.4 * (np.array(night.zeros) - max(night.zeros)))
    pull = (found["transparency"] - truth) / np.maximum(found["transparency_err"], 1e-9)
    assert found["transparency"][3] == pytest.approx(truth[3], rel=0.02)
    assert np.max(found["transparency"]) == pytest.approx(1.0)
    assert np.max(np.abs(pull[found["transparency_err"] > 0])) < 4.5


def test_a_trailed_or_blurred_frame_is_never_the_scale():
    """Apertures that lose a fifth of the light, and a correction that puts back too much of it."""
    night = Night(frames=5, bands="g")
    shapes = [True, False, True, True, True]
    table = night.photometry[1]
    for name in ("flux", "flux_err"):
        table[name] *= 1.17
    alone = measure_transparency(night.photometry)
    found = measure_transparency(night.photometry, fit=shapes)
    fine = np.array(shapes)
    assert alone["transparency"][1] == 1.0
    assert np.max(alone["transparency"][fine]) < 0.95
    assert np.max(found["transparency"][fine]) == 1.0
    assert found["transparency"][1] > 1.05
    assert found["transparency_err"][1] > 0
    assert found["offset"][fine].max() == 0.0
    none = measure_transparency(night.photometry, fit=[False] * 5)
    np.testing.assert_array_equal(none["transparency"], alone["transparency"])


def test_one_frame_without_an_aperture_correction_looks_no_cloudier():
    night = Night(frames=3, bands="g")
    truth = 10 ** (0.4 * (np.array(night.zeros) - max(night.zeros)))
    for k in (0, 2):
        night.photometry[k].meta["aperture_correction"] = -0.3
    found = measure_transparency(night.photometry)
    assert np.allclose(found["transparency"], truth, rtol=0.02)


def test_a_frame_behind_thick_cloud_is_compared_by_fluxes_and_not_favoured():
    ratio = []
    for seed in range(10):
        night = Night(seed=seed, frames=2, bands="g", clouds={1: 4.0}, faintest=17.0)
        ratio.append(measure_transparency(night.photometry)["transparency"][1])
    assert np.mean(ratio) == pytest.approx(10 ** (-0.4 * 4.05), rel=0.03)


def test_frames_without_a_zero_point_stay_instrumental():
    night = Night(frames=2, bands="gr")
    only_r = night.catalog.copy()
    only_r.remove_columns(["mag_g", "mag_g_err"])
    only_r.meta["bands"] = "r"
    points = fit_zero_points(night.photometry, night.matches, only_r)
    found = standardize(night.photometry, night.field, points)
    assert (found.stars.meta["calibrated_bands"], found.stars.meta["instrumental_bands"]) == ("r", "g")
    assert np.isnan(found.stars["mag_g"]).all()
    assert np.isfinite(found.stars["inst_g"]).any()
    with pytest.raises(ColumnError, match="no magnitudes in 'i' for the diagram g-i"):
        make_diagram(found.stars, color="g-i", mag="g")
    assert not make_diagram(found.stars, color="g-r", mag="g").meta["calibrated"]


def test_the_photometry_is_calibrated_and_the_input_unchanged():
    night = Night(terms={"g": 0.2})
    before = np.array(night.photometry[0]["mag"])
    found = reduce(night)
    table = found.photometry[0]
    assert table.meta["calibrated"]
    bright = night.truth["g"] < 16.5
    assert np.median(np.abs(table["mag"] - night.truth["g"])[bright]) < 0.02
    assert np.array_equal(night.photometry[0]["mag"], before, equal_nan=True)


def test_the_error_of_the_zero_point_does_not_shrink_with_frames():
    few = reduce(Night(n=60, frames=2, bands="g", cat_err=0.1)).stars
    many = reduce(Night(n=60, frames=40, bands="g", cat_err=0.1)).stars
    assert np.min(many["mag_g_err"]) > 0.8 * np.min(few["mag_g_err"])


def test_what_single_stars_lose_from_their_aperture_is_in_their_error_whatever_the_frames():
    widths = {0.0: [], 0.02: []}
    for said, mine in widths.items():
        for seed in range(4):
            night = Night(seed=seed, hidden=0.02, bands="r", frames=6)
            for table in night.photometry:
                table.meta["aperture_scatter"] = said
            stars = reduce(night, color_term="none").stars
            bright = night.truth["r"] < 16.5
            mine.append(((stars["mag_r"] - night.truth["r"]) / stars["mag_r_err"])[bright])
    assert np.std(np.concatenate(widths[0.02])) == pytest.approx(1.0, abs=0.1)
    assert np.std(np.concatenate(widths[0.0])) > 2.0


def test_a_diagram_has_errors_and_leaves_spoiled_stars_out():
    night = Night()
    night.photometry[0]["flags"][3] = int(Star.SATURATED)
    stars = reduce(night).stars
    stars["flags"][3] |= int(Star.SATURATED)
    table = make_diagram(stars, color="g-r", mag="g")
    assert 4 not in table["id"]
    assert (np.diff(table["mag"]) >= 0).all()
    row, star = table[0], stars[stars["id"] == table["id"][0]][0]
    assert row["color"] == pytest.approx(star["mag_g"] - star["mag_r"])
    assert row["color_err"] == pytest.approx(np.hypot(star["mag_g_err"], star["mag_r_err"]))
    assert make_diagram(stars, color="g-r", mag="g", spoiled=True).meta["calibrated"]
