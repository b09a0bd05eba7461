"""Each frame is judged against its own night, with a reason."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.steps.inspect.judge import REJECTED, judge_frames


def night(**changes):
    columns = {
        "path": [f"night/{i}.fits" for i in range(6)],
        "band": ["g", "g", "g", "r", "r", "r"],
        "n_stars": [500, 510, 490, 700, 690, 710],
        "fwhm": [3.0, 3.1, 2.9, 6.5, 6.6, 6.4],
        "elongation": [1.1] * 6,
        "transparency": [1.0, 0.98, 0.99, 1.0, 1.0, 0.97],
        "problem": [""] * 6,
        "patchiness": [0.0] * 6,
        "saturated": [1e-4] * 6,
        "dynamic_range": [30000.0, 29000.0, 31000.0, 45000.0, 44000.0, 46000.0],
        "uniformity": [8.0, 9.0, 8.5, 20.0, 21.0, 19.0],
        "sky": [400.0, 405.0, 410.0, 900.0, 905.0, 910.0],
    }
    for name, (row, value) in changes.items():
        columns[name][row] = value
    return Table(columns)


def long_night(n=100, seed=5, **scale):
    """Metrics with the scatter of a real night; `scale` multiplies one of them in all frames."""
    rng = np.random.default_rng(seed)
    table = Table(
        {
            "path": [f"{i:03}.fits" for i in range(n)],
            "band": ["V"] * n,
            "n_stars": rng.normal(500, 15, n).astype(int),
            "fwhm": rng.normal(3.0, 0.15, n),
            "elongation": rng.normal(1.10, 0.03, n),
            "transparency": rng.normal(0.98, 0.01, n),
            "problem": [""] * n,
            "patchiness": rng.uniform(0.0, 0.02, n),
            "saturated": np.full(n, 1e-4),
            "dynamic_range": rng.normal(30000, 1500, n),
            "uniformity": rng.normal(8.0, 1.0, n),
            "sky": 400 * (1 + 0.001 * np.arange(n)) * rng.normal(1, 0.01, n),
        }
    )
    for name, factor in scale.items():
        table[name] = table[name] * factor
    return table


def accepted(verdicts):
    return [v.accepted for v in verdicts]


def rejected(verdicts):
    return {i: v.codes for i, v in enumerate(verdicts) if not v.accepted}


def remarks(verdicts):
    return {i: v.reasons for i, v in enumerate(verdicts) if v.accepted and v.reasons}


def test_an_ordinary_night_is_accepted_without_remark():
    for table in (night(), long_night()):
        verdicts = judge_frames(table)
        assert all(v.accepted and v.reasons == () and v.codes == () for v in verdicts)


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"problem": (1, "does not match")}, "no-match", "does not match"),
        ({"n_stars": (1, 2)}, "few-stars", "few stars: 2"),
        ({"transparency": (1, 0.2)}, "cloud", "cloud: 20% of the light"),
        ({"fwhm": (1, 6.5)}, "focus", "seeing or focus: FWHM 6.5 px, usually 3.0 px"),
        ({"elongation": (1, 2.0)}, "trailed", "trailed: elongation 2.00, usually 1.10"),
        ({"patchiness": (1, 0.5)}, "covered", "covered in part: 50% of the light differs"),
        ({"saturated": (1, 0.6)}, "saturated", "saturated: 60% of the pixels"),
    ],
)
def test_a_bad_frame_is_rejected_with_its_code_and_a_sentence(changes, code, reason):
    verdicts = judge_frames(night(**changes))
    assert rejected(verdicts) == {1: (code,)}
    assert verdicts[1].reasons == (reason,)
    assert code in REJECTED


def test_the_users_limits_are_those_of_the_whole_night():
    table = night(dynamic_range=(1, 6500.0), uniformity=(2, 25.0))
    assert accepted(judge_frames(table)) == [True] * 6, "without limits nothing is rejected"
    verdicts = judge_frames(table, dynamic_range=7000, uniformity=20)
    assert rejected(verdicts) == {1: ("range",), 2: ("uneven",), 4: ("uneven",)}
    assert verdicts[1].reasons == ("dynamic range: 6500, below 7000",)
    assert verdicts[2].reasons == ("uneven sky: 25.0 from part to part, above 20",)
    kept = judge_frames(table, dynamic_range=7000, uniformity=20, keep=("1.fits", "2.fits", "4.fits"))
    assert accepted(kept) == [True] * 6
    assert kept[1].reasons == ("dynamic range: 6500, below 7000", "kept by the settings")


def test_the_seeing_is_judged_within_its_band():
    assert judge_frames(night())[3].accepted, "r frames are wide all night"


def test_a_frame_that_does_not_match_because_it_is_trailed_says_so():
    table = long_night()
    table["problem"] = ["does not match" if k == 9 else "" for k in range(100)]
    table["elongation"][9] = 2.4
    verdict = judge_frames(table)[9]
    assert verdict.codes == ("trailed", "no-match")
    assert verdict.reasons == ("trailed: elongation 2.40, usually 1.10", "does not match")


def test_frames_of_other_fields_say_nothing_of_the_seeing():
    table = night()
    table["fwhm"] = [1.2, 1.3, 3.0, 6.5, 6.6, 6.4]
    table["problem"] = ["another field", "another field", "", "", "", ""]
    assert accepted(judge_frames(table)) == [False, False, True, True, True, True]


def test_a_night_under_the_moon_is_kept_without_a_word():
    """One cut on the level of the sky would delete such a night, good as it is."""
    moonlit = long_night(sky=5.0, uniformity=30.0, n_stars=0.6)
    assert all(v.accepted and not v.reasons for v in judge_frames(moonlit))


def test_a_moon_that_rises_is_remarked_upon_and_every_frame_is_kept():
    table = long_night()
    table["sky"][80:] *= 5.0
    verdicts = judge_frames(table)
    assert all(accepted(verdicts))
    assert set(remarks(verdicts)) == set(range(80, 100))
    assert verdicts[85].reasons[0].startswith("bright sky: 2")


@pytest.mark.parametrize("lost", [0.15, 0.3])
def test_a_thin_veil_is_seen_and_its_frames_are_used(lost):
    """Width, shape and number of stars do not show it; the light of the stars does."""
    table = long_night()
    table["transparency"][40:45] *= 10 ** (-0.4 * lost)
    verdicts = judge_frames(table)
    assert all(accepted(verdicts))
    assert set(remarks(verdicts)) == set(range(40, 45))
    assert verdicts[41].reasons[0].startswith("cloud or haze: ")


def test_light_lost_low_over_the_horizon_is_told_with_the_airmass():
    table = night(transparency=(1, 0.8))
    table["airmass"] = [1.2, 2.3, 1.2, 1.2, 1.2, 1.2]
    assert judge_frames(table)[1].reasons == ("cloud or haze: 80% of the light at airmass 2.3",)


def test_of_a_bad_night_what_is_usual_is_kept_and_the_best_frame_too():
    """Where most frames are trailed or blurred they are the night; only clouds take the light itself."""
    table = long_night()
    rng = np.random.default_rng(1)
    bad = rng.permutation(100)[:70]
    table["elongation"][bad] = rng.uniform(1.6, 2.6, 70)
    table["fwhm"][bad] = rng.uniform(5.0, 9.0, 70)
    verdicts = judge_frames(table)
    assert all(accepted(verdicts))
    assert set(remarks(verdicts)) >= set(bad[table["elongation"][bad] > 1.6].tolist())
    table["transparency"][bad] = rng.uniform(0.02, 0.25, 70)
    assert set(rejected(judge_frames(table))) == set(bad.tolist()), "clouds are told by the best frame"


def test_a_night_of_poor_tracking_is_remarked_upon_and_used():
    table = night()
    table["elongation"] = [1.97, 1.64, 1.7, 1.1, 1.1, 1.1]
    verdicts = judge_frames(table)
    assert accepted(verdicts) == [True] * 6
    assert [v.reasons for v in verdicts[:4]] == [
        ("trailed: elongation 1.97",),
        ("trailed: elongation 1.64",),
        ("trailed: elongation 1.70",),
        (),
    ]


def test_of_a_night_of_changing_seeing_no_wide_frame_is_lost():
    table = long_night()
    table["fwhm"] = np.random.default_rng(2).uniform(2.0, 6.5, 100)
    assert all(accepted(judge_frames(table))), "6.5 px is over 1.5 times the median, as many are"


def test_one_frame_and_two_frames_are_not_measured_against_themselves():
    assert accepted(judge_frames(night()[:1])) == [True]
    two = night(fwhm=(1, 9.0), elongation=(1, 2.5), sky=(1, 9000.0))[:2]
    verdicts = judge_frames(two)
    assert accepted(verdicts) == [True, True]
    assert verdicts[1].reasons == ("trailed: elongation 2.50",)
    assert accepted(judge_frames(night(transparency=(1, 0.1))[:2])) == [True, False]


def test_what_is_not_known_is_not_held_against_a_frame():
    verdicts = judge_frames(night(transparency=(1, np.nan), fwhm=(2, np.nan), elongation=(0, np.nan)))
    assert accepted(verdicts) == [True] * 6
    few = night()["path", "band", "n_stars", "fwhm", "elongation", "transparency", "problem"]
    assert accepted(judge_frames(few, dynamic_range=7000.0, uniformity=20.0)) == [True] * 6


def test_the_user_has_the_last_word_but_cannot_match_what_does_not_match():
    table = night(n_stars=(1, 2), problem=(2, "does not match"))
    verdicts = judge_frames(table, drop=("0.fits",), keep=("1.fits", "2.fits"))
    assert accepted(verdicts) == [False, True, False, True, True, True]
    assert verdicts[0].reasons == ("dropped by the settings",)
    assert verdicts[0].codes == ("dropped",)
    assert verdicts[1].reasons == ("few stars: 2", "kept by the settings")
    assert verdicts[2].reasons == ("does not match",)


def test_a_band_without_any_width_is_not_rejected():
    table = night()
    table["fwhm"] = table["elongation"] = np.nan
    assert accepted(judge_frames(table)) == [True] * 6
