"""Flag cosmic rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pogson.core.flags import Pixel
from pogson.core.frame import Frame
from pogson.core.units import Sigma


def flag_cosmics(frame: Frame, *, threshold: Sigma = 5.0) -> Frame:
    return frame
