"""The error of this package."""

from calrec.errors import CalrecError


class CatalogueError(CalrecError):
    """A catalogue cannot be built, found or read; one line with what to do."""
