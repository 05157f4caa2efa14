"""`calrec-demo`: prepares the workspace if it is empty and serves the pages."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import threading
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from calrec.errors import CalrecError, run_cli
from calrec.model import checkpoint
from catalog.store import workspace_path
from demo.server.access import AUTH, Login, logins
from demo.server.addresses import check_port, is_public, listening, loopback, url

if TYPE_CHECKING:
    import gradio as gr

    from demo.inspect.application import Application
    from demo.server.origins import Origins

# Gradio's page of the login does not show why a try was refused.
_ASKING = (
    "These pages ask for a login. After five wrong passwords the button does nothing for a minute."
)
SESSIONS = 500
"""Visitors kept; gradio takes about 0.3 MB for each."""
_NETWORK = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Serves the pages of a workspace, and its API for programs.

    Attributes:
      workspace: folder of the catalogues; default $CALREC_WORKSPACE, else `workspace`. An empty
        one is filled with the sample shop first.
      checkpoint: name or folder of the model.
      domain: the shop shown first; default the first one.
      evaluations: folders of finished runs; default the workspace's own, `evaluations`.
      host: address or name to listen on, of IPv4 or IPv6; 0.0.0.0 serves all who can reach this
        machine over IPv4, and :: over IPv6, too.
      port: port to listen on.
      allow_host: a name by which browsers reach the server besides its address, such as a proxy's
        calrec.example.org; give the option once for each. Requests to other names are refused, as
        any page could point such a name to this machine. With 0.0.0.0 and :: all addresses in
        digits and the machine's own name are allowed.
      allow_origin: another site that may show the pages in its frames and use the API from its
        own pages, such as https://shop.example.org; give the option once for each. The login's
        cookie then goes with that site's requests, over HTTPS.
      root_path: path under which a reverse proxy serves the pages, such as /calrec.
      auth: who may use the pages and the API: a file with a line USER:PASSWORD for each person,
        or one USER:PASSWORD, which others on this machine can see in the list of processes;
        default the lines of $CALREC_AUTH. Nobody needs a login for the login page, the
        program's own scripts and styles, and the API's description. After five wrong passwords
        for a person from one address another try takes a minute; all are logged. Passwords are
        sent as they are: put a proxy with HTTPS before a public address.
      mcp: serve the API also as tools of an MCP server, without login.
    """

    workspace: Path | None = None
    checkpoint: str = "sample"
    domain: str | None = None
    evaluations: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 7860
    allow_host: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    allow_origin: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
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


def launch(
    application: Application,
    host: str,
    port: int,
    *,
    origins: Origins | None = None,
    root_path: str = "",
    auth: Sequence[Login] = (),
    mcp: bool = False,
    sessions: int = SESSIONS,
) -> gr.Blocks:
    """Serves the pages in the background, until `close()`; nothing in them calls out.

    Args:
      application: what they show.
      host: address to listen on.
      port: port to listen on.
      origins: whom the server answers; who comes by its address where none are given.
      root_path: path under which a proxy serves them, as
        `demo.server.request_rules.checked_root_path` gives it.
      auth: users and passwords; all may enter where there are none.
      mcp: whether to serve the API as tools, too.
      sessions: visitors whose state is kept at once; who comes back after more is told so.

    Raises:
      CalrecError: if nothing can listen there.
    """
    sockets = listening(host, port)
    # Gradio serves all files of its folder, by default one that all its programs here share.
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="calrec-")
    from demo.html.assets import styles
    from demo.server import serving
    from demo.server.origins import origins as names_of
    from demo.server.request_rules import LARGEST
    from demo.server.shell import build_page, head, theme

    page = build_page(application, login=bool(auth))
    serving.serve(
        page,
        sockets,
        loopback(host, port),
        origins=origins or names_of(host),
        root_path=root_path,
        auth=auth,
        sessions=sessions,
        auth_message=_ASKING if auth else None,
        theme=theme(),
        css_paths=styles(),
        head=head(),
        footer_links=[],
        ssr_mode=False,
        run_history=False,
        mcp_server=mcp,
        enable_monitoring=False,
        show_error=False,
        max_file_size=LARGEST,
    )
    return page


def serve(options: Options) -> None:
    """Serves until interrupted; nothing of it stays in the temporary folder.

    Raises:
      CalrecError: if an option is wrong, the port is taken, the workspace cannot be read, or there
        is no such domain or checkpoint.
    """
    with tempfile.TemporaryDirectory(prefix="calrec-", ignore_cleanup_errors=True) as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            _serve(options)
        finally:
            tempfile.tempdir = before


def _serve(options: Options) -> None:
    from demo.server.origins import origins
    from demo.server.request_rules import checked_root_path

    check_port(options.host, options.port)
    check_folders(options.evaluations)
    root_path = checked_root_path(options.root_path)
    allowed = origins(options.host, options.allow_host, options.allow_origin)
    people = logins(options.auth)
    if options.mcp:
        check_mcp(people)
    checkpoint.check(checkpoint.resolve(options.checkpoint))
    workspace = workspace_path(options.workspace)
    prepare(workspace, options.domain)

    # gradio takes seconds to import: errors above come at once.
    from demo.inspect.application import Application

    application = Application(
        workspace, options.checkpoint, first=options.domain, evaluations=options.evaluations
    )
    if not people and is_public(options.host):
        print(
            f"warning: all who can reach {url(options.host, options.port)} may use these pages; "
            "give --auth to ask for a login",
            file=sys.stderr,
            flush=True,
        )
    page = launch(
        application,
        options.host,
        options.port,
        origins=allowed,
        root_path=root_path,
        auth=people,
        mcp=options.mcp,
    )
    address = url(options.host, options.port)
    print(f"CALRec is ready at {address}", flush=True)
    if options.mcp:
        print(f"Its tools are at {address}{root_path}/gradio_api/mcp/", flush=True)
    # The page is usable meanwhile; who presses Recommend early waits for the rest.
    threading.Thread(target=_warm, args=(application,), daemon=True).start()
    try:
        threading.Event().wait()
    finally:
        page.close(verbose=False)


def _warm(application: Application) -> None:
    """Loads the model and recommends once, so that the first visitor waits for no compilation."""
    domain = next(iter(application.domains))
    try:
        shop = application.shop(domain)
        calrec = shop.calrec()
        for user_id in shop.catalogue.users(limit=1):
            calrec.recommend(shop.catalogue.case(user_id).history)
    except CalrecError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets the environment for gradio: nothing changes it from outside, no call leaves the machine.

    Call it before gradio is imported: it reads most of this then. What it does is said in
    `launch` alone, not by variables that other programs were given.

    Args:
      environment: changed in place.
    """
    # The server asks only itself, so no proxy and no certificates of a company's network are
    # needed; a setting that cannot be used would end the import.
    for name in list(environment):
        if name.startswith("GRADIO_") or name.lower() in _NETWORK:
            del environment[name]
    environment["GRADIO_ANALYTICS_ENABLED"] = "False"
    environment["HF_HUB_OFFLINE"] = "1"
    environment["NO_PROXY"] = "*"


def main() -> None:
    """Entry point of `calrec-demo`."""
    settle()
    run_cli(lambda: serve(tyro.cli(Options, prog="calrec-demo")))


if __name__ == "__main__":
    main()
