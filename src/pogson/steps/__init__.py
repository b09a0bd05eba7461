"""What is done to a night, in the order in which the field does it."""
