"""Several processes as one run: on a pod slice, under Slurm, or wherever the environment says."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from calrec.errors import CalrecError, run_cli

COORDINATOR, PROCESSES, PROCESS = "CALREC_COORDINATOR", "CALREC_PROCESSES", "CALREC_PROCESS"
"""Address of process 0 (host:port), number of processes, and which this one is, from 0."""
_CLUSTERS = ("MEGASCALE_COORDINATOR_ADDRESS", "JAX_COORDINATOR_ADDRESS")
_LONGEST = 1000  # characters that process 0 tells the others at once


@contextmanager
def joined() -> Iterator[int]:
    """This process as one of the run's for the block; yields which one, from 0.

    Raises:
      CalrecError: as `join`.
    """
    join()
    try:
        yield jax.process_index()
    except Exception as error:
        if jax.process_count() > 1:
            _leave(error)
        raise


def _leave(error: Exception) -> NoReturn:
    """Ends this process with its error, at once.

    At an orderly exit jax would wait for the others, which wait for this one's next step.
    """

    def again() -> NoReturn:
        raise error

    status: Any = 1
    try:
        run_cli(again)
    except SystemExit as ended:
        status = ended.code
    except Exception:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


def by_first(do: Callable[[], str | None]) -> str | None:
    """What `do` returns where process 0 alone does it, in all processes; they wait for it.

    Raises:
      CalrecError: in all of them, if it does in process 0.
    """
    if jax.process_count() == 1:
        return do()
    said, error = "", None
    if jax.process_index() == 0:
        try:
            said = do() or ""
        except CalrecError as found:
            said, error = str(found), found
    told = np.zeros(1 + _LONGEST, np.int32)
    told[0] = error is not None
    said = said[:_LONGEST]
    told[1 : 1 + len(said)] = [ord(letter) for letter in said]
    told = multihost_utils.broadcast_one_to_all(told)
    if error is not None:
        raise error
    said = "".join(map(chr, told[1:][told[1:] > 0]))
    if told[0]:
        raise CalrecError(said)
    return said or None


def join() -> None:
    """Makes this process one of the run's; alone, nothing happens.

    It must be called before jax looks for devices. The three variables decide; without them jax
    finds its peers by itself on several hosts of a TPU slice, under Slurm, and where
    `JAX_COORDINATOR_ADDRESS` is set.

    Raises:
      CalrecError: if the variables are given in part or are none, or the others are not reached.
    """
    # Signals are ours (`train.run.stopping`); jax would take SIGTERM for a service of its own.
    jax.config.update("jax_enable_preemption_service", False)
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
