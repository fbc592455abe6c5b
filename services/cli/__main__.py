"""`python -m services.cli` is `lam`."""

from services.cli import main

main()
