"""Which of gradio's addresses are served: those that the pages, the API and the tools need."""

from __future__ import annotations

import re
from urllib.parse import unquote

from demo.server.refusal import Refused

API = "/gradio_api"

# Gradio would fetch these for a visitor from anywhere.
_FETCHING = ("/file=", "/file/", "/proxy=")
_UPLOADS = ("/upload", "/process_recording", "/component_server")
_PAGES = re.compile(
    r"/|/(config|login|logout)/?|/(theme\.css|robots\.txt|manifest\.json|favicon\.ico)"
    r"|/(assets|static|svelte)/.*"
)
_API = re.compile(
    r"/(info|openapi\.json|user|login_check|app_id|cancel|reset|theme\.css)/?|/queue/(join|data)/?"
    r"|/(call|run|api|heartbeat|mcp)/.*|/mcp|/file[=/].*"
)


def inside(path: str, root_path: str) -> str:
    """A path as gradio knows it, whether the proxy took its own part away or left it."""
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        return path[len(root_path) :] or "/"
    return path


def check(path: str) -> None:
    """Raises `Refused` for what is not served, although gradio would answer.

    Args:
      path: as `inside` gives it.
    """
    if _PAGES.fullmatch(path):
        return
    rest = path.removeprefix(API)
    if rest == path:
        raise _unknown(path)
    if rest.rstrip("/") in _UPLOADS:
        raise Refused(403, "expected no files, found an upload; these pages take none")
    for beginning in _FETCHING:
        if rest.startswith(beginning) and "://" in unquote(rest):
            raise Refused(403, "expected a file of these pages, found another address; open it")
    if not _API.fullmatch(rest):
        raise _unknown(path)


def _unknown(path: str) -> Refused:
    return Refused(404, f"expected an address of these pages, found {path[:80]!r}; open /")
