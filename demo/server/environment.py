"""The environment of the serving process, as gradio finds it when it is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_NETWORK = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Takes out what would change gradio from outside, and says that no call leaves the machine.

    Call it before gradio is imported: it reads most of this then. What it does is said in
    `demo.server.app.launch` alone, not by variables that other programs were given.

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
