"""Several processes as one run: on a pod slice, under Slurm, or wherever the environment says."""

from __future__ import annotations

import os

import jax

from calrec.errors import CalrecError

COORDINATOR, PROCESSES, PROCESS = "CALREC_COORDINATOR", "CALREC_PROCESSES", "CALREC_PROCESS"
"""Address of process 0 (host:port), number of processes, and which this one is, from 0."""
_CLUSTERS = ("MEGASCALE_COORDINATOR_ADDRESS", "JAX_COORDINATOR_ADDRESS")


def join() -> None:
    """Makes this process one of the run's; alone, nothing happens.

    It must be called before jax looks for devices. The three variables decide; without them jax
    finds its peers by itself on several hosts of a TPU slice, under Slurm, and where
    `JAX_COORDINATOR_ADDRESS` is set.

    Raises:
      CalrecError: if the variables are given in part or are none, or the others are not reached.
    """
    given = {name: os.environ.get(name) for name in (COORDINATOR, PROCESSES, PROCESS)}
    if not any(given.values()):
        if _in_cluster():
            jax.distributed.initialize()
        return
    address, processes, process = given.values()
    if not (address and (processes or "").isdecimal() and (process or "").isdecimal()):
        found = ", ".join(f"{name}={value or ''}" for name, value in given.items())
        raise CalrecError(
            f"expected {COORDINATOR}=HOST:PORT, {PROCESSES} and {PROCESS} as numbers, found"
            f" {found}; set all three for each process"
        )
    try:
        jax.distributed.initialize(address, int(processes or 0), int(process or 0))
    except (RuntimeError, ValueError) as error:
        raise CalrecError(
            f"expected {processes} processes to meet at {address}, found: {_first_line(error)};"
            " start all of them, and let them reach that address"
        ) from None


def _in_cluster() -> bool:
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "").split(",")
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")  # one task of Slurm's is a run of its own
    return len(hosts) > 1 or tasks != "1" or any(name in os.environ for name in _CLUSTERS)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
