"""match_stars finds the map that was put in, and nothing where there is none."""

from time import perf_counter

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.transform import Transform
from pogson.steps.match.align import match_stars

SIZE = 1024.0


def sky(rng, n, size=SIZE):
    flux = 100.0 * rng.uniform(size=n) ** (-1 / 0.8)
    return rng.uniform(0, size, n), rng.uniform(0, size, n), flux


def table(x, y, flux, err=0.1, flags=None):
    flags = np.zeros(len(x), int) if flags is None else flags
    e = np.full(len(x), err)
    return Table({"x": x, "y": y, "flux": flux, "x_err": e, "y_err": e, "flags": flags})


def moved(angle=0.0, scale=1.0, flip=False, shift=(0.0, 0.0), about=SIZE / 2):
    t = np.radians(angle)
    m = scale * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    if flip:
        m = m @ np.diag([1.0, -1.0])
    c = np.full(2, about)
    return Transform(np.column_stack([m, c - m @ c + shift]))


def observe(rng, x, y, flux, truth, noise=0.1, lost=0.15, spurious=0.1, size=SIZE):
    u, v = truth.apply(x, y)
    f = flux * 10 ** (0.4 * rng.normal(0, 0.1, len(x)))
    keep = (u > 0) & (v > 0) & (u < size) & (v < size) & (rng.uniform(size=len(x)) > lost)
    u, v, f = u[keep] + rng.normal(0, noise, keep.sum()), v[keep] + rng.normal(0, noise, keep.sum()), f[keep]
    k = int(spurious * len(u))
    extra = sky(rng, k, size)
    return table(*(np.concatenate(pair) for pair in zip((u, v, f), extra, strict=True)), err=noise)


def worst(found, truth, size=SIZE):
    g = np.linspace(0, size, 5)
    x, y = (a.ravel() for a in np.meshgrid(g, g))
    return np.max(np.hypot(*(np.array(found.apply(x, y)) - np.array(truth.apply(x, y)))))


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("nothing", moved()),
        ("a dither", moved(0.01, shift=(7.3, -4.1))),
        ("hundreds of pixels of drift", moved(0.4, shift=(275.0, -160.0))),
        ("the meridian flip", moved(180.02, shift=(30.0, 11.0))),
        ("a rotation", moved(37.0, shift=(-20.0, 40.0))),
        ("another scale", moved(2.0, scale=1.08)),
        ("twice the binning", moved(0.5, scale=0.5)),
        ("a mirror image", moved(90.0, flip=True)),
        ("half of the field gone", moved(1.0, shift=(500.0, 20.0))),
    ],
)
def test_the_map_that_was_put_in_comes_back(name, truth):
    rng = np.random.default_rng(5)
    x, y, flux = sky(rng, 300)
    found = match_stars(observe(rng, x, y, flux, truth), table(x, y, flux))
    assert worst(found, truth) < 0.3, name
    assert found.flipped == truth.flipped
    assert found.scale == pytest.approx(truth.scale, abs=1e-3)


@pytest.mark.parametrize("n", [8, 12, 25, 60, 3000, 20000])
def test_few_stars_and_many_stars(n):
    rng = np.random.default_rng(n)
    truth = moved(180.3, shift=(25.0, -13.0))
    x, y, flux = sky(rng, n)
    stars = observe(rng, x, y, flux, truth, lost=0.1 if n > 8 else 0.0)
    assert worst(match_stars(stars, table(x, y, flux)), truth) < 0.5


@pytest.mark.parametrize(("n", "at_least"), [(3, 12), (4, 17), (5, 19)])
def test_three_to_five_stars_mostly_match_at_the_known_scale_and_never_wrongly(n, at_least):
    good = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth = moved(0.2, shift=(40.0, 3.0))
        x, y = rng.uniform(100, 900, (2, n))
        flux = rng.uniform(1, 10, n)
        try:
            found = match_stars(observe(rng, x, y, flux, truth, lost=0, spurious=0), table(x, y, flux))
        except MatchError:
            continue
        assert worst(found, truth) < 4.0
        good += 1
    assert good >= at_least


@pytest.mark.parametrize(("n", "pairs"), [(5, 200), (15, 150), (60, 100), (400, 50)])
def test_unrelated_lists_are_never_matched(n, pairs):
    for seed in range(pairs):
        rng = np.random.default_rng([n, seed])
        with pytest.raises(MatchError, match="do not match"):
            match_stars(table(*sky(rng, n)), table(*sky(rng, n)))


def test_unrelated_clusters_are_not_matched_on_their_cores():
    def cluster(rng):
        r = 40 * np.sqrt(rng.uniform(size=600) ** -0.8 - 1)
        t = rng.uniform(0, 2 * np.pi, 600)
        x, y = 512 + r * np.cos(t), 512 + r * np.sin(t)
        good = (abs(x - 512) < 512) & (abs(y - 512) < 512)
        return table(x[good], y[good], rng.uniform(1, 9, good.sum()))

    for seed in range(30):
        rng = np.random.default_rng(seed)
        with pytest.raises(MatchError):
            match_stars(cluster(rng), cluster(rng))


def test_a_saturated_patch_of_false_stars_does_no_harm():
    rng = np.random.default_rng(3)
    truth = moved(0.3, shift=(12.0, 5.0))
    x, y, flux = sky(rng, 150)
    stars, reference = observe(rng, x, y, flux, truth), table(x, y, flux)

    def patched(t, x0):
        n = 80
        patch = table(
            rng.normal(x0, 15, n), rng.normal(500, 15, n), np.full(n, 1e6), flags=np.full(n, Star.SATURATED)
        )
        return table(
            *(np.concatenate([t[c], patch[c]]) for c in ("x", "y", "flux")),
            flags=np.concatenate([t["flags"], patch["flags"]]),
        )

    assert worst(match_stars(patched(stars, 512), patched(reference, 500)), truth) < 0.3


def test_where_all_bright_stars_are_saturated_they_are_used():
    rng = np.random.default_rng(4)
    truth = moved(0.3, shift=(12.0, 5.0))
    x, y, flux = sky(rng, 12)
    flags = np.full(12, Star.SATURATED)
    u, v = truth.apply(x, y)
    assert worst(match_stars(table(u, v, flux, flags=flags), table(x, y, flux, flags=flags)), truth) < 0.3


def test_hot_pixels_that_stand_still_do_not_hold_the_frame():
    rng = np.random.default_rng(12)
    truth = moved(0.02, shift=(6.3, -3.2))
    x, y, flux = sky(rng, 200)
    hot = (*rng.uniform(0, SIZE, (2, 150)), np.full(150, 3e3))

    def with_hot(t):
        joined = table(*(np.concatenate([t[c], h]) for c, h in zip(("x", "y", "flux"), hot, strict=True)))
        joined["fwhm"] = np.append(rng.normal(3.0, 0.2, len(t)), rng.normal(1.1, 0.1, 150))
        return joined

    stars, reference = with_hot(observe(rng, x, y, flux, truth)), with_hot(table(x, y, flux))
    for guess in (None, Transform.identity()):
        assert worst(match_stars(stars, reference, guess=guess), truth) < 0.2


def test_a_short_exposure_matches_a_long_one_whose_bright_stars_are_saturated():
    rng = np.random.default_rng(13)
    truth = moved(0.1, shift=(15.0, 8.0))
    x, y, flux = sky(rng, 600)
    order = np.argsort(-flux)
    short = table(*truth.apply(x[order[:120]], y[order[:120]]), flux[order[:120]] / 60)
    flags = np.zeros(600, int)
    flags[order[:110]] = Star.SATURATED
    assert worst(match_stars(short, table(x, y, flux, flags=flags)), truth) < 0.2


def test_one_bright_star_and_whole_pixels_are_the_wrong_way():
    rng = np.random.default_rng(8)
    truth = moved(0.4, shift=(20.4, -7.6))
    x, y, flux = sky(rng, 200)
    stars = observe(rng, x, y, flux, truth, lost=0, spurious=0)
    u, v = truth.apply(x, y)
    brightest = np.argmax(flux)
    wrong = Transform(
        np.array(
            [[1, 0, round(u[brightest] - x[brightest])], [0, 1, round(v[brightest] - y[brightest])]], float
        )
    )
    assert worst(wrong, truth) > 3.0
    assert worst(match_stars(stars, table(x, y, flux)), truth) < 0.1


def test_a_guess_is_followed_and_a_wrong_guess_is_forgotten():
    rng = np.random.default_rng(6)
    x, y, flux = sky(rng, 200)
    truth = moved(0.1, shift=(103.0, -55.0))
    stars, reference = observe(rng, x, y, flux, truth), table(x, y, flux)
    near = moved(0.1, shift=(95.0, -50.0))
    for guess in (near, Transform.identity(), moved(180.0)):
        assert worst(match_stars(stars, reference, guess=guess), truth) < 0.2


def test_the_same_lists_give_the_same_map():
    rng = np.random.default_rng(7)
    x, y, flux = sky(rng, 100)
    stars, reference = observe(rng, x, y, flux, moved(5.0)), table(x, y, flux)
    first, again = match_stars(stars, reference), match_stars(stars, reference)
    assert np.array_equal(first.matrix, again.matrix)


def test_two_stars_are_refused_in_one_line():
    t = table(np.array([1.0, 2.0]), np.array([1.0, 5.0]), np.ones(2))
    with pytest.raises(MatchError, match=r"only 2 star\(s\)"):
        match_stars(t, t)


def test_it_is_quick():
    rng = np.random.default_rng(9)
    x, y, flux = sky(rng, 500)
    stars, reference = observe(rng, x, y, flux, moved(1.0)), table(x, y, flux)
    match_stars(stars, reference)
    start = perf_counter()
    for _ in range(5):
        match_stars(stars, reference)
    assert (perf_counter() - start) / 5 < 0.2


@pytest.mark.parametrize(
    "guess", [moved(), moved(0.02, shift=(-31.0, 12.0)), moved(0.3, shift=(25.0, -12.0)), None]
)
def test_the_map_does_not_depend_on_the_frame_that_gave_the_guess(guess):
    rng = np.random.default_rng(11)
    x, y, flux = sky(rng, 800)
    truth = moved(0.05, shift=(3.0, 2.0))
    stars, reference = observe(rng, x, y, flux, truth), table(x, y, flux)
    found = match_stars(stars, reference, guess=guess)
    expected = match_stars(stars, reference, guess=truth)
    assert found.n == expected.n
    assert worst(found, expected) < 1e-9
