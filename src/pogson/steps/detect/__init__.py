"""Find the sky under the stars, and the stars."""
