"""Faces: they show and ask, they compute nothing."""
