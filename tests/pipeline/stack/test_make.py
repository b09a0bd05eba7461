"""`pogson stack` on files: what was put in comes out, and what cannot be stacked is named in one line."""

import errno
import re

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.special import erf

from pogson.apps.cli.main import main
from pogson.core.errors import FileError, NightError, SettingError
from pogson.core.flags import Star
from pogson.io.fits import read_frame, write_raw
from pogson.pipeline.settings import Settings
from pogson.pipeline.stack import survey
from pogson.pipeline.stack.make import stack
from pogson.pipeline.stack.report import describe_stack, draw_stack
from pogson.steps.detect.find import detect_stars
from pogson.steps.measure.aperture import measure_aperture

SIDE, GAIN, READ = 400, 1.5, 8.0
PLACES = np.array([(x, y) for x in range(40, SIDE - 30, 45) for y in range(40, SIDE - 30, 45)], float)
PLACES += np.random.default_rng(7).uniform(-5, 5, PLACES.shape)
FLUX = 10 ** np.random.default_rng(8).uniform(3.6, 5.0, len(PLACES))


def star_light(xy, flux, sigma, shape):
    """Stars integrated over pixels."""
    image = np.zeros(shape)
    y, x = (np.arange(n) for n in shape)
    for (cx, cy), f in zip(xy, flux, strict=True):
        gx, gy = (
            0.5 * (erf((v - c + 0.5) / sigma / 2**0.5) - erf((v - c - 0.5) / sigma / 2**0.5))
            for v, c in ((x, cx), (y, cy))
        )
        image += f * np.outer(gy, gx)
    return image


def cards(k, **more):
    return {
        "EXPTIME": 30.0, "FILTER": "V", "DATE-OBS": f"2024-03-01T22:{k:02d}:00", "IMAGETYP": "Light Frame",
        "EGAIN": GAIN, "RDNOISE": READ, "PEDESTAL": 1000, **more,
    }  # fmt: skip


def write_light(path, k, dice, *, dx=0.0, dy=0.0, turn=0.0, scale=1.0, sigma=1.5, sky=200.0, hits=5,
                trail=False, flux=FLUX, side=SIDE, moving=None, **more):  # fmt: skip
    c, s, half = np.cos(turn), np.sin(turn), SIDE / 2
    xy = (PLACES - half) @ np.array([[c, s], [-s, c]]) + half + (dx, dy)
    light = sky + scale * star_light(xy, flux, sigma, (side, side))
    if moving is not None:
        light += star_light([moving], [8000.0], sigma, (side, side))
    signal = dice.poisson(light) + READ * dice.standard_normal(light.shape)
    signal.ravel()[dice.integers(0, signal.size, hits)] += dice.uniform(300, 20000, hits)
    if trail:
        y, x = np.mgrid[0:side, 0:side]
        signal += dice.poisson(400 * np.exp(-((y - 0.4 * x - 50) ** 2) / 5))
    write_raw(path, np.clip(np.rint(signal / GAIN + 1000), 0, 65535).astype(np.uint16), cards(k, **more))


def write_night(folder, seed=1, n=9):
    """A dithered, turning night through changing air; the truth of each frame."""
    dice = np.random.default_rng(seed)
    truth = []
    for k in range(n):
        how = {"dx": 0.0, "dy": 0.0, "turn": 0.0, "scale": 1.0, "sigma": 1.42}
        if k:
            dx, dy = dice.uniform(-6, 6, 2)
            how = {"dx": dx, "dy": dy, "turn": np.deg2rad(0.05 * dice.standard_normal()),
                   "scale": dice.uniform(0.9, 1.0), "sigma": dice.uniform(1.4, 1.6)}  # fmt: skip
        write_light(folder / f"light{k}.fits", k, dice, sky=dice.uniform(160, 260), trail=k == 2, **how)
        truth.append(how)
    return truth


def crossed(truth):
    """Stars under the trail of frame 2."""
    there = places_in(truth[2])
    return np.abs(there[:, 1] - 0.4 * there[:, 0] - 50) < 12


def places_in(how):
    c, s = np.cos(how["turn"]), np.sin(how["turn"])
    return (PLACES - SIDE / 2) @ np.array([[c, s], [-s, c]]) + SIDE / 2 + (how["dx"], how["dy"])


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    return folder, write_night(folder)


@pytest.fixture(scope="module")
def stacked(night):
    folder, truth = night
    result = stack(folder, folder.parent / "stack.fits", looks=3)
    assert not result.failures
    reference = list(result.inputs["path"]).index(result.inputs.meta["reference"])
    return result, truth, reference, folder.parent / "stack.fits"


def test_scales_are_those_of_the_air_within_their_errors(stacked):
    result, truth, reference, _ = stacked
    base = truth[reference]["scale"]
    pulls = [
        (row["scale"] - how["scale"] / base) / row["scale_err"]
        for i, (row, how) in enumerate(zip(result.inputs, truth, strict=True))
        if i != reference
    ]
    assert np.sqrt(np.mean(np.square(pulls))) < 1.8  # they share the noise of the reference frame
    assert np.max(result.inputs["scale_err"]) < 0.005


def test_fluxes_and_their_errors_on_the_stack_are_right(tmp_path):
    pulls, ratios, weights = {"bilinear": [], "lanczos3": []}, [], []
    for seed in (11, 12, 13):
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        truth = write_night(folder, seed)
        for resample, found in pulls.items():
            result = stack(folder, settings=Settings({"stack": {"resample": resample}}))
            reference = list(result.inputs["path"]).index(result.inputs.meta["reference"])
            xy = places_in(truth[reference])
            field = Table({"id": np.arange(len(xy)), "x": xy[:, 0], "y": xy[:, 1], "flux": FLUX})
            got = measure_aperture(result.frame, field, fwhm=3.5, radius_pixels=7.5)
            good = (got["flags"] & int(Star.EDGE | Star.INCOMPLETE | Star.BLENDED)) == 0
            # a trail across the steep part of a star is tolerated there; see docs/theory/stacking.md
            good &= ~crossed(truth)
            # the flux scale is that of the reference frame: its own error is common to all stars
            k = np.array([how["scale"] for how in truth]) / result.inputs["scale"]
            true = FLUX * np.average(k, weights=result.stack.weights)
            found += list(((got["flux"] - true) / got["flux_err"])[good])
            ratios += list((got["flux"] / true)[good])
            weights += list((true / got["flux_err"])[good] ** 2)
    assert np.average(ratios, weights=weights) == pytest.approx(1.0, abs=0.001)
    for found in pulls.values():
        assert len(found) > 150
        assert np.std(found) == pytest.approx(1.0, abs=0.12)  # so many stars tell it to 6 %


def test_the_variance_is_right_and_rays_trail_and_padding_are_gone(stacked):
    result, truth, reference, _ = stacked
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    far = result.stack.coverage == 9
    for cx, cy in places_in(truth[reference]):
        far &= np.hypot(x - cx, y - cy) > 13
    pull = result.stack.data[far] / np.sqrt(result.stack.variance[far])
    assert far.sum() > 20000
    assert np.var(pull) == pytest.approx(1.0, abs=0.03)
    assert np.abs(pull).max() < 6
    assert result.stack.rejected.sum() > 1500  # the trail alone has that many pixels
    assert result.stack.coverage.min() >= 0 and result.stack.coverage.max() == 9


def test_the_file_is_a_frame_whose_header_tells_all(stacked):
    result, _, _, path = stacked
    frame = read_frame(path)
    assert frame.correlation == pytest.approx(result.stack.correlation)
    assert frame.exposure.exptime == 30.0 and frame.exposure.band == "V"
    assert frame.exposure.jd_utc == pytest.approx(result.frame.exposure.jd_utc, abs=1e-6)
    assert len(detect_stars(frame)) >= len(PLACES)
    with fits.open(path) as units:
        header = units[0].header
        assert [u.name for u in units] == ["SCI", "VAR", "MASK", "COVERAGE", "REJECTED"]
        assert header["NCOMBINE"] == 9 and header["EXPTOTAL"] == 270.0
        assert 8 * 30 < header["EXPEFF"] < 11 * 30
        assert header["RDNOISE"] == pytest.approx(READ * 3, rel=0.05)
        assert sum("weight" in line for line in header["HISTORY"]) == 9


def test_a_calibrated_night_gives_the_same_stack(stacked, night, tmp_path):
    folder, _ = night
    from pogson.pipeline.api import calibrate_night

    calibrate_night(folder, tmp_path / "cal", settings=Settings())
    again = stack(sorted((tmp_path / "cal").glob("*_cal.fits")))
    result = stacked[0]
    both = np.isfinite(result.stack.data) & np.isfinite(again.stack.data)
    away = (again.stack.data - result.stack.data)[both] / np.sqrt(result.stack.variance[both])
    assert not again.failures and np.percentile(np.abs(away), 98) < 0.5


def test_little_memory_and_any_number_of_workers_give_the_same_stack(stacked, night):
    folder, _ = night
    result = stack(folder, memory=1e-4, workers=1)
    np.testing.assert_array_equal(result.stack.data, stacked[0].stack.data)
    mean = Settings({"stack": {"method": "mean"}})
    one, two = (stack(folder, settings=mean, memory=m) for m in (1e-4, 1.0))
    np.testing.assert_array_equal(one.stack.data, two.stack.data)


def test_large_frames_are_searched_in_strips_and_lie_as_well(stacked, night, monkeypatch):
    folder, truth = night
    monkeypatch.setattr(survey, "HIGHS", (32, 64))
    monkeypatch.setattr(survey, "ENOUGH", 6)
    result = stack(folder)
    assert not result.failures and result.check.value == pytest.approx(1.0, abs=4 * result.check.err)
    reference = list(result.inputs["path"]).index(result.inputs.meta["reference"])
    home = places_in(truth[reference])
    for row, how in zip(result.inputs, truth, strict=True):
        # where the map takes the corner of the reference frame
        there = places_in(how)
        wanted = np.linalg.lstsq(np.column_stack([home, np.ones(len(home))]), there, rcond=None)[0][2]
        assert np.hypot(row["dx"] - wanted[0], row["dy"] - wanted[1]) < 0.25
    assert max(result.inputs["n_stars"]) < 0.6 * max(stacked[0].inputs["n_stars"])
    level = np.nanmedian(result.stack.data) - np.nanmedian(stacked[0].stack.data)
    assert abs(level) < 0.5


def test_words_and_pictures_of_a_stack(stacked, tmp_path):
    from PIL import Image

    result = stacked[0]
    lines = describe_stack(result, "stack.fits")
    assert len(lines) == 1 + 9 + 4 and "deeper than one frame by" in lines[-1]
    draw_stack(result, tmp_path)
    with Image.open(tmp_path / "stack.png") as picture, Image.open(tmp_path / "blink.gif") as blink:
        assert picture.size[0] > 800 and blink.n_frames == 3


def test_a_moving_target_is_a_point_where_it_is_followed(tmp_path):
    dice = np.random.default_rng(5)
    rate, angle = 240.0, 30.0  # px / h, degree
    first = (0.0, 0.0)
    for k in range(7):
        step = rate * (k - 3) / 60 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        dx, dy = dice.uniform(-3, 3, 2)
        first = first if k else (dx, dy)
        write_light(
            tmp_path / f"l{k}.fits",
            k,
            dice,
            dx=dx,
            dy=dy,
            moving=(128.0 + step[0] + dx, 115.0 + step[1] + dy),
        )
    still, followed = (stack(tmp_path, rate=r, angle=angle, in_pixels=True) for r in (0.0, rate))
    # it is sharp where it stood at the mean of the times, in the reference frame's pixels
    row = still.inputs[0]
    x, y = round(128 + first[0] - row["dx"]), round(115 + first[1] - row["dy"])
    peaks = [np.nanmax(r.stack.data[y - 2 : y + 3, x - 2 : x + 3]) for r in (still, followed)]
    assert peaks[1] == pytest.approx(8000 / (2 * np.pi * 1.5**2), rel=0.15)
    assert peaks[0] < 0.6 * peaks[1]


def run(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return end.value.code, capsys.readouterr()


def only_line(text):
    lines = [line for line in text.strip().splitlines() if line.startswith("pogson:")]
    assert len(lines) == 1, text
    return lines[0]


@pytest.fixture
def mixed(tmp_path):
    """Three good frames, to which a bad one is added."""
    dice = np.random.default_rng(3)
    for k in range(3):
        write_light(tmp_path / f"a{k}.fits", k, dice, dx=2.0 * k)
    return tmp_path, dice


def test_frames_of_two_bands_are_refused_unless_asked_for(mixed, capsys):
    folder, dice = mixed
    write_light(folder / "b.fits", 5, dice, FILTER="B")
    code, said = run(["stack", folder, "--out", folder / "s.fits", "--quiet"], capsys)
    assert code == 1 and "2 bands (B, V)" in only_line(said.err) and not (folder / "s.fits").exists()
    code, said = run(["stack", folder, "--out", folder / "s.fits", "--band", "V", "--quiet"], capsys)
    assert code == 0 and "3 frames" in said.out
    code, said = run(["stack", folder, "--out", folder / "s.fits", "--mix", "--quiet"], capsys)
    assert code == 0 and "4 frames" in said.out


def test_frames_of_two_nights_are_refused_unless_asked_for(mixed):
    folder, dice = mixed
    write_light(folder / "b.fits", 5, dice, **{"DATE-OBS": "2024-03-12T22:00:00"})
    with pytest.raises(NightError, match="2 nights"):
        stack(folder)
    assert len(stack(folder, mix=True).inputs) == 4


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("empty", "same value|no stars"),
        ("saturated", "same value|no stars"),
        ("other field", "do not match"),
        ("other size", "200 x 200 pixels"),
        ("noise", "no stars|star"),
    ],
)
def test_a_frame_that_cannot_be_stacked_is_left_out_in_one_line(mixed, what, words, capsys):
    folder, dice = mixed
    bad = folder / "bad.fits"
    if what == "other field":
        far = np.random.default_rng(50)
        PLACED = PLACES.copy()
        try:
            PLACES[:] = far.uniform(20, SIDE - 20, PLACES.shape)
            write_light(bad, 7, dice)
        finally:
            PLACES[:] = PLACED
    elif what == "other size":
        write_light(bad, 7, dice, side=200)
    elif what == "noise":
        write_light(bad, 7, dice, flux=np.zeros_like(FLUX), hits=0)
    else:
        level = 0 if what == "empty" else 65535
        write_raw(bad, np.full((SIDE, SIDE), level, np.uint16), cards(7))
    code, said = run(["stack", folder, "--out", folder / "s.fits", "--quiet"], capsys)
    assert code == 3, said
    lines = [line for line in said.out.splitlines() if line.startswith("left out")]
    assert len(lines) == 1 and "bad.fits" in lines[0]
    assert re.search(words, lines[0]), lines[0]
    assert "3 frames" in said.out and (folder / "s.fits").exists()


def test_frames_of_another_pixel_scale_are_left_out_in_one_line(mixed):
    folder, dice = mixed
    light = 200 + star_light((PLACES - 200) * 0.95 + 200, FLUX, 1.5, (SIDE, SIDE))
    write_raw(folder / "bad.fits", (dice.poisson(light) / GAIN + 1000).astype(np.uint16), cards(7))
    result = stack(folder)
    assert len(result.failures) == 1 and "as large" in result.failures[0].reason
    assert len(result.inputs) == 3


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(mixed, monkeypatch):
    folder, _ = mixed
    before = sorted(folder.iterdir())

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pogson.io.fits.write_images", full)
    with pytest.raises(FileError, match="no space left on device") as error:
        stack(folder, folder / "s.fits")
    assert "\n" not in str(error.value) and sorted(folder.iterdir()) == before


def test_a_disk_that_is_full_of_scratch_frames_is_said_in_one_line_and_leaves_nothing(mixed, monkeypatch):
    """Frames that do not fit in memory go to the disk; the write itself fails, as on a full disk."""
    folder, _ = mixed
    before = sorted(folder.iterdir())
    true = type(folder).open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path, mode="r", *args, **kwargs):
        file = true(path, mode, *args, **kwargs)
        return Full(file) if path.suffix == ".raw" else file

    monkeypatch.setattr(type(folder), "open", opened)
    with pytest.raises(NightError, match="no frame left to stack.*no space left on device") as error:
        stack(folder, folder / "s.fits", memory=1e-5, method="mean")
    assert "\n" not in str(error.value) and sorted(folder.iterdir()) == before


def test_what_cannot_be_written_or_read_is_said_before_any_work(mixed, capsys):
    folder, _ = mixed
    for out in (folder, folder / "s.png", folder / "no" / "s.fits"):
        with pytest.raises(SettingError):
            stack(folder, out)
    code, said = run(["stack", folder / "nothing.fits", "--out", folder / "s.fits", "--quiet"], capsys)
    assert code == 1 and "no light frame" in only_line(said.err)
    with pytest.raises(NightError, match="no light frame in band R"):
        stack(folder, band="R")


def test_aligned_frames_need_no_stars(tmp_path):
    dice = np.random.default_rng(6)
    for k in range(4):
        write_light(tmp_path / f"l{k}.fits", k, dice, flux=np.zeros_like(FLUX), sky=500.0, hits=0)
    result = stack(tmp_path, aligned=True, scaled=False, sky="none", method="median")
    assert len(result.inputs) == 4
    assert np.median(result.stack.data) == pytest.approx(500.0, rel=0.01)


def test_a_rate_in_arcsec_and_a_position_angle_follow_a_comet_on_a_turned_mirrored_camera(tmp_path):
    """As an ephemeris gives it: 500 arcsec per hour at position angle 63, seen at declination 61."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

    dice = np.random.default_rng(9)
    rate, angle, scale, turn = 500.0, 63.0, 1.7, np.radians(27.0)
    matrix = scale / 3600 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    coordinates = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 210.0, "CRVAL2": 61.0,
                   "CRPIX1": 180.0, "CRPIX2": 230.0, "CUNIT1": "deg", "CUNIT2": "deg", "CD1_1": matrix[0, 0],
                   "CD1_2": matrix[0, 1], "CD2_1": matrix[1, 0], "CD2_2": matrix[1, 1]}  # fmt: skip
    wcs = WCS(fits.Header(coordinates))
    there = SkyCoord(*wcs.all_pix2world(190.0, 215.0, 0), unit="deg")
    for k in range(7):
        moved = there.directional_offset_by(angle * u.deg, rate * (k - 3) / 60 * u.arcsec)
        write_light(
            tmp_path / f"l{k}.fits", k, dice, sigma=1.42 if k == 0 else 1.5,
            moving=[float(v) for v in wcs.all_world2pix(moved.ra.deg, moved.dec.deg, 0)], **coordinates,
        )  # fmt: skip
    found = stack(tmp_path, rate=rate, angle=angle)
    peak = np.nanmax(found.stack.data[213:218, 188:193])
    assert peak == pytest.approx(8000 / (2 * np.pi * 1.5**2), rel=0.12)
    wrong = stack(tmp_path, rate=rate, angle=-angle)
    assert np.nanmax(wrong.stack.data[213:218, 188:193]) < 0.5 * peak


def test_a_rate_in_arcsec_without_coordinates_is_refused_in_one_line(mixed):
    folder, _ = mixed
    with pytest.raises(NightError, match="needs coordinates.*--in-pixels") as error:
        stack(folder, rate=100.0, angle=10.0)
    assert "\n" not in str(error.value)


def test_a_drizzled_stack_of_finer_pixels_knows_its_coordinates_and_its_fluxes(tmp_path):
    from astropy.wcs import WCS

    dice = np.random.default_rng(9)
    coordinates = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 210.0, "CRVAL2": 61.0,
                   "CRPIX1": 180.0, "CRPIX2": 230.0, "CUNIT1": "deg", "CUNIT2": "deg", "CD1_1": -4e-4,
                   "CD1_2": 1e-4, "CD2_1": 1e-4, "CD2_2": 4e-4}  # fmt: skip
    for k in range(6):
        dx, dy = dice.uniform(-3, 3, 2) if k else (0.0, 0.0)
        write_light(
            tmp_path / f"l{k}.fits", k, dice, dx=dx, dy=dy, sigma=1.4 if k == 0 else 1.45, **coordinates
        )
    out = tmp_path / "fine.fits"
    result = stack(tmp_path, out, resample="drizzle", pixel=0.5, pixfrac=0.8, looks=2)
    assert result.inputs.meta["reference"].endswith("l0.fits")
    assert result.check.value == pytest.approx(1.0, abs=3 * result.check.err)
    frame = read_frame(out)
    assert frame.shape == (2 * SIDE, 2 * SIDE) and result.looks and "PIXRATIO" in fits.getheader(out)
    stars = detect_stars(frame)
    ra, dec = frame.wcs.all_pix2world(stars["x"], stars["y"], 0)
    x, y = WCS(fits.Header(coordinates)).all_world2pix(ra, dec, 0)
    gap = np.hypot(x[:, None] - PLACES[:, 0], y[:, None] - PLACES[:, 1]).min(axis=0)
    assert np.median(gap) < 0.03
    assert len(describe_stack(result, "fine.fits")) > 6
