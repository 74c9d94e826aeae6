"""`python -m lmkit_cli` does what `lmkit` does."""

from lmkit_cli.app import main

main()
