"""Zero points come back as they were put in, with errors that are right."""

import numpy as np
import pytest
from known_night import Night

from pogson.core.errors import SettingError
from pogson.core.flags import Star
from pogson.steps.standardize.zeropoint import fit_zero_points


def fit(night, **settings):
    return fit_zero_points(night.photometry, night.matches, night.catalog, **settings)


def test_zero_points_and_colour_terms_come_back():
    night = Night(terms={"g": 0.12, "r": -0.05}, hidden=0.01)
    found = fit(night)
    for row, truth in zip(found.table, night.zeros, strict=True):
        assert abs(row["zero_point"] - truth) < 4 * row["zero_point_err"]
        assert row["zero_point_err"] < 0.01
    assert found.colors["g"].color == "g-r"
    for band, truth in night.terms.items():
        term = found.colors[band]
        assert abs(term.value - truth) < 4 * term.err < 0.05


@pytest.mark.parametrize("terms", [{}, {"g": 0.1, "r": -0.06}])
def test_the_pulls_of_zero_points_and_colour_terms_are_one_wide(terms):
    pulls, bends = [], []
    for seed in range(120):
        night = Night(seed=seed, n=80, frames=2, terms=terms, hidden=0.02, cat_err=0.015)
        found = fit(night)
        for row, truth in zip(found.table[::2], night.zeros[::2], strict=True):
            pulls.append((row["zero_point"] - truth) / row["zero_point_err"])
        for band, truth in terms.items():
            bends.append((found.colors[band].value - truth) / found.colors[band].err)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.12)
    assert abs(np.mean(pulls)) < 0.2
    if terms:
        assert np.std(bends) == pytest.approx(1.0, abs=0.12)


def test_the_claimed_error_agrees_with_the_bootstrap():
    night = Night(n=150, hidden=0.03, bands="g", frames=1)
    found = fit(night, color_term="none")
    rng = np.random.default_rng(2)
    again = []
    for _ in range(300):
        rows = rng.integers(0, night.n, night.n)
        table = night.photometry[0][rows]
        table["star"] = np.arange(1, night.n + 1)
        matches = night.matches.copy()
        matches["row"] = rows
        again.append(
            fit_zero_points([table], matches, night.catalog, color_term="none").table["zero_point"][0]
        )
    assert found.table["zero_point_err"][0] == pytest.approx(np.std(again), rel=0.15)


def test_the_scatter_is_that_of_the_stars_beyond_their_errors():
    scatter = [
        fit(Night(seed=s, n=200, hidden=0.03, frames=1, bands="g")).table["scatter"][0] for s in range(10)
    ]
    assert np.mean(scatter) == pytest.approx(0.03, rel=0.1)
    none = [fit(Night(seed=s, n=200, hidden=0.0, frames=1, bands="g")).table["scatter"][0] for s in range(10)]
    assert np.median(none) < 0.008


def test_a_fifth_of_blends_do_not_pull_the_zero_point():
    pulls = []
    for seed in range(25):
        night = Night(seed=seed, outliers=0.2, frames=1, bands="g", cat_err=0.015)
        row = fit(night).table[0]
        pulls.append((row["zero_point"] - night.zeros[0]) / row["zero_point_err"])
    assert np.std(pulls) < 1.6
    assert abs(np.mean(pulls)) < 1.0


def test_a_standard_deviation_is_not_the_error_of_a_mean():
    night = Night(n=200, hidden=0.02, frames=1, bands="g")
    found = fit(night)
    used = found.residuals["used"]
    wrong = np.std(found.residuals["residual"][used])
    assert wrong > 8 * found.table["zero_point_err"][0]


def test_a_one_sided_cut_on_the_residual_is_biased_and_ours_is_not():
    night = Night(n=300, hidden=0.05, frames=1, bands="g")
    found = fit(night)
    r = found.residuals
    used = np.asarray(r["used"])
    offsets = found.table["zero_point"][0] - np.asarray(r["residual"])[used]
    wrong = np.mean(offsets[offsets > np.percentile(offsets, 25)])
    row = found.table[0]
    assert abs(wrong - night.zeros[0]) > 5 * row["zero_point_err"]
    assert abs(row["zero_point"] - night.zeros[0]) < 3.5 * row["zero_point_err"]


def test_without_the_colour_term_the_residuals_show_the_colour():
    night = Night(terms={"g": 0.7}, frames=1)
    wrong, right = fit(night, color_term="none"), fit(night)
    assert wrong.table["scatter"][0] > 0.15
    assert right.table["scatter"][0] < 0.02
    assert right.colors["g"].value == pytest.approx(0.7, abs=0.02)


def test_the_limit_on_the_brightness_does_not_favour_lucky_stars():
    bias = []
    for seed in range(40):
        night = Night(seed=seed, n=400, faintest=19.5, frames=1, bands="g", cat_err=0.005, sky=400.0)
        row = fit(night, color_term="none", min_snr=8.0).table[0]
        bias.append(row["zero_point"] - night.zeros[0])
    assert abs(np.mean(bias)) < 4 * np.std(bias) / np.sqrt(len(bias)) + 0.003


@pytest.mark.parametrize(
    ("change", "said"),
    [({"n": 12}, "15 are needed"), ({"colors": (0.5, 0.6)}, "span"), ({}, "not significant")],
)
def test_a_colour_term_that_the_stars_cannot_show_is_zero_and_the_reason_is_given(change, said):
    night = Night(terms={}, **change)
    found = fit(night)
    assert found.colors["g"].value == 0.0
    assert said in found.colors["g"].reason
    assert (found.table["color_term"] == 0.0).all()


def test_a_colour_term_set_by_hand_is_taken():
    assert (fit(Night(), color_term="0.25").table["color_term"] == 0.25).all()
    with pytest.raises(SettingError, match="color_term must be auto, fit, none or a number, got 'yes'"):
        fit(Night(), color_term="yes")
    with pytest.raises(SettingError, match="color = 'B-V', but the catalogue has the bands g, r"):
        fit(Night(), color="B-V")


def test_spoiled_ambiguous_variable_and_faint_stars_are_left_out_with_the_reason():
    night = Night(n=100, frames=1, bands="g")
    flags = np.zeros(100, int)
    flags[:4] = [Star.SATURATED, Star.BLENDED, Star.EDGE, Star.COSMIC | Star.SATURATED]
    night.photometry[0]["flags"] = flags
    night.photometry[0]["flux"][:4] *= 5
    night.matches["flags"][4:6] = [Star.AMBIGUOUS, Star.VARIABLE]
    night.catalog["mag_g_err"][6] = 0.3
    night.catalog["mag_g_err"][7] = np.nan
    r = fit(night).residuals
    why = dict(zip(r["star"], r["reason"], strict=True))
    assert [why[k] for k in range(1, 9)] == [
        "saturated",
        "blended",
        "edge",
        "saturated, cosmic",
        "ambiguous",
        "variable",
        "catalogue error too large",
        "no error in the catalogue",
    ]
    assert not r["used"][:8].any()
    assert "faint" in set(r["reason"])


def test_a_band_is_never_compared_with_another():
    night = Night(bands="gr", frames=1)
    only_r = night.catalog.copy()
    only_r.remove_columns(["mag_g", "mag_g_err"])
    only_r.meta["bands"] = "r"
    found = fit_zero_points(night.photometry, night.matches, only_r)
    assert np.isnan(found.table["zero_point"][0])
    assert found.table["reason"][0] == "the catalogue has no g: instrumental"
    assert np.isfinite(found.table["zero_point"][1])


def test_a_clear_frame_is_calibrated_against_another_band_only_where_the_user_says_so():
    night = Night(bands="r", frames=1)
    table = night.photometry[0]
    table["band"] = "C"
    assert np.isnan(fit(night).table["zero_point"][0])
    row = fit(night, substitutes="C=r").table[0]
    assert abs(row["zero_point"] - night.zeros[0]) < 4 * row["zero_point_err"]
    assert row["catalog"] == "truth (r)"
    with pytest.raises(SettingError, match="substitutes = 'C=V': 'C=V' should be a band = one of r"):
        fit(night, substitutes="C=V")


def test_fewer_than_three_stars_give_no_zero_point_and_no_made_up_one():
    night = Night(frames=2)
    found = fit_zero_points(night.photometry, night.matches[:2], night.catalog)
    assert np.isnan(found.table["zero_point"]).all()
    assert (found.table["n_used"] == 0).all()
    assert "2 usable stars, 3 are needed: instrumental" in found.table["reason"][0]
    none = fit_zero_points(night.photometry, night.matches[:0], night.catalog)
    assert len(none.residuals) == 0


def test_one_wild_zero_point_in_a_series_is_taken_back():
    night = Night(frames=5, bands="g", clouds={1: 0.7})
    matched = set(range(1, 61))
    night.matches = night.matches[[int(k) in matched for k in night.matches["star"]]]
    # in one frame the comparison stars, and only they, come out 0.5 mag too bright
    night.photometry[3]["flux"][:60] *= 10 ** (0.4 * 0.5)
    night.photometry[3]["flux_err"][:60] *= 10 ** (0.4 * 0.5)
    table = fit(night).table
    assert np.isnan(table["zero_point"][3])
    assert "+0.50 mag off what relative fluxes tell: instrumental" in table["reason"][3]
    assert np.isfinite(table["zero_point"]).sum() == 4
    assert table["zero_point"][0] - table["zero_point"][1] == pytest.approx(0.75, abs=0.03)


def test_a_positive_residual_is_a_star_measured_too_faint():
    night = Night(frames=1, bands="g")
    night.photometry[0]["flux"][3] *= 0.5
    r = fit(night).residuals
    assert r["residual"][3] == pytest.approx(0.75, abs=0.2)
    assert r["reason"][3] in ("outlier", "faint")


def test_the_aperture_correction_moves_the_zero_point_and_its_error():
    night = Night(frames=1, bands="g")
    plain = fit(night).table[0]
    night.photometry[0].meta |= {"aperture_correction": -0.2, "aperture_correction_err": 0.05}
    moved = fit(night).table[0]
    assert moved["zero_point"] - plain["zero_point"] == pytest.approx(0.2)
    assert moved["zero_point_err"] == pytest.approx(np.hypot(plain["zero_point_err"], 0.05))
    assert moved["limiting_mag"] == pytest.approx(plain["limiting_mag"])


def test_a_catalogue_without_errors_still_gives_an_honest_error():
    pulls = []
    for seed in range(60):
        night = Night(seed=seed, n=80, frames=1, bands="g", cat_err=0.03)
        night.catalog["mag_g_err"] = np.nan
        row = fit(night).table[0]
        pulls.append((row["zero_point"] - night.zeros[0]) / row["zero_point_err"])
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_sky_brightness_and_depth():
    night = Night(frames=1, bands="g")
    row = fit(night).table[0]
    assert row["sky_brightness"] == pytest.approx(22.0 - 2.5 * np.log10(500 / 60 / 0.25), abs=0.02)
    assert row["sky_brightness_err"] < 0.02
    flux = (25 + np.sqrt(625 + 4 * 25 * 3600)) / 2
    assert row["limiting_mag"] == pytest.approx(22.0 - 2.5 * np.log10(flux / 60), abs=0.02)
    night.photometry[0].meta["missing"] = ("dark",)
    row = fit(night).table[0]
    assert np.isnan(row["sky_brightness"])
    assert row["reason"] == "no sky brightness: no dark subtracted"


def test_errors_that_magnitude_and_colour_share_do_not_tilt_the_colour_term():
    pulls, plain = {"g": [], "r": []}, []
    for seed in range(20):
        night = Night(seed=seed, cat_err=0.07, colors=(0.2, 1.1), terms={"g": 0.2, "r": -0.15})
        found = fit(night)
        for band, truth in night.terms.items():
            pulls[band].append((found.colors[band].value - truth) / found.colors[band].err)
        color = np.asarray(night.catalog["mag_g"]) - np.asarray(night.catalog["mag_r"])
        offset = np.asarray(night.catalog["mag_g"]) - (night.truth["g"] - 0.2 * night.color)
        plain.append(np.polyfit(color, offset, 1)[0] - 0.2)
    for band in pulls:
        assert abs(np.mean(pulls[band])) < 3.0 / np.sqrt(20)
        assert 0.7 < np.std(pulls[band]) < 1.3
    assert np.mean(plain) > 0.03  # the plain line is that much too steep
