"""Repeated measurements tell what the errors do not know."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.flags import Star
from pogson.steps.inspect.repeats import compare_repeats, median_ratio, summarize_repeats


def night_of(frames=4, stars=400, hidden=0.0, seed=1, zero=0.0, touched=()):
    """PHOTOMETRY of constant stars; `hidden` mag no error knows of, `zero` mag between frames."""
    rng = np.random.default_rng(seed)
    flux = 10.0 ** rng.uniform(2.5, 5.0, stars)
    parts = []
    for k in range(frames):
        err = np.sqrt(flux + 400.0)
        seen = flux * (1.0 + hidden / 1.0857 * rng.standard_normal(stars)) + err * rng.standard_normal(stars)
        gain = 10.0 ** (-0.4 * zero * k)
        flags = np.zeros(stars, int)
        flags[list(touched)] = int(Star.NEIGHBOR)
        parts.append(
            {
                "frame": np.full(stars, f"{k}.fits"),
                "band": np.full(stars, "r"),
                "star": np.arange(stars),
                "flux": seen * gain,
                "flux_err": err * gain,
                "mag": 25.0 - 2.5 * np.log10(seen * gain),
                "flags": flags,
            }
        )
    return Table({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})


def test_honest_errors_explain_the_scatter():
    found = compare_repeats(night_of())
    assert np.all(found["n"] == 4)
    chi2 = np.asarray((found["scatter"] / found["expected"]) ** 2)
    assert np.mean(chi2) == pytest.approx(1.0, abs=4.0 * np.sqrt(2.0 / (3.0 * len(found))))
    table = summarize_repeats(found)
    assert np.all(np.abs(table["chi2"] - 1.0) < 3.5 * table["chi2_err"])


def test_what_is_missing_is_found_to_its_size():
    table = summarize_repeats(compare_repeats(night_of(stars=2000, hidden=0.02)))
    bright = table[np.asarray(table["expected"]) < 0.01]
    assert np.all(bright["chi2"] > 3.0)
    np.testing.assert_allclose(bright["missing"], 0.02, rtol=0.15)


def test_zero_points_that_differ_are_no_scatter_of_the_stars():
    plain, shifted = (compare_repeats(night_of(zero=z)) for z in (0.0, 0.1))
    np.testing.assert_allclose(shifted["scatter"], plain["scatter"], rtol=0.02)
    wrong = night_of(zero=0.1)
    mags = np.asarray(wrong["mag"]).reshape(4, -1)
    assert np.median(np.std(mags, axis=0, ddof=1)) > 0.1


def test_stars_with_neighbours_are_told_apart():
    table = compare_repeats(night_of(touched=range(50)))
    assert np.asarray(table["alone"]).sum() == 350
    assert set(summarize_repeats(table)["stars"]) == {"alone", "with neighbours"}


def test_a_night_without_stars_has_no_rows():
    nothing = night_of()[:0]
    assert len(compare_repeats(nothing)) == 0
    assert len(summarize_repeats(compare_repeats(nothing))) == 0


def test_the_median_of_a_standard_deviation_is_known():
    rng = np.random.default_rng(2)
    for n in (2, 3, 10):
        seen = np.median(np.std(rng.standard_normal((20_000, n)), axis=1, ddof=1))
        assert seen == pytest.approx(float(median_ratio(np.array([n]))[0]), rel=0.03)
