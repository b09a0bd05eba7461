"""Scale factors come from stars, with errors that hold."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.core.errors import FrameError
from pogson.core.flags import Star
from pogson.steps.stack.scale import fit_scale, weighted_median


def stars(dice, k, n=60, spread=0.0):
    flux = 10 ** dice.uniform(3.5, 5.2, n)
    tables = []
    for scale in (k, 1.0):
        err = np.sqrt(scale * flux + 4000.0)
        light = scale * flux * (1 + spread * dice.standard_normal(n))
        tables.append(
            Table({"flux": light + err * dice.standard_normal(n), "flux_err": err, "flags": np.zeros(n, int)})
        )
    return tables


@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_scales_are_right_within_their_errors(spread):
    dice = np.random.default_rng(1)
    pulls = []
    for _ in range(300):
        scale = fit_scale(*stars(dice, 0.7, spread=spread))
        pulls.append((scale.value - 0.7) / scale.err)
    assert abs(np.mean(pulls)) < 0.2
    assert 0.85 < np.std(pulls) < 1.15


def test_a_variable_star_and_flagged_stars_do_not_change_the_scale():
    dice = np.random.default_rng(2)
    frame, reference = stars(dice, 1.3)
    clean = fit_scale(frame, reference)
    frame["flux"][3] *= 2.0
    frame["flux"][7] *= 0.1
    frame["flags"][7] = int(Star.SATURATED)
    scale = fit_scale(frame, reference)
    assert scale.n == clean.n - 2
    assert scale.value == pytest.approx(clean.value, abs=2 * clean.err)


def test_without_a_common_star_there_is_no_scale():
    frame, reference = stars(np.random.default_rng(3), 1.0)
    frame["flux"][:] = 0.0
    with pytest.raises(FrameError, match="no star"):
        fit_scale(frame, reference)


def test_the_weighted_median_of_equal_weights_is_the_median():
    values = np.array([3.0, 1.0, 2.0, 10.0])
    assert weighted_median(values, np.ones(4)) == 2.5
    assert weighted_median(values, np.array([1.0, 1.0, 1.0, 9.0])) == 10.0
