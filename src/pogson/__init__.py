"""pogson: a night of frames in, calibrated stellar magnitudes with proven error bars out."""

__version__ = "0.1.0"
