"""Each frame is judged against its own night, with a reason."""

import numpy as np
import pytest
from astropy.table import Table

from pogson.steps.inspect.judge import judge_frames


def night(**changes):
    columns = {
        "path": [f"night/{i}.fits" for i in range(5)],
        "band": ["g", "g", "g", "r", "r"],
        "n_stars": [500, 510, 490, 700, 20],
        "fwhm": [3.0, 3.1, 2.9, 6.5, 6.6],
        "elongation": [1.1] * 5,
        "transparency": [1.0, 0.98, 0.99, 1.0, 1.0],
        "problem": [""] * 5,
    }
    for name, (row, value) in changes.items():
        columns[name][row] = value
    return Table(columns)


def accepted(verdicts):
    return [v.accepted for v in verdicts]


def test_an_ordinary_night_is_accepted_without_remark():
    verdicts = judge_frames(night())
    assert accepted(verdicts) == [True] * 5
    assert all(v.reasons == () for v in verdicts)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"problem": (1, "does not match")}, "does not match"),
        ({"n_stars": (1, 2)}, "few stars: 2"),
        ({"transparency": (1, 0.2)}, "cloud: 20% of the light"),
        ({"fwhm": (1, 6.5)}, "seeing or focus: FWHM 6.5 px"),
        ({"elongation": (1, 2.0)}, "trailed: elongation 2.00"),
    ],
)
def test_a_bad_frame_is_rejected_with_its_reason(changes, reason):
    verdicts = judge_frames(night(**changes))
    assert accepted(verdicts) == [True, False, True, True, True]
    assert verdicts[1].reasons == (reason,)


def test_the_seeing_is_judged_within_its_band():
    assert judge_frames(night())[3].accepted, "r frames are wide all night"


def test_frames_of_other_fields_say_nothing_of_the_seeing():
    table = night()
    table["fwhm"] = [1.2, 1.3, 3.0, 6.5, 6.6]
    table["problem"] = ["another field", "another field", "", "", ""]
    assert accepted(judge_frames(table)) == [False, False, True, True, True]


def test_haze_is_a_remark_no_reason_to_reject():
    verdict = judge_frames(night(transparency=(1, 0.7)))[1]
    assert verdict.accepted
    assert verdict.reasons == ("cloud or haze: 70% of the light",)


def test_a_night_of_poor_tracking_is_remarked_upon_and_used():
    table = night()
    table["elongation"] = [1.97, 1.64, 1.7, 1.1, 1.1]
    verdicts = judge_frames(table)
    assert accepted(verdicts) == [True] * 5
    assert [v.reasons for v in verdicts[:4]] == [
        ("trailed: elongation 1.97",),
        ("trailed: elongation 1.64",),
        ("trailed: elongation 1.70",),
        (),
    ]


def test_what_is_not_known_is_not_held_against_a_frame():
    verdicts = judge_frames(night(transparency=(1, np.nan), fwhm=(2, np.nan), elongation=(0, np.nan)))
    assert accepted(verdicts) == [True] * 5


def test_the_user_has_the_last_word_but_cannot_match_what_does_not_match():
    table = night(n_stars=(1, 2), problem=(2, "does not match"))
    verdicts = judge_frames(table, drop=("0.fits",), keep=("1.fits", "2.fits"))
    assert accepted(verdicts) == [False, True, False, True, True]
    assert verdicts[0].reasons == ("dropped by the settings",)
    assert verdicts[1].reasons == ("few stars: 2", "kept by the settings")
    assert verdicts[2].reasons == ("does not match",)


def test_a_band_without_any_width_is_not_rejected():
    table = night()
    table["fwhm"] = table["elongation"] = np.nan
    assert accepted(judge_frames(table)) == [True] * 5
