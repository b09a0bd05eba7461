"""The nouns: frames, exposures, column contracts, flags, units, time, errors."""
