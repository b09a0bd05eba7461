"""From raw numbers to electrons with a variance and a mask."""
