"""The edge of the world: the only room that opens files."""
