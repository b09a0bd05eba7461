"""A branch before a corner of the field is told from eclipses."""

from dataclasses import replace

import numpy as np
from known_series import series

from pogson.core.flags import Star
from pogson.steps.timeseries.ensemble import compare_ensemble
from pogson.steps.timeseries.shade import find_shaded
from pogson.steps.timeseries.variability import measure_variability


def corner(curves, size=300):
    x, y = np.asarray(curves.stars["x"]), np.asarray(curves.stars["y"])
    return np.flatnonzero((x < size) & (y < size))


def test_a_branch_before_a_corner_is_found_and_only_it():
    curves, _, _ = series(stars=200, frames=100)
    covered = corner(curves, 400)
    curves.flux[covered, 70] *= 0.4
    shaded = find_shaded(compare_ensemble(curves))
    assert shaded[:, np.arange(100) != 70].sum() == 0
    x, y = np.asarray(curves.stars["x"]), np.asarray(curves.stars["y"])
    inside, outside = (x < 300) & (y < 300), (x > 500) | (y > 500)
    assert shaded[inside, 70].all()
    assert not shaded[outside, 70].any()


def test_stars_behind_a_branch_are_no_variables_once_their_points_are_flagged():
    curves, _, _ = series(stars=200, frames=100)
    curves.flux[corner(curves), 70:72] *= 0.3
    ensemble = compare_ensemble(curves)
    wrong = measure_variability(ensemble)["excess"].max()
    flags = curves.flags | np.where(find_shaded(ensemble), int(Star.SHADED), 0)
    right = measure_variability(compare_ensemble(replace(curves, flags=flags)))["excess"].max()
    assert wrong > 10.0
    assert right < 6.0


def test_an_eclipse_among_constant_neighbours_is_no_shade():
    curves, _, _ = series(stars=100, frames=100)
    curves.flux[40, 30:50] *= 0.5
    assert not find_shaded(compare_ensemble(curves)).any()


def test_a_few_stars_tell_nothing_of_a_shade():
    curves, _, _ = series(stars=6, frames=50)
    assert not find_shaded(compare_ensemble(curves)).any()


def test_a_veil_over_the_whole_field_is_the_frames_offset_and_no_shade():
    curves, _, _ = series(stars=100, frames=100)
    curves.flux[:, 60:] *= 0.7
    assert not find_shaded(compare_ensemble(curves)).any()
