"""Known truth: nights whose every star is known."""
