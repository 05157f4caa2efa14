"""An embedder that can be reckoned by hand, and the Metrics and Embeddings pages served with it.

python scripted_embedding.py WORKSPACE RUNS PORT    serves until its standard input closes
"""

from __future__ import annotations

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from calrec.records import Item

SIZE = 12


class Embedding:
    """An item's vector comes of its id; a history's is the mean; a read target is near its own."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def embedder(self) -> Embedding:
        return self

    @staticmethod
    def vector(item: Item) -> np.ndarray:
        seed = [ord(letter) for letter in item.item_id]
        return np.random.default_rng(seed).standard_normal(SIZE).astype("f")

    def items(self, items, *, tick=None) -> np.ndarray:
        self.calls.append(f"items {len(items)}")
        for _ in items:
            if tick is not None:
                tick(1)
        return np.stack([self.vector(item) for item in items])

    def histories(self, histories, *, tick=None) -> np.ndarray:
        self.calls.append(f"histories {len(histories)}")
        return np.stack([self.items(history).mean(axis=0) for history in histories])

    def user_tower(self, histories, targets, *, tick=None) -> SimpleNamespace:
        self.calls.append(f"users {len(histories)}")
        own = np.stack([self.vector(target) for target in targets])
        return SimpleNamespace(v_u=self.histories(histories), v_tu=own + 0.01)


def serve(workspace: str, runs: str, port: str) -> None:
    """Both pages over one session."""
    import gradio as gr

    from demo.html.assets import styles
    from demo.inspect.application import Application
    from demo.inspect.session import Session
    from demo.pages import embeddings, metrics
    from demo.pages.components import html
    from demo.pages.page import Shell
    from demo.server import shell

    app = Application(
        Path(workspace), "sample", evaluations=[Path(runs)], load_model=lambda _: Embedding()
    )
    with gr.Blocks(analytics_enabled=False) as blocks:
        state, toast = gr.State(Session(domain="lamps")), html("", elem_id="toast")
        pages = []
        with gr.Tabs() as tabs:
            common = Shell(app=app, session=state, tabs=tabs, toast=toast)
            for name, module in (("metrics", metrics), ("embeddings", embeddings)):
                with gr.Tab(module.TITLE, id=name), gr.Column(elem_id=name):
                    pages.append(module.build(common))
        for page in pages:
            page.address.render()
            blocks.load(
                lambda visitor, show=page.show: show(visitor, {}), state, list(page.outputs)
            )
    blocks.launch(
        server_name="127.0.0.1",
        server_port=int(port),
        theme=shell.theme(),
        css_paths=styles(),
        ssr_mode=False,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    print("ready", flush=True)
    sys.stdin.read()
    blocks.close(verbose=False)


if __name__ == "__main__":
    serve(*sys.argv[1:])
