"""The walkthrough's layout, and which handler answers which event."""

from __future__ import annotations

import gradio as gr

from calrec.recommenders import register
from demo.html import widgets
from demo.inspect.session import Session
from demo.pages.components import CLICKS, html, script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL, UNCHECKED
from demo.pages.page import Page, Shell, address
from demo.pages.walkthrough import controls
from demo.pages.walkthrough.address import DEFAULT, OTHERS
from demo.pages.walkthrough.handlers import Handlers
from demo.pages.walkthrough.updates import stale_line

TITLE = "Walkthrough"
WAITING = "Waiting for the model; it serves one visitor at a time."


def build(shell: Shell) -> Page:
    """The page over one application."""
    handlers = Handlers(shell.app)
    assembling, recommending = handlers.assembling, handlers.recommending
    start = Session(domain=next(iter(shell.app.domains)))
    blank = recommending.no_results()
    listing = assembling.browse(start, "", "", "", "", "relevance")
    session, box = shell.session, address()
    shown = gr.State(None)

    with gr.Row(elem_classes="cr-bar-top"):
        html(widgets.stepper(), elem_id="steps", scale=3)
        run = gr.Button("Recommend", variant="primary", elem_id="run", min_width=150)
        stop = gr.Button("Stop", variant="secondary", elem_id="stop", visible=False, min_width=150)
    message = html("", elem_id="message")
    status = html("", elem_id="status")
    stale = html("", elem_id="stale")

    with _step(1):
        presets = html(assembling.telling(start), js_on_load=CLICKS, elem_id="presets")
        with gr.Row(elem_classes="cr-columns"):
            with gr.Column(scale=6, min_width=320, elem_classes="cr-panel"):
                browser = controls.browser(listing)
            with gr.Column(scale=5, min_width=320, elem_classes="cr-panel"):
                parts_of = controls.assembly(assembling.shoppers(start), start)
                sampling = controls.sampling()
        html(widgets.step_buttons(1))
    with _step(2), gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                2,
                "What the model reads",
                "The history as one text, the oldest purchase first: no numbers of items or "
                "persons, only words. The last line is unfinished; the model goes on from there.",
            )
            + widgets.formula(2)
        )
        prompt = html(
            widgets.empty_state("No prompt yet", "It is made of the purchase history."),
            elem_id="prompt",
        )
        html(widgets.step_buttons(2))
    with _step(3), gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                3,
                "What the model writes",
                "It continues the history with the text of the next purchase, many times over. "
                "The number is the text's log-probability in nats: the nearer to zero, the "
                "surer the model. The best different texts are kept.",
            )
            + widgets.formula(3)
        )
        texts = html(blank.samples, js_on_load=CLICKS, elem_id="samples")
        html(widgets.step_buttons(3))
    with _step(4), gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                4,
                "From texts to items",
                "Each row is an item, each column a kept text; the stronger the colour, the "
                "more words they share. Left the plain word scores, then each column scaled to "
                "0–1, then weighed by how probable its text is. A frame marks the text that "
                "decides an item's score. Press a switch: nothing is written anew.",
            )
            + widgets.formula(4)
        )
        switches = controls.switches()
        heat_empty = html(blank.heat_empty["value"], elem_id="heat-empty")
        heat = gr.Plot(visible=False, show_label=False, elem_id="heat", container=False)
        html(widgets.step_buttons(4))
    with _step(5), gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                5,
                "The ranking",
                "CALRec's first items beside those of simple rules. An arrow says how the place "
                "differs from the other ranking's: ▲ higher here, ▼ lower here. Open “words” to "
                "see which words an item shares with the text that won it.",
            )
        )
        others = gr.CheckboxGroup(
            [(register.title(name), name) for name in OTHERS],
            value=list(DEFAULT.others),
            label="Compare with",
            elem_id="others",
        )
        ranks = html("", elem_id="ranks")
        rankings = html(blank.rankings, elem_id="rankings")
        html(widgets.step_buttons(5))
    text = gr.Number(-1, visible=False, precision=0)
    start_box = gr.Textbox(visible="hidden", show_label=False, elem_id="start", interactive=False)

    query, sort, *filters = browser[:-1]
    browse = browser[-1]
    shopper, any_shopper, history, target = parts_of
    seed, *_, template = sampling
    settings = [*sampling, *switches, others, text]
    choice = [session, query, *filters, sort]
    parts = [history, target, message, stale, prompt, shopper]
    output = [message, status, texts, heat, heat_empty, ranks, rankings, prompt, shown, box]

    # Not query.input, which a paste does not set off.
    for changed in (query.change, query.submit, sort.input, *(f.input for f in filters)):
        changed(assembling.browse, choice, [browse, *filters], **BROWSE)
    browse.select(
        assembling.click_catalogue,
        choice,
        [session, browse, query],
        **{**EDIT, **UNCHECKED},
    )
    history.select(assembling.click_history, session, session, **EDIT)
    presets.select(assembling.click_preset, session, [session, message, seed], **EDIT)
    shopper.input(assembling.load_shopper, [session, shopper], [session, message], **EDIT)
    shopper.key_up(assembling.search_shoppers, session, shopper, **LOOK_UP)
    any_shopper.click(assembling.random_shopper, session, [session, message], **EDIT)
    session.change(assembling.assembly, [session, shown, template], parts, **LOOK_UP)
    template.input(assembling.prompt, [session, template], prompt, **LOOK_UP)

    busy = [run, stop, message, status]
    # The button and a link that shows a recommendation start the same job.
    run.click(None, None, [start_box, text], js=script("start"), **LOOK_UP)
    start_box.change(None, None, busy, js=script("runs", True, widgets.notice(WAITING)), **LOOK_UP)
    job = start_box.change(
        recommending.recommend, [session, *settings], [*output, run, stop], **MODEL
    )
    job.then(stale_line, [session, shown], stale, **LOOK_UP).then(
        recommending.settled, [shown, *settings], [*output, run, stop], **LOOK_UP
    )
    stop.click(
        None,
        None,
        busy,
        js=script("runs", False, widgets.notice("Stopped.")),
        cancels=[job],
        **LOOK_UP,
    )

    for switch in (*switches, others):
        changed = switch.release if isinstance(switch, gr.Slider) else switch.input
        changed(
            recommending.again,
            [shown, *settings],
            [*output, run, stop],
            **LOOK_UP,
            trigger_mode="always_last",
        )
    texts.select(
        recommending.click_text, [shown, *settings], [text, texts, box, message], **LOOK_UP
    )

    return Page(
        show=handlers.show,
        outputs=[
            browse,
            *filters,
            query,
            presets,
            *parts,
            *settings,
            *output[1:7],
            shown,
            box,
            start_box,
        ],
        address=box,
    )


def _step(number: int) -> gr.Column:
    return gr.Column(elem_id=f"step-{number}", elem_classes="cr-stage")
