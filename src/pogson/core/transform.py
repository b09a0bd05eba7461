"""Where the reference frame's stars are in another frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Transform:
    """A straight-line map from the reference frame's x, y to this frame's x, y.

    ``x' = a x + b y + c`` and ``y' = d x + e y + f`` with `matrix` = [[a, b, c], [d, e, f]].

    Attributes
    ----------
    matrix : float64 (2, 3)
    rms : float
        Root mean square distance of the matched stars, pixels.
    n : int
        Stars matched.
    chance : float
        Expected number of equally good matches between unrelated lists.
    reason : str
        What a user should know; empty where there is nothing to say.
    """

    matrix: Points
    rms: float = nan
    n: int = 0
    chance: float = nan
    reason: str = ""

    @classmethod
    def identity(cls) -> Transform:
        """Nothing moves."""
        return cls(np.eye(2, 3), rms=0.0, chance=0.0)

    def apply(self, x: ArrayLike, y: ArrayLike) -> tuple[Points, Points]:
        """Positions in this frame of positions in the reference frame."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        (a, b, c), (d, e, f) = self.matrix
        return a * x + b * y + c, d * x + e * y + f

    def inverse(self) -> Transform:
        """The map from this frame back to the reference frame."""
        back = np.linalg.inv(self.matrix[:, :2])
        shift = -back @ self.matrix[:, 2]
        return Transform(
            np.column_stack([back, shift]), self.rms / self.scale, self.n, self.chance, self.reason
        )

    @property
    def scale(self) -> float:
        """Pixels of this frame per pixel of the reference frame."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def rotation(self) -> float:
        """Angle by which the reference frame's x axis is turned, degree, from x towards y."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    @property
    def flipped(self) -> bool:
        """True where this frame is a mirror image of the reference frame."""
        return bool(np.linalg.det(self.matrix[:, :2]) < 0)
