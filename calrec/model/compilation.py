"""Compiled programs kept on disk, so that a restarted process does not compile them again.

They are machine code. So they lie in the folder that the person's own programs keep such things in,
never in a workspace: one that comes from somebody else would run its own.
"""

from __future__ import annotations

import os
from pathlib import Path

LARGEST = 2 * 1024**3
"""Bytes of the folder; what was used longest ago goes first."""


def compiled_folder() -> Path:
    """`$XDG_CACHE_HOME/calrec/compiled`, by default in `~/.cache`.

    Raises:
      RuntimeError: if the person has no home folder.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    cache = given if given.is_absolute() else Path.home() / ".cache"
    return cache / "calrec" / "compiled"


def keep_compiled() -> None:
    """From now on this process takes compiled programs from the disk, and adds what it compiles.

    Where the folder cannot be written, or is another person's, programs are compiled as if there
    was none. Programs are found by their content, the device and the version of jax; several
    processes may share the folder. jax compiles anew what is damaged there.
    """
    try:
        folder = compiled_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        own = folder.stat().st_uid == os.getuid()
    except (OSError, RuntimeError):
        return
    if not own or not os.access(folder, os.W_OK):
        return
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    # By default only programs that take a second to compile are kept; many are quicker.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
