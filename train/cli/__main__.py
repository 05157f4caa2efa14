"""`python -m train.cli`."""

from train.cli import main

main()
