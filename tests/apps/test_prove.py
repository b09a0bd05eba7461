"""`pogson prove`: a table that a person understands, a picture, and one line where a number is impossible."""

from pogson.io.tables import read_table


def test_prove_says_what_holds_and_draws_it(pogson, tmp_path):
    answer = pogson("prove", "--calibrations", 3, "--frames", 1, "--nights", 1, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert "total flux" in answer.out
    assert "zero point" in answer.out
    assert "holds" in answer.out
    assert (tmp_path / "out" / "pulls.png").stat().st_size > 10_000
    assert "proving the errors" in answer.err
    assert {"quantity", "group", "snr", "pull"} <= set(read_table(tmp_path / "out" / "pulls.ecsv").colnames)


def test_a_negative_gain_is_refused_in_one_line(pogson, tmp_path):
    answer = pogson("prove", "--gain", -1, "--out", tmp_path / "out")
    assert answer.code == 2
    assert "gain must be from 0.01" in answer.line
    assert not (tmp_path / "out").exists()


def test_an_impossible_fwhm_is_refused_in_one_line(pogson):
    answer = pogson("prove", "--fwhm", 0.1)
    assert answer.code == 2
    assert "fwhm must be from 1.2 to 15 pixels" in answer.line


def test_a_camera_whose_header_is_silent_is_measured(pogson, tmp_path):
    answer = pogson("prove", "--measured", "--calibrations", 3, "--frames", 1, "--nights", 1, "--quiet")
    assert answer.code == 0, answer.err
    assert "measured gain" in answer.out
    assert answer.err == ""
