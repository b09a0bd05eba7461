"""Loops over arrays: they import numpy, numba and math and nothing else."""
