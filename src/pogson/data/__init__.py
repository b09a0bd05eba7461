"""Data that the package carries: the stars of Tycho-2, with their licence."""
