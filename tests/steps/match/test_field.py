"""match_frames gives each star of a night one number and one place."""

import numpy as np
import pytest

from pogson.core.columns import STARS
from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.transform import Transform
from pogson.steps.match.field import MatchFailure, choose_reference, make_field, match_frames

N = 150


def truth(seed=1, n=N):
    rng = np.random.default_rng(seed)
    return rng.uniform(50, 950, n), rng.uniform(50, 950, n), 1000.0 * rng.uniform(size=n) ** (-1 / 0.8)


def stars(rng, x, y, flux, *, noise=0.1, fwhm=3.0, sky=100.0, flags=0, elongation=1.05):
    n = len(x)
    full = lambda v: np.full(n, float(v))  # noqa: E731
    return STARS.table(
        id=np.arange(1, n + 1),
        x=x + rng.normal(0, noise, n),
        y=y + rng.normal(0, noise, n),
        x_err=full(noise),
        y_err=full(noise),
        flux=flux,
        peak=flux / 10,
        snr=np.sqrt(flux),
        sharpness=full(0.6),
        roundness=full(0),
        fwhm=full(fwhm),
        elongation=full(elongation),
        sky=full(sky),
        flags=np.full(n, flags),
    )


def drifted(k):
    t = np.radians(0.05 * k)
    m = np.array([[np.cos(t), -np.sin(t), 12.3 * k], [np.sin(t), np.cos(t), -5.1 * k]])
    return Transform(m)


def night(n_frames=6, noise=0.1):
    rng = np.random.default_rng(2)
    x, y, flux = truth()
    return [stars(rng, *drifted(k).apply(x, y), flux * (1 - 0.1 * k), noise=noise) for k in range(n_frames)]


def test_each_star_gets_one_row_and_its_place_is_the_weighted_mean():
    field, results = match_frames(night(), reference=0)
    x, y, _ = truth()
    assert len(field) == N
    assert all(isinstance(r, Transform) for r in results)
    assert (field["n_detected"] == 6).all()
    d = np.hypot(field["x"][:, None] - x, field["y"][:, None] - y).min(1)
    assert np.sqrt(np.mean(d**2) / 2) == pytest.approx(np.median(field["x_err"]), rel=0.2)
    assert np.median(field["x_err"]) == pytest.approx(0.1 / np.sqrt(6), rel=0.1)
    assert list(field["id"]) == list(range(1, N + 1))
    assert (np.diff(field["flux"]) <= 0).all()


def test_the_reference_is_chosen_by_quality_not_by_order():
    rng = np.random.default_rng(3)
    x, y, flux = truth()
    blurred = stars(rng, x, y, flux, fwhm=5.0)
    trailed = stars(rng, x, y, flux, elongation=1.8)
    cloudy = stars(rng, x[:60], y[:60], flux[:60])
    bright_sky = stars(rng, x, y, flux, sky=2000.0)
    sharp = stars(rng, x, y, flux)
    tables = [blurred, trailed, cloudy, bright_sky, sharp]
    assert choose_reference(tables) == 4
    field, _ = match_frames(tables, names=list("abcde"))
    assert (field.meta["reference"], field.meta["reference_name"]) == (4, "e")


def test_a_false_detection_in_one_frame_is_dropped_and_counted():
    rng = np.random.default_rng(4)
    tables = night(4)
    x, y, flux = truth()
    tables[2] = stars(
        rng,
        *drifted(2).apply(np.append(x, [500.5, 300.2]), np.append(y, [700.1, 20.0])),
        np.append(flux, [5e4, 3e3]),
    )
    field, _ = match_frames(tables, reference=0)
    assert (len(field), field.meta["dropped"]) == (N, 2)
    assert len(match_frames(tables, reference=0, min_frames=1)[0]) == N + 2


def test_in_a_long_series_two_accidents_at_one_place_make_no_star():
    rng = np.random.default_rng(7)
    tables = night(1) * 60
    x, y, flux = truth()
    for k in (10, 40):
        tables[k] = stars(rng, np.append(x, 500.5), np.append(y, 700.1), np.append(flux, 5e4))
    field = make_field(tables, [Transform.identity()] * 60, 0)
    assert (len(field), field.meta["dropped"]) == (N, 1)


def with_flag(table, flag, rows):
    table["flags"][rows] = int(flag)
    return table


@pytest.mark.parametrize("flag", [Star.BAD_PIXEL, Star.EDGE, Star.COSMIC])
def test_what_a_bad_pixel_or_the_edge_makes_of_the_wings_of_a_star_is_no_star(flag):
    tables = night(1) * 40
    x, y, flux = truth()
    for k in (5, 12, 30):
        broken = stars(
            np.random.default_rng(k), np.append(x, 500.5), np.append(y, 700.1), np.append(flux, 5e4)
        )
        tables[k] = with_flag(broken, flag, [N])
    field = make_field(tables, [Transform.identity()] * 40, 0)
    assert (len(field), field.meta["dropped"]) == (N, 1)


def test_a_star_that_is_always_on_a_bad_pixel_is_a_star():
    tables = [with_flag(table, Star.BAD_PIXEL, [7]) for table in night(6)]
    field, _ = match_frames(tables, reference=0)
    assert len(field) == N
    assert (np.asarray(field["flags"]) == int(Star.BAD_PIXEL)).sum() == 1


def test_with_two_frames_every_star_is_kept():
    tables = night(2)
    tables[1] = tables[1][: N - 10]
    assert len(match_frames(tables, reference=0)[0]) == N


def test_a_frame_of_another_field_fails_with_a_reason_and_the_rest_goes_on():
    rng = np.random.default_rng(5)
    tables = [*night(4), stars(rng, *truth(99)), stars(rng, *truth(98))[:1]]
    field, results = match_frames(tables, reference=0)
    assert len(field) == N
    assert isinstance(results[4], MatchFailure)
    assert "do not match" in results[4].reason
    assert "only 1 star" in results[5].reason


def test_a_frame_that_has_drifted_off_the_reference_is_reached_by_its_neighbours():
    rng = np.random.default_rng(8)
    x, y = rng.uniform(0, 3000, 600), rng.uniform(0, 900, 600)
    flux = 1000.0 * rng.uniform(size=600) ** (-1 / 0.8)
    tables = []
    for k in range(4):
        seen = (x > 450 * k) & (x < 450 * k + 1000)
        tables.append(stars(rng, x[seen] - 450 * k, y[seen], flux[seen]))
    field, results = match_frames(tables, reference=0, min_frames=1)
    assert results[3].reason == "matched by way of another frame"
    assert np.allclose(results[3].apply(0.0, 0.0), (-1350.0, 0.0), atol=2.0)
    assert len(field) == pytest.approx((x < 2350).sum(), rel=0.02)


def test_two_close_stars_stay_two():
    rng = np.random.default_rng(6)
    x, y, flux = truth()
    x, y, flux = np.append(x, x[0] + 3.0), np.append(y, y[0]), np.append(flux, flux[0])
    tables = [stars(rng, x, y, flux) for _ in range(4)]
    field, _ = match_frames(tables)
    assert len(field) == N + 1


def test_a_flag_needs_half_of_the_detections():
    tables = night(4)
    tables[0]["flags"][:] = 0
    for k in range(3):
        tables[k]["flags"][5] = int(Star.BLENDED)
    tables[1]["flags"][7] = int(Star.COSMIC)
    field = make_field(tables, [drifted(k) for k in range(4)], 0)
    x, y, _ = truth()
    at = lambda k: int(np.argmin(np.hypot(field["x"] - x[k], field["y"] - y[k])))  # noqa: E731
    assert field["flags"][at(5)] == int(Star.BLENDED)
    assert field["flags"][at(7)] == 0


def test_fluxes_are_on_the_reference_frames_scale():
    field, _ = match_frames(night(), reference=0)
    _, _, flux = truth()
    assert np.allclose(np.sort(field["flux"]), np.sort(flux), rtol=1e-6)


def test_the_order_of_the_frames_hardly_moves_a_star():
    tables = night(5)
    maps = [drifted(k) for k in range(5)]
    a = make_field(tables, maps, 0)
    order = [0, 4, 2, 3, 1]
    b = make_field([tables[k] for k in order], [maps[k] for k in order], 0)
    assert np.allclose(np.sort(a["x"]), np.sort(b["x"]), atol=1e-9)


def test_frames_without_stars_are_refused_in_one_line():
    with pytest.raises(MatchError, match="no frame has 3 stars"):
        match_frames([STARS.empty(), STARS.empty()])
