"""A star list is found on the sky, or refused."""

import numpy as np
import pytest
from astropy.table import Table
from numpy.polynomial.polynomial import polyval2d

from pogson.core.errors import MatchError
from pogson.io.tycho2 import tycho2_sky, tycho2_stars
from pogson.steps.match.solve import FALSE_ALARM, Hint, make_cone, solve_stars
from pogson.steps.match.tangent import to_plane

NX, NY = 1600, 1200


def stars_at(ra, dec, width, seed=1, flip=False, n=60, noise=0.2, bend=0.0):
    """Detections of a real field: 15 % missing, 30 % spurious, at any angle."""
    rng = np.random.default_rng(seed)
    a, d, mag = tycho2_stars(ra, dec, width)
    t, scale = rng.uniform(0, 2 * np.pi), NX / width
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ np.diag([1.0 if flip else -1.0, 1.0])
    xy = to_plane(a, d, ra, dec) @ (turn * scale).T
    xy += bend * (xy / NX) * ((xy / NX) ** 2).sum(1)[:, None] + [(NX - 1) / 2, (NY - 1) / 2]
    seen = np.flatnonzero(((xy > 0) & (xy < [NX - 1, NY - 1])).all(1) & (rng.uniform(size=len(xy)) > 0.15))[
        :n
    ]
    spurious = int(0.3 * len(seen))
    x = np.concatenate([xy[seen, 0] + rng.normal(0, noise, len(seen)), rng.uniform(0, NX, spurious)])
    y = np.concatenate([xy[seen, 1] + rng.normal(0, noise, len(seen)), rng.uniform(0, NY, spurious)])
    m = np.concatenate([mag[seen] + rng.normal(0, 0.3, len(seen)), rng.choice(mag[seen], spurious)])
    return Table({"x": x, "y": y, "flux": 10 ** (-0.4 * (m - 25))}), Table(
        {"ra": a[seen], "dec": d[seen], "x": xy[seen, 0], "y": xy[seen, 1]}
    )


def solve(stars, hint, **more):
    return solve_stars(stars, shape=(NY, NX), cone=tycho2_stars, hint=hint, **more)


def miss(solution, truth):
    x, y = solution.wcs.all_world2pix(truth["ra"], truth["dec"], 0)
    return float(np.median(np.hypot(x - truth["x"], y - truth["y"])))


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("ra", "dec", "width"), [(250.4, 36.5, 0.9), (31, 47.7, 1.5), (80, -88.5, 2), (0, 5, 4)]
)
def test_a_field_is_found_half_a_field_away_from_its_hint_in_either_hand(ra, dec, width, flip):
    stars, truth = stars_at(ra, dec, width, flip=flip)
    hint = Hint(
        (ra + 0.3 * width / np.cos(np.radians(dec))) % 360, dec - 0.3 * width, 3600 * width / NX * 1.045
    )
    found = solve(stars, hint, blind=False)
    assert miss(found, truth) < 0.3
    assert found.chance < FALSE_ALARM and found.log_odds > 13.8
    assert abs(found.pixel_scale / (3600 * width / NX) - 1) < 1e-3
    assert (np.linalg.det(found.wcs.pixel_scale_matrix) > 0) == flip


def test_random_fields_are_found_and_unrelated_lists_are_not():
    rng = np.random.default_rng(2)
    solved = tried = 0
    for seed in range(40):
        ra, dec, width = rng.uniform(0, 360), np.degrees(np.arcsin(rng.uniform(-1, 1))), rng.uniform(0.8, 4)
        stars, truth = stars_at(ra, dec, width, seed, flip=bool(seed % 2), n=int(rng.integers(8, 200)))
        if len(truth) < 8:
            continue
        tried += 1
        scale = 3600 * width / NX * rng.uniform(0.95, 1.05)
        solved += miss(solve(stars, Hint(ra, dec, scale), blind=False), truth) < 1.0
        with pytest.raises(MatchError):
            solve(stars, Hint((ra + 100) % 360, -dec, scale), blind=False)
    assert solved == tried > 30


def test_noise_is_found_nowhere():
    rng = np.random.default_rng(3)
    for n in (8, 30, 300):
        stars = Table({"x": rng.uniform(0, NX, n), "y": rng.uniform(0, NY, n), "flux": rng.uniform(1, 2, n)})
        with pytest.raises(MatchError, match=f"{n} stars match the catalogue nowhere at the pointing"):
            solve(stars, Hint(100.0, 20.0, 4.0), blind=False)


def test_a_scale_that_is_wrong_by_three_is_found_and_said():
    stars, truth = stars_at(120.0, 30.0, 1.5)
    for factor in (2.9, 1 / 2.9):
        found = solve(stars, Hint(120.1, 30.1, 3600 * 1.5 / NX * factor), search=0)
        assert miss(found, truth) < 0.5
        assert "the pixel scale is 3.37" in found.notes[0]


def test_the_wrong_hemisphere_is_found_by_the_whole_sky_and_said():
    stars, truth = stars_at(250.4, 36.5, 4.8, n=100)
    found = solve(stars, Hint(250.4, -36.5, 3600 * 4.8 / NX), sky=tycho2_sky, search=0)
    assert miss(found, truth) < 0.5
    assert "whole sky" in found.source and "the pointing is off by 73.0 deg" in found.notes[0]


def test_without_any_hint_the_whole_sky_is_searched():
    stars, truth = stars_at(31.0, 47.7, 4.5, n=120, flip=True)
    found = solve(stars, None, sky=tycho2_sky)
    assert miss(found, truth) < 0.5


def test_distortion_is_followed_to_the_corners():
    stars, truth = stars_at(300.0, 35.0, 4.0, n=1000, bend=150.0)
    found = solve(stars, Hint(300.2, 35.1, 3600 * 4.0 / NX), blind=False)
    assert found.order >= 3 and miss(found, truth) < 0.1
    x, y = found.wcs.all_world2pix(truth["ra"], truth["dec"], 0)
    assert np.percentile(np.hypot(x - truth["x"], y - truth["y"]), 95) < 0.5
    ra, dec = found.wcs.wcs_pix2world(truth["x"], truth["y"], 0)
    dropped = np.hypot((ra - truth["ra"]) * np.cos(np.radians(35)), dec - truth["dec"]) * 3600
    assert dropped.max() > 10, "a reader that drops SIP is off by arcseconds in the corners"
    # the way back, as programs without iteration take it
    pixels = np.c_[truth["x"], truth["y"]]
    sip, u = found.wcs.sip, pixels + 1 - found.wcs.wcs.crpix
    bent = u + np.c_[polyval2d(*u.T, sip.a), polyval2d(*u.T, sip.b)]
    back = bent + np.c_[polyval2d(*bent.T, sip.ap), polyval2d(*bent.T, sip.bp)]
    assert np.hypot(*(bent - u).T).max() > 5
    assert np.hypot(*(back - u).T).max() < 0.1


def test_few_stars_and_trailed_stars_are_refused_in_one_line():
    stars, _ = stars_at(120.0, 30.0, 1.5)
    with pytest.raises(MatchError, match="only 5 star"):
        solve(stars[:5], Hint(120, 30, 3.4))
    rng = np.random.default_rng(4)
    stars["x"], stars["elongation"] = rng.uniform(0, NX, len(stars)), 3.0
    with pytest.raises(MatchError, match=r"trailed \(elongation 3.0\)") as caught:
        solve(stars, Hint(120.0, 30.0, 3.4), blind=False)
    assert "\n" not in str(caught.value)


def test_nan_and_duplicate_rows_do_no_harm():
    stars, truth = stars_at(120.0, 30.0, 1.5)
    stars["flux"][3], stars["x"][5] = np.nan, np.nan
    a, d, mag = tycho2_stars(120.0, 30.0, 3.0)
    a, d, mag = np.r_[a, a, np.nan], np.r_[d, d, 1.0], np.r_[mag, mag, np.nan]
    found = solve_stars(
        stars, shape=(NY, NX), cone=make_cone(mag, a, d), hint=Hint(120.0, 30.0, 3.4), blind=False
    )
    assert miss(found, truth) < 0.3


def test_a_pointing_that_is_off_by_two_fields_is_found_about_it():
    stars, truth = stars_at(120.0, 30.0, 1.5)
    found = solve(stars, Hint(123.2, 30.6, 3600 * 1.5 / NX))
    assert miss(found, truth) < 0.5
    assert found.source == "a search about the pointing" and "off by 2.8 deg" in found.notes[0]
