"""The order of the steps, their settings, workers and provenance."""
