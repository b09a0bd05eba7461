"""Every storage form is read to the same pixels; every damage is told in one line."""

import bz2
import gzip
import os
import stat

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pogson.core.errors import FileError
from pogson.core.flags import Pixel
from pogson.core.frame import Exposure, Frame, Master, Site
from pogson.io.fits import read_frame, read_master, read_raw, write_frame, write_master, write_raw
from pogson.io.layout import read_header

CARDS = {
    "IMAGETYP": "Light Frame",
    "EXPTIME": 30.0,
    "DATE-OBS": "2019-05-03T09:03:11",
    "FILTER": "V",
    "OBJECT": "X",
}


@pytest.fixture
def pixels():
    return np.random.default_rng(5).integers(0, 65536, (40, 60)).astype(np.uint16)


def save(path, data, name=None, **cards):
    header = fits.Header({**CARDS, **cards})
    fits.PrimaryHDU(data, header).writeto(path, output_verify="ignore")
    return path


def complaint(path):
    with pytest.raises(FileError) as caught:
        read_raw(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: "), text
    assert "\n" not in text
    assert len(text) < len(str(path)) + 200
    return text


# what is sound


@pytest.mark.parametrize("dtype", ["u2", "i2", "i4", "u1", "f4", "f8", "u4", "i8"])
def test_every_number_type_is_read_as_astropy_reads_it(tmp_path, pixels, dtype):
    data = (pixels // 300 if dtype == "u1" else pixels // 2).astype(dtype)
    raw = read_raw(save(tmp_path / "a.fits", data))
    np.testing.assert_array_equal(raw.adu(), data.astype(np.float32))
    assert raw.pixels.dtype.isnative
    assert raw.mask is None
    assert raw.exposure.exptime == 30.0


def test_sixteen_bits_come_as_they_are_on_the_disk(tmp_path, pixels):
    raw = read_raw(save(tmp_path / "a.fits", pixels))
    assert raw.swapped
    assert raw.pixels.dtype == np.uint16
    assert (raw.scale, raw.zero) == (1.0, 32768.0)
    assert raw.pixels.flags.writeable


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_packed_files_are_read(tmp_path, pixels, suffix, pack):
    plain = save(tmp_path / "a.fits", pixels)
    packed = tmp_path / f"a.fits{suffix}"
    packed.write_bytes(pack(plain.read_bytes()))
    raw = read_raw(packed)
    np.testing.assert_array_equal(raw.adu(), pixels)
    assert raw.pixels.flags.writeable
    assert raw.swapped


# PLIO too is read (a real file of it is among the tests on real data), but astropy cannot write noise in it
@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"])
def test_tiles_of_every_flavour_are_read(tmp_path, pixels, kind):
    path = tmp_path / "a.fits.fz"
    units = fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(pixels, fits.Header(CARDS), compression_type=kind)]
    )
    units.writeto(path)
    raw = read_raw(path)
    np.testing.assert_array_equal(raw.adu(), pixels)
    assert raw.pixels.dtype.isnative
    assert raw.exposure.band == "V"


def test_the_science_extension_and_its_mask_are_found(tmp_path, pixels):
    bad = np.zeros(pixels.shape, np.uint8)
    bad[3, 4] = 1
    path = tmp_path / "a.fits"
    primary = fits.PrimaryHDU(header=fits.Header({"OBJECT": "X", "EXPTIME": 5.0}))
    fits.HDUList([primary, fits.ImageHDU(bad, name="BPM"), fits.ImageHDU(pixels, name="SCI")]).writeto(path)
    raw = read_raw(path)
    np.testing.assert_array_equal(raw.adu(), pixels)
    assert raw.mask[3, 4] == Pixel.BAD
    assert raw.mask.sum() == Pixel.BAD
    # cards of the primary header count for the extension too
    assert raw.exposure.target == "X"


def test_one_plane_in_three_axes_is_an_image(tmp_path, pixels):
    raw = read_raw(save(tmp_path / "a.fits", pixels[np.newaxis]))
    np.testing.assert_array_equal(raw.adu(), pixels)


def test_blank_unsigned_integers_are_masked(tmp_path, pixels):
    data = pixels.astype(np.uint32)
    data[7, 8] = 99
    raw = read_raw(save(tmp_path / "a.fits", data, BLANK=99 - 2**31))
    assert raw.mask[7, 8] == Pixel.EMPTY | Pixel.BAD
    assert (raw.mask != 0).sum() == (data == 99).sum()


def test_blank_and_missing_pixels_are_masked(tmp_path, pixels):
    values = pixels.astype(np.float32)
    values[2, 3], values[4, 5] = np.nan, np.inf
    raw = read_raw(save(tmp_path / "a.fits", values))
    assert raw.mask[2, 3] == raw.mask[4, 5] == Pixel.EMPTY | Pixel.BAD
    assert (raw.mask != 0).sum() == 2
    whole = (pixels // 2).astype(np.int16)
    whole[whole == -1] = 0
    whole[7, 8] = -1
    raw = read_raw(save(tmp_path / "b.fits", whole, BLANK=-1))
    assert (raw.mask != 0).sum() == 1
    assert raw.mask[7, 8] == Pixel.EMPTY | Pixel.BAD


def test_a_file_whose_last_block_is_not_padded_is_read_and_said(tmp_path, pixels):
    path = save(tmp_path / "a.fits", pixels)
    path.write_bytes(path.read_bytes()[: 2880 + pixels.nbytes])
    raw = read_raw(path)
    np.testing.assert_array_equal(raw.adu(), pixels)
    assert any("padded" in note for note in raw.exposure.notes)


def test_bytes_behind_the_image_do_no_harm(tmp_path, pixels):
    path = save(tmp_path / "a.fits", pixels)
    path.write_bytes(path.read_bytes() + b"\x1a" * 5000)
    np.testing.assert_array_equal(read_raw(path).adu(), pixels)


def test_an_exposure_of_a_scan_is_taken_as_it_is(tmp_path, pixels):
    path = save(tmp_path / "a.fits", pixels)
    known = Exposure(path=str(path), kind="flat")
    assert read_raw(known).exposure is known


# what is damaged


def test_a_truncated_file_tells_how_much_is_there(tmp_path, pixels):
    path = save(tmp_path / "a.fits", pixels)
    path.write_bytes(path.read_bytes()[:4000])
    assert f"truncated: 1120 of {pixels.nbytes} bytes" in complaint(path)


def test_a_truncated_packed_file_tells_how_much_is_there(tmp_path, pixels):
    plain = save(tmp_path / "a.fits", pixels)
    for name, pack in (("b.fits.gz", gzip.compress), ("b.fits.bz2", bz2.compress)):
        packed = tmp_path / name
        packed.write_bytes(pack(plain.read_bytes())[:-900])
        assert "truncated" in complaint(packed) or "damaged" in complaint(packed)


def test_damaged_tiles_are_refused(tmp_path, pixels):
    path = tmp_path / "a.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels)]).writeto(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-2880])
    complaint(path)


def test_a_damaged_table_of_tiles_is_refused_at_once(tmp_path, pixels):
    path = tmp_path / "a.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels)]).writeto(path)
    edit(path, "TFIELDS", "999999999")
    assert "TFIELDS = 999999999" in complaint(path)


def edit(path, card, value):
    """Change a card in place, whatever astropy thinks of it."""
    data = bytearray(path.read_bytes())
    at = data.index(f"{card:8}=".encode())
    data[at : at + 80] = f"{card:8}= {value:>20}".ljust(80).encode()
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("card", "value", "words"),
    [
        ("NAXIS1", "2000000000", "truncated"),
        ("NAXIS1", "-60", "NAXIS1 = -60"),
        ("NAXIS1", "'sixty'", "NAXIS1 = sixty"),
        ("NAXIS", "999", "NAXIS999 = None"),
        ("NAXIS", "-2", "NAXIS = -2"),
        ("NAXIS", "0", "holds no image"),
        ("NAXIS2", "0", "holds no image"),
        ("BITPIX", "13", "BITPIX = 13"),
        ("BITPIX", "T", "BITPIX = True"),
        ("SIMPLE", "F", "SIMPLE = False"),
        ("BSCALE", "0", "BSCALE = 0"),
        ("BZERO", "'?'", "BZERO = ?"),
    ],
)
def test_a_damaged_structure_is_told_in_one_line(tmp_path, pixels, card, value, words):
    path = save(tmp_path / "a.fits", pixels)
    edit(path, card, value)
    assert words in complaint(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xd8\xff\xe0JFIF" + b"x" * 9000, "JPEG"),
        (b"\x89PNG\r\n" + b"x" * 9000, "PNG"),
        (b"II*\0" + b"x" * 9000, "TIFF"),
        (b"hello, this is a text\n" * 500, "not a FITS file"),
        (os.urandom(5000).replace(b"S", b"T"), "FITS"),
        (b"SIMPLE  =                    T".ljust(80), "END"),
        (b"SIMPLE  =                    T".ljust(80) * 40000, "END"),
        (b"\x1f\x8b\x08\0 nonsense" * 40, "damaged"),
        (gzip.compress(b"hello" * 1000), "END"),
        (gzip.compress(b""), "SIMPLE"),
    ],
    ids=[
        "empty",
        "jpeg",
        "png",
        "tiff",
        "text",
        "noise",
        "short",
        "no end",
        "bad gzip",
        "gzipped text",
        "gzipped nothing",
    ],
)
def test_what_is_no_fits_image_is_told_in_one_line(tmp_path, content, words):
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    assert words in complaint(path)


def test_a_colour_cube_is_refused(tmp_path, pixels):
    assert "3 x 40 x 60" in complaint(save(tmp_path / "a.fits", np.stack([pixels] * 3)))


def test_a_small_file_cannot_claim_a_huge_image(tmp_path):
    header = fits.PrimaryHDU(np.zeros((2, 2), np.uint8)).header
    text = header.tostring().replace("NAXIS1  =                    2", "NAXIS1  =          99999999999")
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(gzip.compress(text.encode() + b"\0" * 2880))
    assert "claims" in complaint(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    assert "no such file" in complaint(tmp_path / "none.fits")
    assert "folder" in complaint(tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2879), st.integers(0, 255)), min_size=1, max_size=30))
def test_a_mutated_header_is_read_or_refused_in_one_line(tmp_path, changes):
    path = tmp_path / "mutant.fits"
    if not (tmp_path / "sound.fits").exists():
        save(tmp_path / "sound.fits", np.arange(600, dtype=np.uint16).reshape(20, 30))
    data = bytearray((tmp_path / "sound.fits").read_bytes())
    for place, value in changes:
        data[place] = value
    path.write_bytes(bytes(data))
    try:
        raw = read_raw(path)
    except FileError as error:
        assert "\n" not in str(error)
    else:
        assert raw.pixels.ndim == 2


# what we write


@pytest.fixture
def frame(pixels):
    data = pixels.astype(np.float32)
    mask = np.zeros(pixels.shape, np.uint16)
    mask[1, 2] = Pixel.SATURATED | Pixel.COSMIC
    mask[5, 6] = 32768
    exposure = Exposure(
        path="raw.fits",
        kind="light",
        target="M13",
        band="g",
        exptime=120.0,
        jd_start=2458606.8772106,
        jd_utc=2458606.8779051,
        bjd_tdb=2458606.8816487,
        airmass=1.0021,
        ra=250.42,
        dec=36.46,
        gain=1.52,
        gain_err=0.02,
        read_noise=9.1,
        saturation=65000.0,
        linearity=55000.0,
        temperature=-25.0,
        binning=(2, 2),
        shape=pixels.shape,
        pixel_scale=0.666,
        diameter=0.508,
        site=Site(32.78, -105.82, 2788.0, "APO"),
        camera="Apogee",
        cards={
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CRVAL1": 250.42,
            "CRVAL2": 36.46,
            "CRPIX1": 20.0,
            "CRPIX2": 30.0,
            "CD1_1": -1.85e-4,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
            "CD2_2": 1.85e-4,
            "CUNIT1": "deg",
            "CUNIT2": "deg",
        },
    )
    return Frame(data, data + 83, mask, exposure)


def test_a_frame_comes_back_as_it_was_written(tmp_path, frame):
    path = tmp_path / "frame.fits"
    write_frame(path, frame, {"HISTORY": ["bias subtracted"], "SKY": (12.5, "[electron] level")})
    back = read_frame(path)
    for name in ("data", "variance", "mask"):
        np.testing.assert_array_equal(getattr(back, name), getattr(frame, name))
        assert getattr(back, name).dtype == getattr(frame, name).dtype
    assert back.unit == "electron"
    told, kept = frame.exposure, back.exposure
    names = "kind target band exptime gain gain_err read_noise saturation linearity bjd_tdb airmass ra dec"
    for name in f"{names} temperature binning pixel_scale diameter site camera shape".split():
        assert getattr(kept, name) == getattr(told, name), name
    assert (kept.jd_utc - told.jd_utc) * 86400 == pytest.approx(0, abs=1e-4)
    assert kept.reduced
    ra, dec = back.wcs.all_pix2world(19, 29, 0)
    np.testing.assert_allclose([ra, dec], [250.42, 36.46])


def test_a_frame_that_we_wrote_is_known_as_calibrated(tmp_path, frame):
    path = tmp_path / "frame.fits"
    write_frame(path, frame)
    raw = read_raw(path)
    assert raw.exposure.reduced
    assert raw.exposure.gain == 1.0
    assert raw.mask[1, 2] == Pixel.SATURATED | Pixel.COSMIC
    np.testing.assert_array_equal(raw.adu(), frame.data)


def test_other_programs_read_our_files_and_their_checksums_hold(tmp_path, frame):
    path = tmp_path / "frame.fits"
    write_frame(path, frame, planes={"COVERAGE": np.ones(frame.shape, np.float32)})
    with fits.open(path, checksum=True) as units:
        assert [unit.name for unit in units] == ["SCI", "VAR", "MASK", "COVERAGE"]
        assert units[0].header["BUNIT"] == "electron"
        assert units[0].header["DATE-AVG"][:24] == "2019-05-03T09:04:11.0006"
        np.testing.assert_array_equal(units["SCI"].data, frame.data)


def test_a_frame_in_adu_stays_in_adu(tmp_path, frame):
    write_frame(tmp_path / "a.fits", Frame(frame.data, frame.variance, frame.mask, Exposure(), unit="adu"))
    back = read_frame(tmp_path / "a.fits")
    assert back.unit == "adu"
    assert np.isnan(back.exposure.gain)


def test_a_master_comes_back_as_it_was_written(tmp_path, frame):
    master = Master(
        "flat",
        frame.data,
        frame.variance,
        frame.mask,
        n=7,
        band="g",
        exptime=11.5,
        temperature=-25.0,
        binning=(2, 2),
        has_bias=True,
        sources=("a.fits", "a folder with blanks/b (1).fits"),
        notes=("two left out",),
        name="flat_g",
    )
    write_master(tmp_path / "m.fits", master)
    back = read_master(tmp_path / "m.fits")
    for name in ("data", "variance", "mask"):
        np.testing.assert_array_equal(getattr(back, name), getattr(master, name))
    for name in (
        "kind",
        "n",
        "band",
        "exptime",
        "temperature",
        "binning",
        "has_bias",
        "sources",
        "notes",
        "name",
    ):
        assert getattr(back, name) == getattr(master, name)
    exposure = read_raw(tmp_path / "m.fits").exposure
    assert (exposure.kind, exposure.band, exposure.reduced) == ("flat", "g", True)


def test_a_frame_without_variance_cannot_be_read_as_one(tmp_path, pixels):
    with pytest.raises(FileError, match="no variance plane"):
        read_frame(save(tmp_path / "a.fits", pixels))


def test_raw_files_come_back_as_written(tmp_path, pixels):
    path = tmp_path / "raw.fits"
    write_raw(path, pixels, {**CARDS, "EGAIN": (1.5, "[electron/adu]")})
    raw = read_raw(path)
    np.testing.assert_array_equal(raw.adu(), pixels)
    assert raw.exposure.gain == 1.5
    assert not raw.exposure.reduced


def test_a_failed_write_leaves_nothing_behind_and_what_was_there_alone(tmp_path, frame, monkeypatch):
    path = tmp_path / "frame.fits"
    path.write_bytes(b"old")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match="no space left on device"):
        write_frame(path, frame)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["frame.fits"]


def test_a_folder_that_is_not_there_is_told(tmp_path, frame):
    with pytest.raises(FileError, match="cannot be written: no such file"):
        write_frame(tmp_path / "none" / "a.fits", frame)


def test_written_files_can_be_read_by_others(tmp_path, frame):
    write_frame(tmp_path / "a.fits", frame)
    assert stat.S_IMODE((tmp_path / "a.fits").stat().st_mode) & 0o400
    mask = os.umask(0o022)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a.fits").stat().st_mode) == 0o666 & ~mask


def test_the_layout_of_a_file_is_known_without_its_pixels(tmp_path, pixels):
    layout = read_header(save(tmp_path / "a.fits", pixels))
    assert layout.image.plane == (40, 60)
    assert layout.image.offset == 2880
