"""How the processes of a training are started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from calrec.errors import CalrecError


@dataclass(frozen=True, kw_only=True)
class Launching:
    """Who starts the processes of a run, and what each of them needs.

    Attributes:
      launcher: none: this process is the run, or one of its processes; ray: Ray starts `workers`
        processes with this command, and watches them.
      workers: processes of the run.
      address: of a Ray cluster, or auto; without it one is started on this machine. Every host of
        it has the same code, and the data, the run's folder and this one at the same paths.
      worker_cpus: processors that Ray keeps for a worker.
      worker_gpus: GPUs of a worker, which sees no others.
      worker_tpus: TPU chips of a worker: all of a host, so that each host gets one.
      restarts: how often all workers are started again from the last state after one was lost.

    Raises:
      CalrecError: for a value out of range.
    """

    launcher: Literal["none", "ray"] = "none"
    workers: int = 1
    address: str | None = None
    worker_cpus: float = 1
    worker_gpus: float = 0
    worker_tpus: float = 0
    restarts: int = 3

    def __post_init__(self) -> None:
        least = {"workers": 1, "worker_cpus": 0, "worker_gpus": 0, "worker_tpus": 0, "restarts": 0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise CalrecError(
                    f"expected {name} at least {bound}, found {getattr(self, name)}; give another"
                    f" --{name.replace('_', '-')}"
                )
