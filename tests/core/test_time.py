"""Barycentric time and airmass against published numbers and an independent computation."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from pogson.core.frame import Site
from pogson.core.time import airmass, altitude, bjd_tdb, sun_altitude, to_utc

APACHE = Site(32.7802777778, -105.820277778, 2788.0)


@pytest.fixture
def sky():
    rng = np.random.default_rng(7)
    jd = rng.uniform(2451545.0, 2460900.0, 60)
    return jd, rng.uniform(0, 360, 60), rng.uniform(-90, 90, 60)


@pytest.fixture
def astropy_times(sky):
    location = EarthLocation.from_geodetic(APACHE.longitude, APACHE.latitude, APACHE.height)
    with iers.conf.set_temp("auto_download", False):
        yield Time(sky[0], format="jd", scale="utc", location=location)


def test_a_published_barycentric_time_is_met_to_a_millisecond():
    # tau Ceti from Cerro Tololo: the value of Wright & Eastman 2014 and of Eastman et al. 2010's own code
    years = (2458000.0 - 2448349.0625) / 365.25
    dec = -15.9395557246 + 854.16 / 3.6e6 * years
    ra = 26.0213645867 - 1721.05 / 3.6e6 * years / np.cos(np.radians(dec))
    jd = np.array([2458000.0, 2458000.00001, 2458000.00002])
    expected = [2458000.00505211, 2458000.00506211, 2458000.00507211]
    got = bjd_tdb(jd, ra, dec, Site(-30.169283, -70.806789, 2241.9))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1.2e-8)


def test_barycentric_time_agrees_with_astropy_to_a_tenth_of_a_millisecond(sky, astropy_times):
    jd, ra, dec = sky
    star = SkyCoord(ra, dec, unit="deg")
    expected = astropy_times.tdb + astropy_times.light_travel_time(star)
    difference = (expected.jd1 - bjd_tdb(jd, ra, dec, APACHE) + expected.jd2) * 86400
    assert np.abs(difference).max() < 1e-4


def test_the_geocentre_stands_in_for_an_unknown_site(sky):
    jd, ra, dec = sky
    difference = (bjd_tdb(jd, ra, dec) - bjd_tdb(jd, ra, dec, APACHE)) * 86400
    assert 0.005 < np.abs(difference).max() < 0.022


def test_without_coordinates_there_is_no_barycentric_time():
    got = bjd_tdb([2458000.0, np.nan, 2458000.0], [np.nan, 10.0, 10.0], 20.0, APACHE)
    assert np.isnan(got[:2]).all()
    assert np.isfinite(got[2])


def test_utc_alone_would_be_minutes_wrong():
    # the usual mistake: JD (UTC) given as BJD (TDB)
    jd = 2458606.8772106
    assert abs(bjd_tdb(jd, 250.42, 36.46, APACHE)[0] - jd) * 86400 > 300


def test_a_date_beyond_the_known_leap_seconds_draws_no_warning():
    assert np.isfinite(bjd_tdb(2475000.0, 10.0, 20.0, APACHE)).all()


def test_altitude_agrees_with_astropy(sky, astropy_times):
    jd, ra, dec = sky
    frame = AltAz(obstime=astropy_times, location=astropy_times.location)
    expected = SkyCoord(ra, dec, unit="deg").transform_to(frame).alt.to_value(u.deg)
    # aberration of light, 20 arcsec, is left out
    np.testing.assert_allclose(altitude(jd, ra, dec, APACHE), expected, rtol=0, atol=0.01)


def test_the_sun_is_down_at_midnight_and_up_at_noon():
    midnight, noon = sun_altitude([2458606.8, 2458607.3], APACHE)
    assert midnight < -18
    assert noon > 40


def test_airmass_has_its_known_values():
    # 1 at the zenith, about 38 at the horizon (Pickering 2002, table)
    np.testing.assert_allclose(airmass([90.0, 30.0, 10.0]), [1.0, 1.993, 5.58], atol=3e-3)
    assert 35 < airmass(0.01) < 40
    assert np.isnan(airmass([-0.1, np.nan])).all()


@given(st.floats(1.0, 90.0))
def test_airmass_is_never_more_than_the_secant(height):
    assert 0.999 < airmass(height) <= 1 / np.sin(np.radians(height)) + 1e-6


def test_other_time_scales_become_utc():
    assert (2460000.5 - to_utc(2460000.5, "TT")) * 86400 == pytest.approx(69.184, abs=1e-4)
    assert (2460000.5 - to_utc(2460000.5, "TAI")) * 86400 == pytest.approx(37.0, abs=1e-4)
    assert (2460000.5 - to_utc(2460000.5, "GPS")) * 86400 == pytest.approx(18.0, abs=1e-4)
    assert to_utc(2460000.5, "UTC") == 2460000.5
    with pytest.raises(KeyError):
        to_utc(2460000.5, "LOCAL")
