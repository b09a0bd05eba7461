"""A published relation between the magnitudes of two photometric systems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """``band = base + polynomial(color)`` for colours within `low` and `high`.

    Attributes
    ----------
    start, to : str
        The systems: of `base` and `color`, and of `band`.
    band, base, color : str
        As "V", "G", "BP-RP".
    terms : tuple of float
        Of the polynomial, constant first.
    low, high : float
        Range of the colour; outside of it nothing is said.
    scatter : float
        mag, of the stars about the relation.
    source : str
        Where it was published.
    """

    start: str
    to: str
    band: str
    base: str
    color: str
    terms: tuple[float, ...]
    low: float
    high: float
    scatter: float
    source: str

    @property
    def needs(self) -> frozenset[str]:
        """Bands that it starts from."""
        return frozenset((self.base, *self.color.split("-")))

    @property
    def words(self) -> str:
        """As ``V from G and BP-RP (Riello et al. 2021)``."""
        return f"{self.band} from {self.base} and {self.color} ({self.source})"
