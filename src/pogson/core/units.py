"""Numbers that carry their unit in their type: `threshold: Sigma = 5.0`.

The unit appears in the commented settings file, in `--help` and in the documentation.
"""

from typing import Annotated

Pixels = Annotated[float, "px"]
Fwhms = Annotated[float, "FWHM"]
Sigma = Annotated[float, "sigma"]
Electrons = Annotated[float, "electron"]
Adu = Annotated[float, "ADU"]
ElectronsPerAdu = Annotated[float, "electron/ADU"]
Seconds = Annotated[float, "s"]
Minutes = Annotated[float, "min"]
Mags = Annotated[float, "mag"]
Arcsec = Annotated[float, "arcsec"]
Degrees = Annotated[float, "deg"]
Kelvins = Annotated[float, "K"]
Metres = Annotated[float, "m"]
Fraction = Annotated[float, "fraction"]
Gigabytes = Annotated[float, "GB"]
