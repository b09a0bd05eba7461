"""A small invented night, the same every time, for every picture."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS

from pogson.core.columns import FRAMES, PHOTOMETRY, ZEROPOINTS
from pogson.core.flags import Star
from pogson.core.frame import Frame, Master
from pogson.core.psf import PSF

ERR_TERMS = [c.name for c in PHOTOMETRY.columns if c.name.startswith("err_")]


def invent_stars(rng, n=900):
    """A globular cluster's main sequence and giants in g and r."""
    g = np.clip(20.5 - rng.exponential(1.6, n), 13.0, 21.5)
    color = 0.42 + 0.09 * (g - 18.2) ** 2 / 4 + np.where(g < 17, 0.1 * (17 - g), 0)
    err = 0.003 + 0.02 * 10 ** (0.35 * (g - 19))
    r = g - color + rng.normal(0, 1, n) * err
    flags = rng.choice(
        [0, int(Star.NEIGHBOR), int(Star.SATURATED), int(Star.EDGE)], n, p=[0.8, 0.12, 0.04, 0.04]
    )
    return Table(
        {
            "id": np.arange(1, n + 1),
            "x": rng.uniform(0, 400, n),
            "y": rng.uniform(0, 300, n),
            "ra": np.full(n, 250.4),
            "dec": np.full(n, 36.46),
            "mag_g": g + rng.normal(0, 1, n) * err,
            "mag_g_err": err,
            "n_g": np.full(n, 3),
            "mag_r": r,
            "mag_r_err": err,
            "n_r": np.full(n, 3),
            "flags": flags,
        }
    )


def invent_photometry(rng, stars, bands=("g", "r"), frames=5):
    """Repeated measurements with honest errors."""
    parts = []
    for band in bands:
        for k in range(frames):
            true = np.asarray(stars[f"mag_{band}"])
            flux = 10 ** (-0.4 * (true - 25.0))
            terms = {name: np.zeros(len(stars)) for name in ERR_TERMS}
            terms |= {"err_source": np.sqrt(flux), "err_sky": np.full(len(stars), 60.0)}
            terms |= {"err_annulus": np.full(len(stars), 15.0), "err_read": np.full(len(stars), 40.0)}
            terms |= {
                "err_flat": 0.001 * flux,
                "err_scintillation": 0.002 * flux,
                "err_quantisation": terms["err_sky"] / 40,
            }
            err = np.sqrt(sum(t**2 for t in terms.values()))
            seen = flux + rng.normal(0, 1, len(stars)) * err
            parts.append((band, k, np.asarray(stars["id"]), seen, err, terms))
    flux = np.concatenate([p[3] for p in parts])
    err = np.concatenate([p[4] for p in parts])
    positive = np.where(flux > 0, flux, np.nan)
    size = len(stars)
    return PHOTOMETRY.table(
        star=np.concatenate([p[2] for p in parts]),
        frame=np.repeat([f"{p[0]}{p[1]}.fits" for p in parts], size),
        band=np.repeat([p[0] for p in parts], size),
        flux=flux,
        flux_err=err,
        mag=25 - 2.5 * np.log10(positive),
        mag_err=1.0857 * err / positive,
        **{name: np.concatenate([p[5][name] for p in parts]) for name in ERR_TERMS},
        flags=np.zeros(flux.size, int),
        n_sky=np.full(flux.size, 900),
        **{
            name: np.ones(flux.size)
            for name in ("bjd_tdb", "x", "y", "sky", "coverage", "contamination", "peak")
        },
    )


def invent_frames(rng):
    """Two bands through the night, clouds at the end, one trailed frame, one bias."""
    n = 18
    cloud = np.where(np.arange(n) > 14, 0.5, 1.0) * rng.normal(1, 0.01, n)
    band = np.array(["g", "r"] * (n // 2))
    accepted = (cloud > 0.8) & (np.arange(n) != 6)
    reasons = np.where(
        cloud < 0.8, "transparency 0.5 below 0.7", np.where(accepted, "", "stars trailed: elongation 1.6")
    )
    lights = {
        "path": [f"{b}{k // 2}.fits" for k, b in enumerate(band)],
        "kind": ["light"] * n,
        "band": band,
        "exptime": np.full(n, 120.0),
        "bjd_tdb": 2458607.70 + np.arange(n) * 0.006,
        "airmass": np.linspace(1.4, 1.02, n),
        "gain": np.full(n, 1.31),
        "gain_source": ["measured"] * n,
        "read_noise": np.full(n, 7.8),
        "read_noise_source": ["measured"] * n,
        "sky": np.where(band == "g", 300, 520) * np.linspace(1.3, 1, n),
        "fwhm": rng.normal(3.2, 0.1, n) + (np.arange(n) == 6),
        "n_stars": (800 * cloud).astype(int),
        "transparency": cloud,
        "accepted": accepted,
        "reasons": reasons,
        "reason_codes": np.where(accepted, "", np.where(cloud < 0.8, "cloud", "trailed, focus")),
    }
    bias = {
        "path": ["bias.fits"],
        "kind": ["bias"],
        "band": [""],
        "accepted": [True],
        "reasons": [""],
        "reason_codes": [""],
    }
    bias |= {"gain_source": ["measured"], "read_noise_source": ["measured"], "n_stars": [0]}
    return FRAMES.table(
        **{name: np.concatenate([values, bias.get(name, [np.nan])]) for name, values in lights.items()}
    )


def invent_zero_points(rng, frames):
    lights = frames[:-1]
    n = len(lights)
    zp = np.where(lights["band"] == "g", 21.92, 21.55) + 2.5 * np.log10(lights["transparency"])
    return ZEROPOINTS.table(
        frame=lights["path"],
        band=lights["band"],
        zero_point=zp + rng.normal(0, 0.004, n),
        zero_point_err=np.full(n, 0.004),
        scatter=np.full(n, 0.021),
        n_used=np.full(n, 212),
        color_term=np.full(n, -0.03),
        sky_brightness=np.full(n, 20.1),
        sky_brightness_err=np.full(n, 0.03),
        limiting_mag=np.full(n, 20.6),
        catalog=["SDSS"] * n,
    )


def invent_residuals(rng, n=260):
    mag = rng.uniform(14, 20, n)
    reason = rng.choice(["", "saturated", "variable", "outlier"], n, p=[0.85, 0.05, 0.04, 0.06])
    residual = rng.normal(0, 1, n) * (0.012 + 0.03 * 10 ** (0.3 * (mag - 19)))
    residual = residual + np.where(reason == "outlier", 0.6, 0) + np.where(reason == "saturated", 0.15, 0)
    return Table(
        {
            "mag": mag,
            "color": rng.normal(0.6, 0.25, n),
            "x": rng.uniform(0, 1024, n),
            "y": rng.uniform(0, 1024, n),
            "residual": residual,
            "used": reason == "",
            "reason": reason,
        }
    )


def invent_frame(rng, stars, ny=300, nx=400, fwhm=3.2):
    """Gaussian stars on a flat sky, with a WCS: north up, east left, turned by 20 degrees."""
    image = rng.normal(300.0, 18.0, (ny, nx))
    yy, xx = np.mgrid[0:ny, 0:nx]
    for x, y, mag in zip(stars["x"], stars["y"], stars["mag_g"], strict=True):
        a, b = max(int(y) - 12, 0), max(int(x) - 12, 0)
        part = (slice(a, a + 25), slice(b, b + 25))
        image[part] += (
            10 ** (-0.4 * (mag - 23.5))
            / 11
            * np.exp(-2.77 * ((xx[part] - x) ** 2 + (yy[part] - y) ** 2) / fwhm**2)
        )
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [250.42, 36.46], [nx / 2, ny / 2]
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    wcs.wcs.cd = 1.9e-4 * np.array([[-c, s], [s, c]])
    frame = Frame.from_array(image, variance=324.0)
    return Frame(frame.data, frame.variance, frame.mask, wcs=wcs)


def invent_masters(rng):
    y, x = np.mgrid[-1:1:120j, -1:1:160j]
    planes = {
        ("bias", "", 0.0, 10): 1000 + 3 * np.sin(9 * x) + rng.normal(0, 2, x.shape),
        ("dark", "", 80.0, 9): rng.gamma(2.0, 2.0, x.shape),
        ("flat", "g", 3.0, 5): 1 - 0.12 * (x**2 + y**2) + rng.normal(0, 0.003, x.shape),
        ("flat", "r", 3.0, 5): 1 - 0.09 * (x**2 + y**2) + rng.normal(0, 0.003, x.shape),
    }
    return [
        Master(
            kind,
            p.astype(np.float32),
            np.ones(p.shape, np.float32),
            np.zeros(p.shape, np.uint16),
            n,
            band,
            exptime,
        )
        for (kind, band, exptime, n), p in planes.items()
    ]


@pytest.fixture(scope="session")
def night():
    return invent_night()


def invent_night():
    rng = np.random.default_rng(1856)
    stars = invent_stars(rng)
    frames = invent_frames(rng)
    radius = np.linspace(0.2, 22, 60)
    psf = PSF("moffat", 3.24, 0.03, beta=2.8, n=41)
    alpha = 0.5 * psf.fwhm / np.sqrt(2 ** (1 / psf.beta) - 1)
    value = (1 + (radius / alpha) ** 2) ** -psf.beta + rng.normal(0, 0.006, radius.size)
    aperture = np.arange(1.0, 21.0)
    mean = np.geomspace(200, 55000, 14)
    true = np.asarray(stars["mag_g"])
    err = np.asarray(stars["mag_g_err"])
    return SimpleNamespace(
        stars=stars,
        photometry=invent_photometry(rng, stars),
        frames=frames,
        zero_points=invent_zero_points(rng, frames),
        residuals=invent_residuals(rng),
        frame=invent_frame(rng, stars),
        masters=invent_masters(rng),
        psf=psf,
        profile=(radius, value),
        growth=(aperture, 1 - (1 + (aperture / alpha) ** 2) ** (1 - psf.beta), 0.02 / aperture),
        transfer=(mean, (7.8 / 1.31) ** 2 + mean / 1.31 * rng.normal(1, 0.01, mean.size)),
        truth={b: (true, true + rng.normal(0, 1, true.size) * err, err) for b in "gr"},
    )
