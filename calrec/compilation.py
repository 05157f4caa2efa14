"""Compiled programs kept on disk, so that a restarted process does not compile them again."""

from __future__ import annotations

import os
from pathlib import Path

LARGEST = 2 * 1024**3
"""Bytes of the folder; what was used longest ago goes first."""


FOLDER = "compiled"


def keep_compiled(workspace: Path) -> None:
    """From now on this process takes compiled programs from a workspace, and adds what it compiles.

    Where the folder cannot be written, programs are compiled as if there was none.
    Programs are found by their content, the device and the version of jax; several processes may
    share a workspace.

    Args:
      workspace: they stand in its folder `compiled`.
    """
    folder = workspace.absolute() / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    # By default only programs that take a second to compile are kept; many are quicker.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
