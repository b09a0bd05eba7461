"""The errors of zero points and colour terms are right to ten per cent, whatever the stars are."""

import pytest

from pogson.pipeline.prove.zero_points import Comparison, prove_zero_points


@pytest.mark.parametrize(
    "given",
    [Comparison(stars=12), Comparison(scatter=0.02), Comparison(told=False)],
)
def test_errors_of_zero_points_and_colour_terms_are_right_to_ten_per_cent(given):
    """300 numbers of each: the width is known to 5 %, two errors of it are allowed."""
    proof = prove_zero_points(given, draws=150, seed=4)
    for quantity in ("zero point", "colour term"):
        pulls = proof.of(quantity)
        assert pulls.n == 300
        assert abs(pulls.width - 1.0) < 0.1 + 2.0 * pulls.width_err
        assert abs(pulls.mean) < 3.5 * pulls.mean_err
