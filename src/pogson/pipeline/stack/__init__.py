"""Shift, scale and combine the frames of a night, or some files, to one deep frame."""
