"""Chips that are described: their memory, and as devices to compile for."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calrec.errors import CalrecError

GB = 1e9
MEMORY = {
    "v4": 32.0,
    "v5e": 15.75,
    "v5p": 95.0,
    "v6e": 31.25,
    "a100": 80.0,
    "h100": 80.0,
    "h200": 141.0,
}
"""Bytes of a chip that a program may use, in GB (the compilers' own for TPUs)."""
KINDS = {
    "v4": "TPU v4",
    "v5e": "TPU v5e",
    "v5p": "TPU v5p",
    "v6e": "TPU v6e",
    "a100": "NVIDIA A100",
    "h100": "NVIDIA H100",
    "h200": "NVIDIA H200",
}


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Described chips: such as v5e:4x4, over some slices; or one GPU, such as h100."""

    kind: str
    grid: str | None
    slices: int = 1

    @classmethod
    def of(cls, name: str, slices: int = 1) -> Topology:
        """Reads a name.

        Raises:
          CalrecError: if it names no known chip.
        """
        kind, colon, grid = name.partition(":")
        on_grid = kind.startswith("v")
        if kind not in MEMORY or on_grid != bool(colon) or (colon and not _GRID.fullmatch(grid)):
            raise CalrecError(
                "expected a topology such as v5e:4x4, v4:2x2x1, v5p:2x2x4, v6e:4x4 or h100, found"
                f" {name}; give another --topology"
            )
        return cls(kind=kind, grid=grid or None, slices=slices)

    @property
    def chips(self) -> int:
        """Of all slices."""
        return self.slices * math.prod(map(int, self.grid.split("x"))) if self.grid else 1

    def devices(self) -> Sequence[Any]:
        """The described chips, to compile for.

        Raises:
          CalrecError: if libtpu is not installed, or knows no such topology.
        """
        os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
        os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
        from jax.experimental import topologies

        more = {"num_slices": self.slices} if self.slices > 1 else {}
        name = f"{self.kind}:{self.grid}"
        try:
            return topologies.get_topology_desc(platform="tpu", topology_name=name, **more).devices
        except Exception as error:  # the plugin raises many kinds
            raise CalrecError(
                f"expected libtpu to describe {name}, found: {str(error).splitlines()[0]};"
                " install it: pip install 'calrec[tpu]', or give --no-compile"
            ) from None


_GRID = re.compile(r"\d+x\d+(x\d+)?")
