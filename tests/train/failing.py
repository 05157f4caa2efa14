"""Run by a test as one of two processes: the first one's error is both's, the second's its own."""

from jax.experimental import multihost_utils

from calrec.errors import CalrecError, run_cli
from train import launch


def main() -> None:
    with launch.joined() as process:
        try:
            launch.by_first(lambda: fail(f"process {process}"))
        except CalrecError as error:
            print("all:", error, flush=True)
        print("told:", launch.by_first(lambda: f"by {process}"), flush=True)
        if process == 1:
            fail("alone")
        multihost_utils.sync_global_devices("the end")  # which the other one does not reach


def fail(words: str) -> None:
    raise CalrecError(words)


if __name__ == "__main__":
    run_cli(main)
