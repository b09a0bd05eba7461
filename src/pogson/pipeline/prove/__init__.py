"""Are the error bars right? Nights whose truth is known are reduced, each error set against its mistake."""
