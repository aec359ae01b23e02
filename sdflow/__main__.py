"""`python -m sdflow`."""

from sdflow.cli.main import main

main()
