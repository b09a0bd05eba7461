"""Judge the frames of a night, with reasons."""
