"""Published relations of two surveys agree about the same real stars, to what they claim."""

import numpy as np
import pytest

from pogson.io.catalogs import read_catalog
from pogson.pipeline.choose import Wishes, complete_bands
from pogson.steps.match.crossmatch import crossmatch


@pytest.mark.parametrize("band", ["V", "g", "r"])
def test_gaia_and_pan_starrs_lead_to_the_same_magnitudes(real_data, band):
    """AE UMa's field: G, BP, RP of Gaia DR3, and g, r of ATLAS-REFCAT2.

    The stars scatter by less than the relations say, and all of them may be off together: by -0.035 mag in g.
    """
    gaia = read_catalog(real_data / "catalogs/ae_uma/gaia_dr3.csv")
    ps1 = read_catalog(real_data / "catalogs/ae_uma/atlas_refcat2.csv")
    for table in (gaia, ps1):
        # other people's transformed magnitudes
        table.remove_columns(["mag_B", "mag_V", "mag_B_err", "mag_V_err"])
    gaia = complete_bands(gaia, [band], Wishes("gaia"))
    ps1 = complete_bands(ps1, [band], Wishes("ps1", "sdss"))
    pairs = crossmatch(gaia["ra"], gaia["dec"], ps1, ids=np.arange(len(gaia)))
    one = np.asarray(gaia[f"mag_{band}"])[np.asarray(pairs["star"])]
    two = np.asarray(ps1[f"mag_{band}"])[np.asarray(pairs["row"])]
    apart = (one - two)[np.isfinite(one - two)]
    scatter = 1.4826 * np.median(np.abs(apart - np.median(apart)))
    claimed = np.hypot(gaia.meta["scatter"][band], ps1.meta["scatter"][band])
    assert len(apart) > 50
    assert abs(np.median(apart)) < claimed and scatter < claimed
