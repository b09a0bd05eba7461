"""`python -m pogson` is the command `pogson`."""

from pogson.apps.cli.main import main

main()
