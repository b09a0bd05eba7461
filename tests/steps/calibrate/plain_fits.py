"""Read a real FITS file the plain way."""

import warnings

import numpy as np
from astropy.io import fits

from pogson.core.frame import Exposure, RawFrame


def read_plain(path, **known):
    """Stored numbers of a 16-bit file, with what the caller knows about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, do_not_scale_image_data=True, memmap=False) as hdus:
            hdu = next(h for h in hdus if h.data is not None)
            header, data = hdu.header, hdu.data
            zero, scale = float(header.get("BZERO", 0.0)), float(header.get("BSCALE", 1.0))
            exptime = float(header.get("EXPTIME", header.get("EXPOSURE", np.nan)))
            temperature = float(header.get("CCD-TEMP", np.nan))
            pixels = np.ascontiguousarray(data).view(np.uint16)
    known = {"exptime": exptime, "temperature": temperature} | known
    exposure = Exposure(path=str(path), shape=data.shape, **known)
    return RawFrame(pixels, exposure, scale, zero, swapped=True)
