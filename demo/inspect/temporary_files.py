"""Files that somebody fetches: written into a temporary folder that goes with the program."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from pathlib import Path

from calrec.errors import CalrecError

KEPT = 16
"""Files kept until the next ones are written; gradio copies each as soon as it is asked for."""


class TemporaryFiles:
    """Writes files and keeps the last `KEPT`; safe for several threads.

    Args:
      prefix: of the temporary folder's name.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._written: list[Path] = []

    def write(self, name: str, content: str) -> Path:
        """The file of that name with this text, in a folder of its own.

        Raises:
          CalrecError: if it cannot be written.
        """
        # Catalogue text may hold half characters; a file of UTF-8 cannot.
        data = content.encode("utf-8", "replace")
        try:
            folder = Path(tempfile.mkdtemp(dir=self._made()))
            (folder / name).write_bytes(data)
        except OSError as error:
            raise CalrecError(
                f"expected to write a temporary file, found {error.strerror or error}; check the "
                "free space"
            ) from None
        with self._lock:
            self._written.append(folder)
            old, self._written = self._written[:-KEPT], self._written[-KEPT:]
        for one in old:
            shutil.rmtree(one, ignore_errors=True)
        return folder / name

    def _made(self) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix=self._prefix))
                # Goes with this object, or when the program ends.
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            return self._folder
