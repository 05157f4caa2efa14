"""`calrec-demo`: prepares the workspace if it is empty and serves the page."""

from __future__ import annotations

import os

# Both are read when gradio is imported: no call leaves the machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console

from calrec import checkpoint
from calrec.errors import CalrecError, run_cli
from catalog.store import domains, workspace_path

if TYPE_CHECKING:
    import gradio as gr

    from demo.application import Application


@dataclass(frozen=True, kw_only=True)
class Options:
    """Serves the inspection page of a workspace.

    Attributes:
      workspace: folder of the catalogues; default $CALREC_WORKSPACE, else `workspace`. An empty
        one is filled with the sample shop first.
      checkpoint: name or folder of the model.
      domain: the shop shown first; default the first one.
      host: address to listen on.
      port: port to listen on.
    """

    workspace: Path | None = None
    checkpoint: str = "sample"
    domain: str | None = None
    host: str = "127.0.0.1"
    port: int = 7860


def prepare(workspace: Path, domain: str | None = None) -> None:
    """Builds the sample shop in a workspace that holds no domain.

    Raises:
      CalrecError: if a domain is asked for that the sample shop does not have.
    """
    if domains(workspace):
        return
    from catalog.build import build_sample
    from catalog.sample import DEPARTMENTS

    if domain is not None and domain not in DEPARTMENTS:
        raise CalrecError(
            f"expected the domain {domain!r} in {workspace}, found nothing built there;"
            " check --workspace, or build it with calrec-catalog build"
        )

    print(f"No catalogue in {workspace} yet: building the sample shop there.", flush=True)
    with Console().status("starting") as status:
        build_sample(workspace, say=status.update)


def check_port(host: str, port: int) -> None:
    """Raises a `CalrecError` if nothing can listen on the address."""
    if not 0 < port < 65536:
        raise CalrecError(f"expected a port from 1 to 65535, found {port}; choose another --port")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the server itself does: connections of an earlier run may still be closing.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise CalrecError(
            f"expected a free address, but {host}:{port} cannot be used "
            f"({error.strerror or error}); stop what uses it or choose another --port"
        ) from error


def launch(application: Application, host: str, port: int) -> gr.Blocks:
    """Serves the page in the background; nothing in it calls out."""
    from demo.page import STYLE, build_page, theme

    page = build_page(application)
    page.launch(
        server_name=host,
        server_port=port,
        theme=theme(),
        css_paths=STYLE,
        footer_links=[],
        share=False,
        ssr_mode=False,
        run_history=False,
        mcp_server=False,
        enable_monitoring=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    return page


def serve(options: Options) -> None:
    """Serves until interrupted.

    Raises:
      CalrecError: if the port is taken, the workspace cannot be read, or there is no such domain
        or checkpoint.
    """
    check_port(options.host, options.port)
    checkpoint.check(checkpoint.resolve(options.checkpoint))
    workspace = workspace_path(options.workspace)
    prepare(workspace, options.domain)

    # gradio takes seconds to import: errors above come at once.
    from demo.application import Application

    application = Application(workspace, options.checkpoint, first=options.domain)
    page = launch(application, options.host, options.port)
    print(f"CALRec is ready at http://{options.host}:{options.port}", flush=True)
    # The page is usable meanwhile; who presses Recommend early waits for the rest.
    threading.Thread(target=_warm, args=(application,), daemon=True).start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        page.close(verbose=False)
        print("stopped", file=sys.stderr, flush=True)
        # Without the interpreter's own ending, which aborts while a thread is still in the model.
        os._exit(130)


def _warm(application: Application) -> None:
    """Loads the model and recommends once, so that the first visitor waits for no compilation."""
    domain = next(iter(application.domains))
    try:
        model = application.model(domain)
        catalogue = application.catalogue(domain)
        for user_id in catalogue.users(limit=1):
            model.recommend(catalogue.case(user_id).history)
    except CalrecError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)


def main() -> None:
    """Entry point of `calrec-demo`."""
    run_cli(lambda: serve(tyro.cli(Options, prog="calrec-demo")))


if __name__ == "__main__":
    main()
