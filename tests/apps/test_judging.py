"""A night with bad frames in it: each is told by its reason, and the rest is reduced."""

import json
import re
import shutil

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from pogson.io.tables import read_table

SHAPE = (240, 300)
N = 8


def expose(k, *, seed=1, sky=300.0, fwhm=3.0, light=1.0, long=1.0, drift=(1.5, -0.7), shape=SHAPE):
    """ADU of a frame; `light` is a number or a map of what comes through, `long` the ratio of the axes."""
    dice = np.random.default_rng(seed)
    n = 140
    x, y = dice.uniform(-30, 340, n), dice.uniform(-30, 280, n)
    total = 10 ** dice.uniform(3.3, 5.3, n)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    image = np.zeros(shape)
    for u, v, flux in zip(x + drift[0] * k, y + drift[1] * k, total, strict=True):
        r = (slice(max(int(v) - 25, 0), int(v) + 26), slice(max(int(u) - 25, 0), int(u) + 26))
        if image[r].size:
            a = (columns[r] - u) ** 2 / long + (rows[r] - v) ** 2 * long
            norm = 4 * np.log(2) / (np.pi * fwhm**2)
            image[r] += flux * norm * np.exp(-4 * np.log(2) * a / fwhm**2)
    mean = image * light + sky
    return (
        500.0 + np.random.default_rng([seed, k]).poisson(mean) + np.random.default_rng(k).normal(0, 4, shape)
    )


def write(folder, k, pixels, *, date="2024-03-01T22:{:02}:00"):
    header = fits.Header({"IMAGETYP": "Light", "EXPTIME": 60.0, "FILTER": "V", "EGAIN": 1.0, "RDNOISE": 4.0})
    header.update({"SATURATE": 65000, "RA": 150.0, "DEC": 30.0, "SITELAT": 48.0, "SITELONG": 11.0})
    if date:
        header["DATE-OBS"] = date.format(2 * k)
    path = folder / f"f{k}.fits"
    fits.writeto(path, np.clip(pixels, 0, 65535).astype(np.uint16), header, overwrite=True)
    return path


@pytest.fixture
def night(tmp_path):
    """Make a folder of `N` frames; `changes` gives number -> what `expose` is to do otherwise."""

    def make(changes=None, n=N, **dates):
        folder = tmp_path / "night"
        folder.mkdir()
        for k in range(n):
            write(folder, k, expose(k, **(changes or {}).get(k, {})), **dates)
        return folder

    return make


def run(pogson, folder, *words):
    out = folder.parent / "out"
    answer = pogson("run", folder, "--out", out, "--quiet", *words)
    frames = read_table(out / "frames.ecsv") if (out / "frames.ecsv").exists() else None
    return answer, out, frames


def codes(frames):
    return {
        str(row["path"]).rsplit("/", 1)[-1]: str(row["reason_codes"]) for row in frames if not row["accepted"]
    }


def reason(frames, k):
    return str(frames["reasons"][[str(p).endswith(f"f{k}.fits") for p in frames["path"]]][0])


def test_each_bad_frame_is_told_by_its_reason_and_the_rest_is_reduced(pogson, night):
    tree = np.ones(SHAPE)
    tree[:, :130] = 0.0
    bad = {
        1: {"long": 2.2},
        2: {"fwhm": 8.0},
        3: {"light": tree},
        4: {"light": 10 ** (-0.4 * 0.3)},  # a veil of 0.3 mag
        5: {"sky": 64900.0},  # twilight
        6: {"seed": 9},  # another field
        7: {"shape": (220, 280)},  # another size
        8: {"light": 0.1},
    }
    folder = night(bad, n=14)
    shutil.copy(folder / "f9.fits", folder / "f9_again.fits")
    answer, out, frames = run(pogson, folder, "--recipe", "series")
    assert answer.code == 3
    assert codes(frames) == {
        "f1.fits": "trailed",
        "f2.fits": "focus",
        "f3.fits": "covered",
        "f5.fits": "saturated, few-stars, no-match",
        "f6.fits": "no-match",
        "f8.fits": "cloud",
    }
    assert re.fullmatch(r"trailed: elongation 2\.\d\d, usually 1\.0\d", reason(frames, 1))
    assert re.fullmatch(r"seeing or focus: FWHM [78]\.\d px, usually [23]\.\d px", reason(frames, 2))
    assert re.fullmatch(r"covered in part: \d\d% of the light differs", reason(frames, 3))
    assert reason(frames, 4).startswith("cloud or haze: 76% of the light")
    assert reason(frames, 5).startswith("saturated: 9")
    assert "the stars do not match the reference frame" in reason(frames, 6)
    assert re.fullmatch(r"cloud: (9|10|11)% of the light", reason(frames, 8))
    assert answer.out.count("f6.fits") == 1, "a failure is told once"
    assert "2 sizes in one folder: 280 x 220, 300 x 240" in answer.out
    assert "f9_again.fits is a copy of" in answer.out or "f9.fits is a copy of" in answer.out
    assert "9 of 15 lights used" in answer.out
    reference = json.loads((out / "run.json").read_text())["field"]["reference"]
    assert reference.rsplit("/", 1)[-1] not in {f"f{k}.fits" for k in bad}
    lights = frames[frames["accepted"]]
    steps = np.diff(np.asarray(lights["dx"], float))
    assert np.isfinite(lights["dx"]).all() and len(steps) == 8
    parts = frames.meta["transparency_maps"]
    assert [path.rsplit("/", 1)[-1] for path in parts] == ["f3.fits"]
    shares = np.array(next(iter(parts.values())))
    assert (shares[:, 0] < 0.1).all() and (np.abs(shares[:, 2] - 1.0) < 0.1).all()
    for name in ("frames", "shifts", "covered"):
        with Image.open(out / "plots" / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(picture.width * picture.height)) > 50
    report = (out / "report.html").read_text()
    assert "saturated, few-stars, no-match" in report and "Covered in part" in report
    assert {p.name for p in folder.iterdir()} == {*(f"f{k}.fits" for k in range(14)), "f9_again.fits"}


def test_a_moonlit_night_with_a_gradient_is_kept(pogson, night):
    moon = {k: {"sky": 1500.0 + 150.0 * np.linspace(-1.0, 1.0, SHAPE[1])} for k in range(N)}
    answer, _, frames = run(pogson, night(moon))
    assert answer.code == 0
    assert f"{N} of {N} lights used" in answer.out
    assert "bright sky" not in answer.out and "uneven" not in answer.out
    assert np.median(frames["uniformity"]) > 150


def test_the_users_limits_and_lists_have_the_last_word_and_misspelt_names_are_told(pogson, night):
    folder = night({2: {"light": 0.4}, 3: {"sky": 300.0 + 60.0 * (np.arange(SHAPE[1]) > 150)}})
    (folder.parent / "pogson.toml").write_text(
        "[judge]\ndynamic_range = 9000\nuniformity = 20\n"
        'drop = ["f0.fits", "f77.fits"]\nkeep = ["f3.fits", "f99.fits"]\n'
        '[inspect]\nregion = "10:290,10:230"\n'
    )
    answer, _, frames = run(pogson, folder, "--config", folder.parent / "pogson.toml")
    assert answer.code == 0
    assert codes(frames) == {"f0.fits": "dropped", "f2.fits": "range"}
    assert re.fullmatch(r"dynamic range: \d+, below 9000", reason(frames, 2))
    assert re.search(
        r"uneven sky: \d\d\.\d from part to part, above 20; kept by the settings", reason(frames, 3)
    )
    assert "[judge] drop: no light frame is named f77.fits" in answer.out
    assert "[judge] keep: no light frame is named f99.fits" in answer.out
    wrong = pogson("run", folder, "--out", folder.parent / "b", "--set", "judge.dynamicrange=7000")
    assert wrong.code != 0
    assert "did you mean 'dynamic_range'?" in wrong.line
    nowhere = pogson("run", folder, "--out", folder.parent / "b", "--set", "inspect.region=here", "--quiet")
    assert nowhere.code == 2
    assert "[inspect] region = 'here' cannot be read" in nowhere.line


@pytest.mark.parametrize("n", [1, 2])
def test_a_night_of_one_frame_or_two_is_reduced(pogson, night, n):
    answer, out, frames = run(pogson, night(n=n), "--recipe", "series", "--target", "150,120")
    assert answer.code == 0
    assert f"{n} of {n} lights used" in answer.out
    assert bool(frames["accepted"][0])
    assert (out / "plots" / "shifts.png").exists() == (n == 2)
    assert ("a light curve needs two of a band" in answer.out) == (n == 1)


@pytest.mark.parametrize("date", ["", "2024-03-01T22:00:00"])
def test_a_series_without_times_or_with_one_time_for_all_says_so(pogson, night, date):
    answer, _, frames = run(pogson, night(date=date), "--recipe", "series")
    assert answer.code == 0
    assert f"{N} of {N} lights used" in answer.out
    word = f"{N} light frames have the same time" if date else "no time of observation"
    assert answer.out.count(word) == 1
    assert np.isfinite(frames["dx"]).all()
