"""Shift, scale and combine: one deep frame from many, whose noise is known."""
