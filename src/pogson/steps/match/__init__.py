"""Which star is which: between frames, and between a frame and a catalogue."""
