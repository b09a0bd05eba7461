"""solve_field proves a first guess against the catalogue, or refuses."""

import warnings

import numpy as np
import pytest
from astropy.wcs import WCS

from pogson.core.columns import CATALOG, FIELD
from pogson.core.errors import MatchError
from pogson.core.frame import Exposure
from pogson.steps.match.astrometry import read_wcs, solve_field
from pogson.steps.match.tangent import from_plane, to_plane

NX, NY, SCALE = 1200, 900, 0.9


def true_wcs(angle=10.0, flip=False, ra=200.0, dec=55.0, sip=0.0):
    wcs = WCS(naxis=2)
    t = np.radians(angle)
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ np.diag([1 if flip else -1, 1])
    wcs.wcs.crpix, wcs.wcs.crval = [NX / 2 + 0.5, NY / 2 + 0.5], [ra, dec]
    wcs.wcs.cd = turn * SCALE / 3600
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    if sip:
        from astropy.wcs import Sip

        wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
        a, b = np.zeros((3, 3)), np.zeros((3, 3))
        a[2, 0], b[1, 1] = sip, -sip
        wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
    wcs.wcs.set()
    return wcs


def sky(wcs, n=250, deep=3, noise=0.1, seed=1, part=1.0):
    """A field and a catalogue that is `deep` times as deep, and covers a part of the frame."""
    rng = np.random.default_rng(seed)
    m = n * deep
    x, y = rng.uniform(-200, NX + 200, m), rng.uniform(-200, NY + 200, m)
    mag = np.sort(12 + 2.0 * np.log10(1 + rng.uniform(0, 100, m)))
    ra, dec = wcs.all_pix2world(x, y, 0)
    seen = np.flatnonzero((x > 0) & (x < NX) & (y > 0) & (y < NY))[:n]
    seen = seen[rng.uniform(size=len(seen)) > 0.1]
    flux = 10 ** (-0.4 * (mag[seen] + rng.normal(0, 0.15, len(seen)) - 25))
    k = len(seen)
    full = lambda v: np.full(k, float(v))  # noqa: E731
    field = FIELD.table(
        id=np.arange(1, k + 1),
        x=x[seen] + rng.normal(0, noise, k),
        y=y[seen] + rng.normal(0, noise, k),
        x_err=full(noise),
        y_err=full(noise),
        ra=full(np.nan),
        dec=full(np.nan),
        flux=flux,
        snr=np.sqrt(flux),
        n_detected=full(1),
        flags=full(0),
    )
    keep = x < NX * part + 1000 * (part == 1.0)
    nothing = np.full(keep.sum(), np.nan)
    catalog = CATALOG.table(
        {"name": "made", "epoch": np.nan},
        id=np.arange(keep.sum()).astype(str),
        ra=ra[keep],
        dec=dec[keep],
        pmra=nothing,
        pmdec=nothing,
        flags=np.zeros(keep.sum()),
        mag_g=mag[keep],
    )
    return field, catalog


def cards_of(wcs, dx=0.0, dy=0.0):
    cards = {}
    for key in ("CRPIX", "CRVAL"):
        for k in (0, 1):
            cards[f"{key}{k + 1}"] = float(getattr(wcs.wcs, key.lower())[k])
    cards["CRPIX1"] += dx
    cards["CRPIX2"] += dy
    for i in (0, 1):
        cards[f"CTYPE{i + 1}"] = ("RA---TAN", "DEC--TAN")[i]
        for j in (0, 1):
            cards[f"CD{i + 1}_{j + 1}"] = float(wcs.wcs.cd[i, j])
    return cards


def exposure(**values):
    return Exposure(band="g", shape=(NY, NX), **values)


def miss(solution, wcs):
    """Largest error over the frame, arcsec."""
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, NX, 5), np.linspace(0, NY, 5)))
    a, b = solution.wcs.all_pix2world(x, y, 0), wcs.all_pix2world(x, y, 0)
    return 3600 * np.max(np.hypot((a[0] - b[0]) * np.cos(np.radians(b[1])), a[1] - b[1]))


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (30, -20), (150, 90)])
def test_a_header_wcs_that_is_off_is_put_right(dx, dy):
    wcs = true_wcs()
    field, catalog = sky(wcs)
    found, solution = solve_field(field, catalog, exposure=exposure(cards=cards_of(wcs, dx, dy)))
    assert miss(solution, wcs) < 0.08
    assert solution.source == "the header's WCS"
    assert solution.rms == pytest.approx(0.1 * np.sqrt(2) * SCALE, rel=0.15)
    assert solution.pixel_scale == pytest.approx(SCALE, rel=1e-3)
    x, y = wcs.all_world2pix(found["ra"], found["dec"], 0)
    assert np.max(np.hypot(x - field["x"], y - field["y"])) < 0.1
    assert np.isnan(field["ra"]).all(), "the field that was handed in is unchanged"


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", [0.0, 133.0])
def test_pointing_and_scale_are_enough_for_either_hand(angle, flip):
    wcs = true_wcs(angle, flip)
    field, catalog = sky(wcs)
    _, solution = solve_field(
        field, catalog, exposure=exposure(ra=200.02, dec=54.985, pixel_scale=SCALE * 1.04)
    )
    assert miss(solution, wcs) < 0.08
    assert "pointing" in solution.source


def test_a_catalogue_of_half_of_the_frame_will_do():
    wcs = true_wcs()
    field, catalog = sky(wcs, part=0.5)
    _, solution = solve_field(field, catalog, exposure=exposure(cards=cards_of(wcs, 11, 7)))
    assert miss(solution, wcs) < 0.25


def test_a_catalogue_ten_times_as_deep_will_do():
    wcs = true_wcs()
    field, catalog = sky(wcs, n=150, deep=20)
    _, solution = solve_field(field, catalog, exposure=exposure(cards=cards_of(wcs, 11, 7)))
    assert miss(solution, wcs) < 0.1


def test_another_field_is_refused_in_one_line():
    field, _ = sky(true_wcs(), seed=1)
    _, catalog = sky(true_wcs(), seed=2)
    with pytest.raises(
        MatchError, match="do not match catalogue 'made' from the header's WCS or the pointing"
    ) as e:
        solve_field(
            field,
            catalog,
            exposure=exposure(
                cards=cards_of(true_wcs()), ra=200.0, dec=55.0, pixel_scale=SCALE, path="a.fits"
            ),
        )
    assert "\n" not in str(e.value)
    with pytest.raises(MatchError, match="neither a WCS nor a pointing"):
        solve_field(field, catalog, exposure=exposure())


def test_a_second_order_is_used_only_where_it_is_real():
    for sip, ctype in ((0.0, "RA---TAN"), (4e-6, "RA---TAN-SIP")):
        wcs = true_wcs(sip=sip)
        field, catalog = sky(wcs)
        _, solution = solve_field(field, catalog, exposure=exposure(cards=cards_of(wcs, 3, 2)))
        assert solution.wcs.wcs.ctype[0] == ctype
        assert miss(solution, wcs) < 0.2


def test_both_forms_of_the_matrix_in_a_header_do_no_harm():
    cards = cards_of(true_wcs()) | {"CDELT1": 9.0, "CDELT2": 9.0, "CROTA2": 45.0, "RADECSYS": "FK5"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wcs = read_wcs(exposure(cards=cards))
    assert np.allclose(wcs.all_pix2world(10, 20, 0), true_wcs().all_pix2world(10, 20, 0))


def test_a_trimmed_frame_keeps_its_place():
    cards = cards_of(true_wcs())
    wcs = read_wcs(exposure(cards=cards, trim=(5, 905, 50, 1250)))
    assert np.allclose(wcs.all_pix2world(10, 20, 0), true_wcs().all_pix2world(60, 25, 0))


def test_pixels_are_counted_from_zero_and_not_from_one():
    wcs = true_wcs()
    field, catalog = sky(wcs, noise=0.01)
    found, solution = solve_field(field, catalog, exposure=exposure(cards=cards_of(wcs)))
    one_based = wcs.all_pix2world(field["x"], field["y"], 1)
    wrong = 3600 * np.hypot(
        (one_based[0] - found["ra"]) * np.cos(np.radians(55)), one_based[1] - found["dec"]
    )
    assert np.median(wrong) == pytest.approx(SCALE * np.sqrt(2), rel=0.02), (
        "the wrong way is a pixel off in x and y"
    )
    assert miss(solution, wcs) < 0.02


@pytest.mark.parametrize(
    "cards", [{}, {"CRVAL1": 1.0}, {"CTYPE1": "RA---XXX", "CTYPE2": "DEC--XXX", "CRVAL1": "oops"}]
)
def test_a_damaged_wcs_is_no_wcs(cards):
    assert read_wcs(exposure(cards=cards)) is None


def test_the_plane_and_back():
    rng = np.random.default_rng(1)
    for _ in range(20):
        ra0, dec0 = rng.uniform(0, 360), rng.uniform(-89, 89)
        ra, dec = from_plane(0.3, -0.2, ra0, dec0)
        assert to_plane(np.array([ra]), np.array([dec]), ra0, dec0)[0] == pytest.approx([0.3, -0.2])
