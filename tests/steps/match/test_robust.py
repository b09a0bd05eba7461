"""What a night does to its frames: drift, the meridian, saturation, clouds. The map is found, or refused."""

import re

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import MatchError
from pogson.core.flags import Star
from pogson.core.transform import Transform
from pogson.steps.match.align import CHANCE, match_stars

SHAPE = (1266, 1676)  # rows, columns


def catalog(n, seed=1, margin=500.0):
    """Stars of a field that is larger than the frame: brighter ones are rarer."""
    dice = np.random.default_rng(seed)
    x = dice.uniform(-margin, SHAPE[1] + margin, n)
    y = dice.uniform(-margin, SHAPE[0] + margin, n)
    return x, y, 200.0 * dice.uniform(size=n) ** (-1 / 0.8)


def mapped(dx=0.0, dy=0.0, turn=0.0, scale=1.0, mirror=False):
    """Turn, scale and mirror about the frame's centre, then shift."""
    t = np.radians(turn)
    matrix = scale * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    if mirror:
        matrix = matrix @ np.diag([-1.0, 1.0])
    center = np.array(SHAPE[::-1]) / 2
    return Transform(np.column_stack([matrix, center - matrix @ center + (dx, dy)]))


def shoot(stars, truth, seed, *, lost=0.1, false=0.05, noise=0.08, seen=lambda x, y: x == x):
    """A star list: some stars missed, some false, brightness off by a tenth."""
    dice = np.random.default_rng(seed)
    x, y = truth.apply(*stars[:2])
    on = (
        (x > 0) & (y > 0) & (x < SHAPE[1]) & (y < SHAPE[0]) & (dice.uniform(size=len(x)) >= lost) & seen(x, y)
    )
    n_false = int(false * on.sum())
    flux = stars[2][on] * 10 ** dice.normal(0, 0.04, on.sum())
    x = np.append(x[on] + dice.normal(0, noise, on.sum()), dice.uniform(0, SHAPE[1], n_false))
    y = np.append(y[on] + dice.normal(0, noise, on.sum()), dice.uniform(0, SHAPE[0], n_false))
    flux = np.append(flux, dice.uniform(200, 900, n_false))
    err = np.full(len(x), noise)
    return Table({"x": x, "y": y, "flux": flux, "x_err": err, "y_err": err, "flags": np.zeros(len(x), int)})


def distance(found, truth):
    """Largest error of a map within the frame, pixels."""
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(0, SHAPE[1], 5), np.linspace(0, SHAPE[0], 5)))
    (a, b), (c, d) = found.apply(x, y), truth.apply(x, y)
    return float(np.hypot(a - c, b - d).max())


def allowed(n, noise=0.08):
    """Three errors of an affine map of `n` pairs at the corner of the frame: 14 = 2 axes x (1 + 3 + 3)."""
    return 3.0 * np.sqrt(14.0 / n) * np.sqrt(2.0) * noise


NIGHT = {
    "275 px of drift": mapped(275.0, -120.0, 0.3),
    "the meridian flip": mapped(40.0, -25.0, 180.4),
    "the meridian flip with all the drift": mapped(-275.0, 60.0, 179.1),
    "a mirror image": mapped(10.0, 5.0, 12.0, mirror=True),
    "a scale 2 % larger": mapped(5.0, -8.0, 0.2, scale=1.02),
    "a scale 2 % smaller": mapped(5.0, -8.0, 0.2, scale=0.98),
}


@pytest.mark.parametrize("name", NIGHT)
@pytest.mark.parametrize("n", [60, 600, 4000])
def test_the_way_of_the_telescope_is_found_without_a_guess(name, n):
    stars, truth = catalog(n), NIGHT[name]
    found = match_stars(shoot(stars, truth, 2), shoot(stars, mapped(), 3))
    assert distance(found, truth) < allowed(found.n)
    assert found.flipped == truth.flipped
    assert found.chance < CHANCE
    assert found.rms < 0.2


@pytest.mark.parametrize("name", NIGHT)
def test_a_guess_from_before_the_flip_does_no_harm(name):
    stars, truth = catalog(600), NIGHT[name]
    found = match_stars(shoot(stars, truth, 2), shoot(stars, mapped(), 3), guess=mapped(3.0, 2.0))
    assert distance(found, truth) < allowed(found.n)


@pytest.mark.parametrize("name", ["275 px of drift", "the meridian flip"])
def test_eight_stars_are_enough(name):
    dice = np.random.default_rng(4)
    x, y = dice.uniform(300, SHAPE[1] - 300, 8), dice.uniform(300, SHAPE[0] - 300, 8)
    stars, truth = (x, y, dice.uniform(500, 9000, 8)), NIGHT[name]
    found = match_stars(
        shoot(stars, truth, 5, lost=0.0, false=0.0), shoot(stars, mapped(), 6, lost=0.0, false=0.0)
    )
    assert distance(found, truth) < allowed(8)
    assert found.n == 8


def test_twenty_thousand_stars_are_not_too_many():
    stars, truth = catalog(52000), mapped(275.0, -120.0, 180.2)
    frame, reference = shoot(stars, truth, 7), shoot(stars, mapped(), 8)
    assert min(len(frame), len(reference)) > 14000
    found = match_stars(frame, reference)
    assert distance(found, truth) < allowed(found.n)
    assert found.n > 400, "of the 600 brightest"


@pytest.mark.parametrize("side", [lambda x, y: x > SHAPE[1] / 2, lambda x, y: y < SHAPE[0] / 2])
@pytest.mark.parametrize("turn", [0.2, 180.2])
def test_half_of_the_field_may_be_gone(side, turn):
    """A cloud or a tree before half of the frame, and the other half has drifted."""
    stars, truth = catalog(800), mapped(80.0, -40.0, turn)
    found = match_stars(shoot(stars, truth, 9, seen=side), shoot(stars, mapped(), 10))
    # the other half is extrapolated to: three times as far off the middle of the stars
    assert distance(found, truth) < 3.0 * allowed(found.n)


def test_a_saturated_patch_that_moves_differently_does_no_harm():
    """A bright star that bleeds: a heap of false stars, the brightest of the list."""
    stars, truth = catalog(600), mapped(60.0, 20.0, 0.2)

    def spoil(table, seed):
        dice = np.random.default_rng(seed)
        n = 40
        patch = Table({"x": dice.normal(800, 12, n), "y": dice.normal(600, 40, n), "flux": np.full(n, 1e7)})
        patch["x_err"] = patch["y_err"] = 0.5
        patch["flags"] = int(Star.SATURATED)
        return Table({name: np.concatenate([table[name], patch[name]]) for name in table.colnames})

    found = match_stars(spoil(shoot(stars, truth, 11), 12), spoil(shoot(stars, mapped(), 13), 14))
    assert distance(found, truth) < allowed(found.n)


@pytest.mark.parametrize("n_false", [40, 200])
@pytest.mark.parametrize("n", [120, 250, 600])
def test_a_heap_of_false_stars_that_no_flag_tells_does_no_harm(n, n_false):
    """A reflection, or what a hot column leaves: the brightest of the list, in one place."""
    stars, truth = catalog(n), mapped(60.0, 20.0, 0.2)
    for seed in range(4):
        frame, reference = shoot(stars, truth, 11 + seed), shoot(stars, mapped(), 31 + seed)
        dice = np.random.default_rng(seed)
        x, y = dice.uniform(200, 1000, 2)
        heap = Table({"x": dice.normal(x, 8, n_false), "y": dice.normal(y, 30, n_false)})
        heap["flux"], heap["x_err"], heap["y_err"], heap["flags"] = 1e7, 0.5, 0.5, 0
        spoiled = Table({name: np.concatenate([frame[name], heap[name]]) for name in frame.colnames})
        for one, other in ((spoiled, reference), (reference, spoiled)):
            found = match_stars(one, other)
            true = truth if one is spoiled else truth.inverse()
            assert distance(found, true) < allowed(found.n)
            assert found.n > 0.7 * len(reference) * 0.9


def test_a_refusal_tells_how_far_the_best_map_is_from_being_believed():
    with pytest.raises(MatchError, match=r"best map pairs \d+ stars, and accident makes .* at most 0.0001"):
        match_stars(shoot(catalog(100, 21), mapped(), 1), shoot(catalog(100, 41), mapped(), 2))


@pytest.mark.parametrize("n", [8, 60, 600, 6000])
def test_another_field_is_refused_with_its_reason(n):
    for seed in range(5):
        frame, reference = (
            shoot(catalog(n, 20 + seed), mapped(), 1),
            shoot(catalog(n, 40 + seed), mapped(), 2),
        )
        if min(len(frame), len(reference)) < 3:
            continue
        with pytest.raises(MatchError) as refused:
            match_stars(frame, reference)
        told = re.search(r"\((\d+) and (\d+) stars\): another field", str(refused.value))
        assert told and (int(told[1]), int(told[2])) == (len(frame), len(reference))


def test_the_chance_of_an_accident_is_told_and_falls_with_the_stars_in_common():
    truth = mapped(20.0, 10.0, 0.1)
    chances = []
    for n in (30, 60, 240):
        stars = catalog(n)
        chances.append(match_stars(shoot(stars, truth, 1), shoot(stars, mapped(), 2)).chance)
    assert CHANCE > chances[0] > chances[1] > chances[2] >= 0.0
