"""World coordinates: only cards of a known kind and a sound value go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite, nan, sqrt
from pathlib import Path
from typing import Any

from pogson.core.errors import FileError
from pogson.io.cards import Header
from pogson.io.files import in_words, write_atomic
from pogson.io.values import number

_NUMBERS = re.compile(
    r"(CRVAL|CRPIX|CDELT|CROTA)[12]$|(CD|PC)[12]_[12]$|LONPOLE$|LATPOLE$|EQUINOX$|PV[12]_\d\d?$"
)
_SIP = re.compile(r"(AP?|BP?)_(ORDER|\d_\d)$")
_CELESTIAL = re.compile(r"(RA--|DEC-)-?-?(TAN|SIN|ARC|STG|ZEA|ZPN|TPV|TAN-SIP|NCP)$")
#: how headers say degree; where they say nothing, the standard says it
_DEGREE = ("", "deg", "degree", "degrees", "degs", "d")
_NEEDED = ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")


def wcs_cards(header: Header) -> tuple[dict[str, Any], list[str]]:
    """The cards that make a celestial coordinate system, as numbers; empty where they do not.

    Returns
    -------
    cards : dict
    notes : list of str
        What was dropped, and why.
    """
    types = [str(header.get(f"CTYPE{n}", "")).strip() for n in (1, 2)]
    if not any(_CELESTIAL.match(kind) for kind in types):
        return {}, []
    if not all(_CELESTIAL.match(kind) for kind in types) or types[0][:2] == types[1][:2]:
        return {}, [f"the coordinates {types[0]}, {types[1]} are no pair: WCS cards ignored"]
    units = [str(header.get(f"CUNIT{n}", "")).strip() for n in (1, 2)]
    strange = [unit for unit in units if unit.lower() not in _DEGREE]
    if strange:
        return {}, [f"coordinates in '{strange[0]}', not degrees: WCS cards ignored"]
    out: dict[str, Any] = {"CTYPE1": types[0], "CTYPE2": types[1], "CUNIT1": "deg", "CUNIT2": "deg"}
    sip: dict[str, Any] = {}
    damaged = []
    for key in header:
        if _NUMBERS.match(key):
            value = number(header.get(key))
            if isfinite(value):
                out[key] = value
            else:
                damaged.append(key)
        elif _SIP.match(key):
            sip[key] = number(header.get(key))
    if "EQUINOX" not in out and isfinite(epoch := number(header.get("EPOCH"))):
        out["EQUINOX"] = epoch
    frame = str(header.get("RADESYS", header.get("RADECSYS", ""))).strip().upper()
    if frame in ("ICRS", "FK5", "FK4", "FK4-NO-E"):
        out["RADESYS"] = frame
    if any(key.startswith("PC") for key in out):
        # the standard's default
        out = {"CDELT1": 1.0, "CDELT2": 1.0} | out
    _one_matrix(out)
    fault = _fault_of(out, damaged)
    if fault:
        return {}, [f"{fault}: WCS cards ignored"]
    notes = _without_damaged_terms(out, damaged)
    cards, more = _with_sip(out, sip)
    return cards, notes + more


def _fault_of(out: Mapping[str, Any], damaged: list[str]) -> str:
    """Why the cards make no coordinates; empty where they do."""
    for key in _NEEDED:
        if key not in out:
            return f"{key} is {'no number' if key in damaged else 'missing'}"
    if not -90 <= out["CRVAL2"] <= 90:
        return f"CRVAL2 = {out['CRVAL2']:g} is no declination"
    for key in damaged:
        if key.startswith(("CD", "PC")):
            return f"{key} is no number"
    return "" if isfinite(pixel_scale(out)) else "the matrix makes no pixel scale"


def _without_damaged_terms(out: dict[str, Any], damaged: list[str]) -> list[str]:
    """A distortion of which one term is lost is none."""
    if not any(key.startswith("PV") for key in damaged):
        return []
    for key in [key for key in out if key.startswith("PV")]:
        del out[key]
    for n in ("1", "2"):
        out[f"CTYPE{n}"] = out[f"CTYPE{n}"].replace("TPV", "TAN")
    return ["the PV distortion is damaged: ignored"]


def pixel_scale(cards: Mapping[str, Any]) -> float:
    """Arcseconds per pixel from the linear part of a WCS; NaN where there is none."""
    if "CD1_1" in cards:
        a, b, c, d = (float(cards.get(f"CD{key}", 0.0)) for key in ("1_1", "1_2", "2_1", "2_2"))
    elif "CDELT1" in cards and "CDELT2" in cards:
        x, y = float(cards["CDELT1"]), float(cards["CDELT2"])
        a, b, c, d = (
            x * float(cards.get("PC1_1", 1.0)),
            x * float(cards.get("PC1_2", 0.0)),
            y * float(cards.get("PC2_1", 0.0)),
            y * float(cards.get("PC2_2", 1.0)),
        )
    else:
        return nan
    scale = 3600 * sqrt(abs(a * d - b * c))
    return scale if 1e-3 < scale < 3600 else nan


def read_wcs(cards: Mapping[str, Any]) -> Any:
    """An `astropy.wcs.WCS` from whitelisted cards; None where there are none, or they are refused."""
    if not cards:
        return None
    import warnings

    from astropy.io import fits
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return WCS(fits.Header(dict(cards)), naxis=2)
        except Exception:
            return None


def _one_matrix(out: dict[str, Any]) -> None:
    """CD wins over PC and CDELT, PC over CROTA: they must not stand side by side."""
    cd = [key for key in out if key.startswith("CD") and "_" in key]
    if cd and any(out[key] for key in cd):
        drop: tuple[str, ...] = ("PC", "CDELT", "CROTA")
    else:
        for key in cd:
            del out[key]
        drop = ("CROTA",) if any(key.startswith("PC") for key in out) else ()
    for key in [key for key in out if drop and key.startswith(drop)]:
        del out[key]


def _with_sip(out: dict[str, Any], sip: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Add the distortion if it is whole: orders 2 to 9, each term a number within its order."""
    notes: list[str] = []
    if sip:
        good = {"A", "B"} <= {key[0] for key in sip}
        for key, value in sip.items():
            name, _, term = key.partition("_")
            order = sip.get(f"{name}_ORDER", nan)
            powers = sum(int(n) for n in term.split("_")) if term != "ORDER" else 0
            good = good and isfinite(value) and 0 <= order <= 9 and powers <= order
        if good:
            whole = {k: int(v) if k.endswith("ORDER") else v for k, v in sip.items()}
            out.update(whole)
        else:
            notes.append("the SIP distortion is damaged: ignored")
    if "A_ORDER" not in out:
        for n in ("1", "2"):
            out[f"CTYPE{n}"] = out[f"CTYPE{n}"].removesuffix("-SIP")
    return out, notes


def solution_cards(
    wcs: Any, *, rms: float, n: int, log_odds: float, catalog: str, offset: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """The cards of a plate solution: 1-based pixels, as FITS counts, of the file itself.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Of the trimmed frame, TAN or TAN-SIP.
    rms : float
        Of the stars used, arcsec, both coordinates together.
    n : int
        Stars used.
    log_odds : float
        Natural logarithm of the odds against accident.
    catalog : str
        Name.
    offset : (x0, y0)
        First column and row of the trimmed frame in the file.

    References
    ----------
    Greisen & Calabretta 2002, A&A, 395, 1061 (CRDERi is the random error of a coordinate, degree).
    """
    kinds, crpix, crval, cd = wcs.wcs.ctype, wcs.wcs.crpix, wcs.wcs.crval, wcs.pixel_scale_matrix
    cards: dict[str, Any] = {"WCSAXES": 2, "CTYPE1": str(kinds[0]), "CTYPE2": str(kinds[1])}
    for k in (0, 1):
        cards[f"CUNIT{k + 1}"] = "deg"
        cards[f"CRPIX{k + 1}"] = float(crpix[k]) + offset[k]
        cards[f"CRVAL{k + 1}"] = float(crval[k])
        cards[f"CD{k + 1}_1"], cards[f"CD{k + 1}_2"] = float(cd[k, 0]), float(cd[k, 1])
        cards[f"CRDER{k + 1}"] = (rms / sqrt(2.0) / 3600.0, "[deg] random error")
    cards |= {"RADESYS": "ICRS", "EQUINOX": 2000.0}
    for name, terms in _polynomials(wcs).items():
        order = len(terms) - 1
        cards[f"{name}_ORDER"] = order
        for p in range(order + 1):
            for q in range(order + 1 - p):
                if terms[p, q]:
                    cards[f"{name}_{p}_{q}"] = float(terms[p, q])
    cards["WCSRMS"] = (rms, "[arcsec] rms distance of the stars used")
    cards["WCSNSTAR"] = (n, "stars used")
    cards["WCSODDS"] = (log_odds, "ln of the odds against accident")
    cards["WCSCAT"] = (catalog, "reference catalogue")
    return cards


def _polynomials(wcs: Any) -> dict[str, Any]:
    if wcs.sip is None:
        return {}
    sip = wcs.sip
    return {"A": sip.a, "B": sip.b, "AP": sip.ap, "BP": sip.bp}


#: cards of an older solution, which must not stand beside the new one
_OLD = re.compile(
    r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA|CRDER|CSYER)[12]$|(CD|PC|PV)[12]_\d+$|(AP?|BP?)_(ORDER|\d_\d|DMAX)$"
    r"|(WCSAXES|LONPOLE|LATPOLE|RADESYS|RADECSYS|EQUINOX|EPOCH|WCSRMS|WCSNSTAR|WCSODDS|WCSCAT)$"
)


def write_solved(source: str | Path, target: str | Path, cards: Mapping[str, Any], *, extension: int) -> None:
    """Write a copy of a FITS file with another WCS; every other card and every pixel stays.

    Parameters
    ----------
    source, target : path
        `target` may not be `source`.
    cards : mapping
        Of `solution_cards`.
    extension : int
        Number of the HDU that holds the image.

    Raises
    ------
    FileError
        If it cannot be read or written; nothing is left behind.
    """
    import warnings

    from astropy.io import fits

    if Path(target).exists() and Path(target).samefile(source):
        raise FileError(f"{target}: is the frame itself, which is never changed; choose another --out")
    with in_words(Path(target), "cannot be written"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(source, memmap=False, do_not_scale_image_data=True) as units:
            header = units[extension].header
            for key in [key for key in header if _OLD.match(key)]:
                header.remove(key, ignore_missing=True, remove_all=True)
            header.update(dict(cards))
            write_atomic(target, lambda file: units.writeto(file, output_verify="silentfix+ignore"))


def write_wcs(target: str | Path, cards: Mapping[str, Any], shape: tuple[int, int]) -> None:
    """Write a WCS as a FITS header without pixels, as astrometry.net does.

    Raises
    ------
    FileError
        If it cannot be written; nothing is left behind.
    """
    from astropy.io import fits

    header = fits.Header()
    header.update(dict(cards))
    header["IMAGEW"], header["IMAGEH"] = shape[1], shape[0]
    write_atomic(target, lambda file: fits.PrimaryHDU(header=header).writeto(file))
