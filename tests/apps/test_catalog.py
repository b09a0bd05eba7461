"""`pogson catalog`, and runs that find their catalogue by themselves."""

import numpy as np
import pytest
from tap_service import TapService


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("POGSON_CATALOGS", str(tmp_path / "store"))
    return tmp_path / "store"


def test_a_run_takes_the_catalogue_of_the_store_and_says_so(pogson, store, small_night, tmp_path):
    assert pogson("catalog", "add", small_night / "catalog.csv", "--name", "cluster").code == 0
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0, answer.err
    assert "catalogue 'cluster' of the store: has g, r for at least" in answer.out
    assert "zero point" in answer.out and "matched with the catalogue" in answer.out


def test_a_store_elsewhere_on_the_sky_is_left_alone(pogson, store, small_night, tmp_path):
    (tmp_path / "far.csv").write_text(
        "ra,dec,g,r\n" + "".join(f"{10 + k / 9},-70,12.{k},11.{k}\n" for k in range(9))
    )
    assert pogson("catalog", "add", tmp_path / "far.csv").code == 0
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet")
    assert answer.code == 0 and "magnitudes are instrumental: give --catalog" in answer.out


def test_add_list_cone_export_import(pogson, store, small_night, tmp_path):
    assert "is in the store" not in pogson("catalog", "add", small_night / "catalog.csv").err
    again = pogson("catalog", "add", small_night / "catalog.csv")
    assert again.code == 2 and "--overwrite" in again.line
    assert "catalog " in pogson("catalog", "list").out and "Tycho-2" in pogson("catalog", "list").out
    cone = pogson("catalog", "cone", "250.42", "36.46", "--name", "Tycho-2", "--rows", "2")
    assert "Tycho-2: " in cone.out and "mag_VT" in cone.out
    assert pogson("catalog", "cone", "1", "2", "--name", "no").code == 2
    assert pogson("catalog", "export", tmp_path / "all.tar").code == 0
    assert pogson("catalog", "import", tmp_path / "all.tar", "--store", tmp_path / "b").code == 0
    assert "catalog " in pogson("catalog", "list", "--store", tmp_path / "b").out
    broken = pogson("catalog", "import", small_night / "catalog.csv")
    assert broken.code == 1 and "cannot be read as an export" in broken.line


@pytest.fixture
def service(small_night, monkeypatch):
    """A service whose sky is that of the small night."""
    lines = [
        line.replace('"', "").split(",") for line in (small_night / "catalog.csv").read_text().splitlines()
    ]
    columns = dict(zip(lines[0], np.array(lines[1:]).T, strict=True))
    n = len(lines) - 1
    sky = {name: np.zeros(n) for name in ("pmra", "pmdec", "parallax", "duplicate", "dupvar", "period")}
    sky |= {"id": np.arange(1, n + 1), "ra": columns["ra"].astype(float), "dec": columns["dec"].astype(float)}
    sky |= {"variable": np.array(["NOT_AVAILABLE"] * n), "type": np.array(["EA"] * n)}
    for name in ("duplicate", "dupvar"):
        sky[name] = np.zeros(n, int)
    for band in ("G", "BP", "RP", *"UBVRIugrizy"):
        mag = f"{band}mag" if f"{band}mag" in columns else f"mag_{band}" if f"mag_{band}" in columns else band
        sky[f"mag_{band}"] = columns[mag].astype(float) if mag in columns else np.full(n, np.nan)
        sky[f"mag_{band}_err"] = np.full(n, 0.01)
        sky[f"ok_{band}"] = np.ones(n, int)
    made = TapService(sky)
    monkeypatch.setenv("POGSON_TAP", made.address)
    yield made
    made.close()


def place_of(service):
    return [f"{np.median(service.sky[name]):.4f}" for name in ("ra", "dec")]


def test_fetch_fills_the_store_only_with_online(pogson, store, service):
    place = place_of(service)
    refused = pogson("catalog", "fetch", *place)
    assert refused.code == 2 and "say --online" in refused.line and not service.queries
    answer = pogson("catalog", "fetch", *place, "--radius", "0.1", "--online", "--catalogs", "gspc,vsx")
    assert answer.code == 0 and "gspc: " in answer.out and "please cite Gaia Collaboration" in answer.out
    assert "gspc " in pogson("catalog", "list").out and "variables" in pogson("catalog", "list").out
    again = pogson("catalog", "fetch", *place, "--radius", "0.1", "--online", "--catalogs", "gspc,vsx")
    assert again.code == 0 and "gspc: nothing new" in again.out
    assert "refcat2    g,r,i,z" in pogson("catalog", "fetch", "--catalogs", "help").out
    wrong = pogson("catalog", "fetch", *place, "--online", "--catalogs", "usno")
    assert wrong.code == 2 and "there is gaia, gspc" in wrong.line


def test_fetch_says_what_did_not_come(pogson, store, service):
    service.faults = ["404", "404"]
    some = pogson("catalog", "fetch", *place_of(service), "--online", "--catalogs", "gaia,vsx")
    assert some.code == 3 and "Gaia DR3 cannot be fetched" in some.out and "vsx: 3 stars" in some.out
    service.always = "404"
    assert pogson("catalog", "fetch", *place_of(service), "--online", "--catalogs", "apass").code == 1


def test_a_run_fetches_what_its_field_needs_and_the_next_one_does_not(
    pogson, store, service, small_night, tmp_path
):
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet", "--online")
    assert answer.code == 0, answer.err
    assert "online: gspc: " in answer.out and "catalogue 'refcat2' of the store: has g, r" in answer.out
    assert "g, r are magnitudes of Pan-STARRS" in answer.out
    assert "known variables (vsx 3)" in answer.out
    asked = len(service.queries)
    again = pogson("run", small_night, "--out", tmp_path / "again", "--quiet")
    assert "catalogue 'refcat2' of the store" in again.out and len(service.queries) == asked


def test_a_run_goes_on_where_the_services_are_down(pogson, store, service, small_night, tmp_path):
    service.always = "404"
    answer = pogson("run", small_night, "--out", tmp_path / "out", "--quiet", "--online")
    assert answer.code == 0 and "online: gaia: nothing new; Gaia DR3 cannot be fetched" in answer.out
    assert "magnitudes are instrumental" in answer.out


def test_variables_of_your_own_list_are_left_alone(pogson, store, small_night, tmp_path):
    lines = (small_night / "catalog.csv").read_text().splitlines()
    (tmp_path / "suspects.csv").write_text("\n".join(lines[:4]) + "\n")
    assert pogson("catalog", "add", tmp_path / "suspects.csv", "--variables").code == 0
    answer = pogson(
        "run", small_night, "--out", tmp_path / "out", "--quiet", "--catalog", small_night / "catalog.csv"
    )
    assert answer.code == 0 and "3 known variables (suspects 3) are kept out" in answer.out


def test_the_field_of_a_frame_is_fetched_by_its_wcs(pogson, store, service, tmp_path):
    from astropy.io import fits

    ra, dec = (float(text) for text in place_of(service))
    frame = fits.PrimaryHDU(np.zeros((100, 120), np.float32))
    cards = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": 60,
        "CRPIX2": 50,
    }
    frame.header.update(cards | {"CDELT1": -0.001, "CDELT2": 0.001, "CUNIT1": "deg", "CUNIT2": "deg"})
    frame.writeto(tmp_path / "solved.fits")
    answer = pogson("catalog", "fetch", "--of", tmp_path / "solved.fits", "--online", "--catalogs", "vsx")
    assert answer.code == 0, answer.err
    assert f"CIRCLE('ICRS', {ra:.0f}"[:18] in service.queries[0][service.queries[0].index("CIRCLE") :]
    fits.PrimaryHDU(np.zeros((9, 9), np.float32)).writeto(tmp_path / "plain.fits")
    bare = pogson("catalog", "fetch", "--of", tmp_path / "plain.fits", "--online")
    assert bare.code == 2 and "its header has no WCS; solve it first: pogson solve" in bare.line
    assert pogson("catalog", "fetch", "--online").code == 2


def test_a_night_in_bands_that_the_catalogue_lacks_is_calibrated_by_a_relation(
    pogson, store, small_night, small_run, tmp_path
):
    """B and V, made of the catalogue's g and r as Jester et al. have it, lead back to g and r."""
    from pogson.io.catalogs import read_catalog
    from pogson.io.relations import known_relations
    from pogson.io.tables import read_table
    from pogson.steps.match.bands import add_bands

    table = add_bands(read_catalog(small_night / "catalog.csv"), "BV", known_relations(), system="sdss")
    names = ("mag_B", "mag_B_err", "mag_V", "mag_V_err")
    rows = zip(table["ra"], table["dec"], *(table[name] for name in names), strict=True)
    lines = ["ra,dec," + ",".join(names), *(",".join(f"{value:.6f}" for value in row) for row in rows)]
    (tmp_path / "bv.csv").write_text("\n".join(lines) + "\n")
    run = ("run", small_night, "--quiet", "--catalog", tmp_path / "bv.csv")
    unsaid = pogson(*run, "--out", tmp_path / "unsaid")
    assert "the catalogue has no g: its magnitudes are instrumental" in unsaid.out
    assert "a published relation leads to g, r: say whose bands" in unsaid.out
    assert "[catalog] system = johnson" in unsaid.out
    answer = pogson(*run, "--out", tmp_path / "out", "--set", "catalog.system=johnson")
    assert "g from V and B-V (Jester et al. 2005" in answer.out
    direct, derived = (read_table(folder / "zeropoints.ecsv") for folder in (small_run, tmp_path / "out"))
    assert np.all(np.abs(direct["zero_point"] - derived["zero_point"]) < 0.05)
    assert np.isfinite(derived["zero_point"]).all()
