"""The error bars are right, and what says so would notice if they were not."""

import numpy as np
import pytest

from pogson.core.errors import SettingError
from pogson.pipeline.prove.describe import describe_proof, draw_proof
from pogson.pipeline.prove.light import light_inside
from pogson.pipeline.prove.night import prove, prove_camera
from pogson.pipeline.prove.pulls import Proof, summarize_pulls
from pogson.pipeline.prove.setup import ProofNight
from pogson.steps.measure.profile import enclosed_light


@pytest.fixture(scope="module")
def proof():
    given = ProofNight(sky=1000.0, calibrations=5, frames=3)
    return Proof.join([prove(given, seed=seed, workers=2) for seed in (11, 12)])


@pytest.mark.parametrize("quantity", ["x", "y", "flux", "sky", "magnitude"])
def test_pulls_are_one_wide_and_centred_on_zero(proof, quantity):
    pulls = proof.of(quantity)
    assert pulls.n > 500
    assert 0.9 < pulls.width < 1.1
    assert abs(pulls.mean) < 0.15


def test_the_error_of_a_flux_holds_for_faint_and_for_bright_stars(proof):
    bins = proof.bins("flux", least=100)
    assert [p.low for p in bins][:5] == [5, 10, 20, 50, 100]
    for p in bins:
        assert abs(p.width - 1.0) < 0.05 + 3.0 * p.width_err


def test_every_frame_and_band_has_its_pulls(proof):
    # two nights of two bands, with ten catalogues each, of three frames
    assert proof.of("zero point").n == 40
    assert proof.of("colour term").n == 40
    assert proof.of("aperture correction").n == 12
    for quantity in ("zero point", "colour term", "aperture correction"):
        mine = np.asarray(proof.pulls["quantity"], str) == quantity
        assert np.all(np.abs(proof.pulls["pull"][mine]) < 4.0)


def test_pulls_can_be_sorted_by_place_and_by_where_in_a_pixel_a_star_is(proof):
    for by in ("place", "phase"):
        bins = proof.bins("flux", by=by)
        assert sum(p.n for p in bins) == pytest.approx(proof.of("flux").n, rel=0.01)
        for p in bins:
            assert abs(p.width - 1.0) < 0.05 + 3.0 * p.width_err


def test_a_neighbour_s_light_is_in_no_error_bar_and_flagged():
    crowd = prove(ProofNight(crowded=True, stars=324, frames=1, calibrations=5), seed=3, workers=2)
    clean, touched = (crowd.of("flux", *edges, by="share") for edges in ((0.0, 0.001), (0.03, 0.3)))
    assert clean.width < 1.5 < 5.0 < touched.width
    shares = np.asarray(crowd.pulls["share"], float)
    flux = np.asarray(crowd.pulls["quantity"], str) == "flux"
    assert np.asarray(crowd.pulls["neighbor"])[flux & (shares > 0.03)].mean() > 0.7


def test_gain_and_read_noise_that_are_measured_have_pulls_of_their_own():
    found = prove_camera(ProofNight(calibrations=4), seed=1, nights=4)
    assert found.of("gain").n == found.of("read noise").n == 4
    assert np.all(np.abs(found.pulls["pull"]) < 4.0)


def test_the_proof_is_told_line_by_line_and_drawn(proof, tmp_path):
    lines = describe_proof(proof)
    assert any(line.startswith("total flux") and line.endswith("holds") for line in lines)
    draw_proof(proof, tmp_path / "pulls.png")
    assert (tmp_path / "pulls.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("scale", "shift", "words"),
    [
        (1.0, 0.0, "holds"),
        (1.2, 0.0, "error too small by 2"),
        (0.8, 0.0, "error too large by 2"),
        (1.0, 0.3, "biased by +0.3"),
    ],
)
def test_a_wrong_error_bar_is_noticed(scale, shift, words):
    pulls = scale * np.random.default_rng(3).standard_normal(20_000) + shift
    assert summarize_pulls("flux", 5.0, 10.0, pulls).verdict.startswith(words)


def test_few_pulls_prove_nothing():
    assert summarize_pulls("flux", 5.0, 10.0, np.array([9.0, -9.0])).verdict == "too few to tell"
    assert summarize_pulls("flux", 5.0, 10.0, np.empty(0)).verdict == "too few to tell"


def test_the_error_of_a_width_is_its_scatter():
    rng = np.random.default_rng(4)
    found = [summarize_pulls("x", 0.0, np.inf, rng.standard_normal(400)) for _ in range(600)]
    assert np.std([p.width for p in found]) == pytest.approx(found[0].width_err, rel=0.2)


def test_stars_that_share_a_mistake_are_not_counted_as_so_many_proofs():
    rng = np.random.default_rng(5)
    groups = np.repeat([str(k) for k in range(12)], 200)
    shared = 0.5 * rng.standard_normal(12)
    pulls = np.sqrt(0.75) * rng.standard_normal(2400) + np.repeat(shared, 200)
    alone = summarize_pulls("magnitude", 0.0, np.inf, pulls)
    together = summarize_pulls("magnitude", 0.0, np.inf, pulls, groups)
    assert alone.mean_err == pytest.approx(1.0 / np.sqrt(2400), rel=0.2)
    assert together.mean_err == pytest.approx(shared.std(ddof=1) / np.sqrt(12), rel=0.3)


def test_wide_stars_share_their_light_as_the_profile_says():
    assert light_inside(12.0, 8.0) == pytest.approx(
        float(enclosed_light(np.array([12.0]), 8.0, 3.2)[0]), abs=1e-3
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"gain": -1.0}, "gain must be from 0.01 to 100 electron / ADU, got -1"),
        ({"gain": float("nan")}, "gain must be"),
        ({"fwhm": 0.0}, "fwhm must be from 1.2 to 15 pixels, got 0"),
        ({"fwhm": 80.0}, "fwhm must be"),
        ({"read_noise": -3.0}, "read noise must be"),
        ({"frames": 0}, "frames must be"),
        ({"without": ("flats",)}, "without: there is bias, dark and flat, not 'flats'"),
        ({"gain": 0.02, "sky": 5000.0}, "a sky of 5000 electron saturates"),
    ],
)
def test_impossible_facts_are_refused_in_one_line(given, words):
    with pytest.raises(SettingError) as caught:
        ProofNight(**given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
