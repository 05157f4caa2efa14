"""The one model that answers, loaded when it is first needed and read by every visitor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from calrec.model.compilation import keep_compiled


class ServedModel:
    """Safe for several threads.

    Args:
      checkpoint: name or folder.
      load: makes the model from it; called once.

    Attributes:
      checkpoint: as given.
    """

    def __init__(self, checkpoint: str, load: Callable[[str], Any]) -> None:
        self.checkpoint = checkpoint
        self._load = load
        self._lock = threading.Lock()
        self._model: Any = None

    @property
    def is_loaded(self) -> bool:
        """Whether the next recommendation starts without waiting for the model."""
        return self._model is not None

    def get(self) -> Any:
        """The model.

        Raises:
          CalrecError: if the checkpoint cannot be loaded.
        """
        with self._lock:
            if self._model is None:
                keep_compiled()
                self._model = self._load(self.checkpoint)
            return self._model
