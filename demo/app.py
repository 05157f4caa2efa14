"""`calrec-demo`: prepares the workspace if it is empty and serves the pages."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console

from calrec import checkpoint
from calrec.errors import CalrecError, run_cli
from catalog.store import workspace_path
from demo.access import AUTH, Login, is_public, logins

if TYPE_CHECKING:
    import gradio as gr

    from demo.application import Application

# What gradio does is said in `launch` alone, not by variables that other programs were given. It
# reads them when it is imported, which nothing above does; no call leaves the machine.
for _name in [name for name in os.environ if name.startswith("GRADIO_")]:
    del os.environ[_name]
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

SESSIONS = 200
"""Visitors kept; gradio takes about 1 MB for each."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Serves the pages of a workspace, and its API for programs.

    Attributes:
      workspace: folder of the catalogues; default $CALREC_WORKSPACE, else `workspace`. An empty
        one is filled with the sample shop first.
      checkpoint: name or folder of the model.
      domain: the shop shown first; default the first one.
      evaluations: folders of finished runs; default the workspace's own, `evaluations`.
      host: address to listen on; 0.0.0.0 serves all who can reach this machine.
      port: port to listen on.
      root_path: path under which a reverse proxy serves the pages, such as /calrec.
      auth: who may use the pages and the API: a file with a line USER:PASSWORD for each person,
        or one USER:PASSWORD, which others on this machine can see in the list of processes;
        default the lines of $CALREC_AUTH. Nobody needs a login for the login page, the
        program's own scripts and styles, and requests that name the random number of a session.
        Passwords are sent as they are: put a proxy
        with HTTPS before a public address.
      mcp: serve the API also as tools of an MCP server, without login.
    """

    workspace: Path | None = None
    checkpoint: str = "sample"
    domain: str | None = None
    evaluations: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    auth: str | None = None
    mcp: bool = False


def prepare(workspace: Path, domain: str | None = None) -> None:
    """Builds the sample shop in a workspace that holds no domain, or what is missing of it.

    Raises:
      CalrecError: if a domain is asked for that the sample shop does not have.
    """
    from catalog.build import build_sample, missing_departments
    from catalog.sample import DEPARTMENTS

    missing = missing_departments(workspace)
    if not missing:
        return
    new = len(missing) == len(DEPARTMENTS)
    if new and domain is not None and domain not in DEPARTMENTS:
        raise CalrecError(
            f"expected the domain {domain!r} in {workspace}, found nothing built there;"
            " check --workspace, or build it with calrec-catalog build"
        )

    found = "No catalogue" if new else f"An unfinished sample shop ({', '.join(missing)} missing)"
    print(f"{found} in {workspace}{' yet' if new else ''}: building", end=" ")
    print(f"{'the sample shop' if new else 'the rest'} there.", flush=True)
    with Console().status("starting") as status:
        build_sample(workspace, only=missing, say=status.update)


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


def check_folders(folders: Sequence[Path]) -> None:
    """Raises a `CalrecError` if one of the folders of runs is none."""
    for folder in folders:
        if not folder.is_dir():
            raise CalrecError(
                f"expected a folder of evaluations, found none at {folder}; name the one that holds"
                " the runs' folders, or leave out --evaluations"
            )


def check_mcp(people: Sequence[Login]) -> None:
    """Raises a `CalrecError` if the tools cannot be served."""
    if people:
        raise CalrecError(
            "expected --mcp without a login, found one, which MCP's programs cannot pass; leave out"
            f" --auth and {AUTH}, and let a proxy guard the address"
        )
    if importlib.util.find_spec("mcp") is None:
        raise CalrecError(
            "expected the package mcp for --mcp, found none; run pip install 'calrec[mcp]'"
        )


def checked_root_path(path: str) -> str:
    """A proxy's path with one slash before and none behind; empty for the root.

    Raises:
      CalrecError: if it is no plain path.
    """
    parts = [part for part in path.split("/") if part]
    if not all(
        part.replace("-", "").replace("_", "").isalnum() and part.isascii() for part in parts
    ):
        raise CalrecError(
            f"expected a path such as /calrec, found {path!r}; give --root-path letters, digits,"
            " - and _ between its slashes"
        )
    return "".join(f"/{part}" for part in parts)


def launch(
    application: Application,
    host: str,
    port: int,
    *,
    root_path: str = "",
    auth: Sequence[Login] = (),
    mcp: bool = False,
    sessions: int = SESSIONS,
) -> gr.Blocks:
    """Serves the pages in the background; nothing in them calls out.

    Args:
      application: what they show.
      host: address to listen on.
      port: port to listen on.
      root_path: path under which a proxy serves them, as `checked_root_path` gives it.
      auth: users and passwords; all may enter where there are none.
      mcp: whether to serve the API as tools, too.
      sessions: visitors whose state is kept at once; who comes back after more starts anew.
    """
    # Gradio serves all files of its folder, by default one that all its programs here share.
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="calrec-")
    from starlette.middleware import Middleware

    from demo.guard import LARGEST_BODY, Guard
    from demo.shell import build_page, head, styles, theme

    page = build_page(application)
    # With tools gradio prints lines of its own, be it told to be quiet.
    with contextlib.redirect_stdout(io.StringIO()):
        page.launch(
            server_name=host,
            server_port=port,
            root_path=root_path,
            auth=list(auth) or None,
            auth_message="These pages ask for a login." if auth else None,
            app_kwargs={"middleware": [Middleware(Guard)]},
            theme=theme(),
            css_paths=styles(),
            head=head(),
            footer_links=[],
            share=False,
            ssr_mode=False,
            run_history=False,
            mcp_server=mcp,
            enable_monitoring=False,
            show_error=False,
            max_file_size=LARGEST_BODY,
            state_session_capacity=sessions,
            quiet=True,
            prevent_thread_lock=True,
        )
    if mcp and page.mcp_error:
        raise CalrecError(
            f"expected the tools to be served, found {' '.join(page.mcp_error.split())}; leave out"
            " --mcp"
        )
    return page


def serve(options: Options) -> None:
    """Serves until interrupted.

    Raises:
      CalrecError: if an option is wrong, the port is taken, the workspace cannot be read, or there
        is no such domain or checkpoint.
    """
    check_port(options.host, options.port)
    check_folders(options.evaluations)
    root_path = checked_root_path(options.root_path)
    people = logins(options.auth)
    if options.mcp:
        check_mcp(people)
    checkpoint.check(checkpoint.resolve(options.checkpoint))
    workspace = workspace_path(options.workspace)
    prepare(workspace, options.domain)

    # gradio takes seconds to import: errors above come at once.
    from demo.application import Application

    application = Application(
        workspace, options.checkpoint, first=options.domain, evaluations=options.evaluations
    )
    if not people and is_public(options.host):
        print(
            f"warning: all who can reach {options.host}:{options.port} may use these pages; "
            "give --auth to ask for a login",
            file=sys.stderr,
            flush=True,
        )
    page = launch(
        application,
        options.host,
        options.port,
        root_path=root_path,
        auth=people,
        mcp=options.mcp,
    )
    address = f"http://{options.host}:{options.port}"
    print(f"CALRec is ready at {address}", flush=True)
    if options.mcp:
        print(f"Its tools are at {address}{root_path}/gradio_api/mcp/", flush=True)
    # The page is usable meanwhile; who presses Recommend early waits for the rest.
    threading.Thread(target=_warm, args=(application,), daemon=True).start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        page.close(verbose=False)
        shutil.rmtree(os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
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
