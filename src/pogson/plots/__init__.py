"""Pictures: functions that take a table and an Axes and return the Axes."""
