"""What programs may ask of a text's causes: which purchases of a history made it probable."""

# No `from __future__ import annotations`: gradio reads the types of these functions as they stand.

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from calrec.records import Item
from calrec.records.attribution import Attribution
from demo.inspect.application import Application
from demo.server.api_requests import AttributeRequest

Answer = dict[str, Any]


def attributing(app: Application) -> Callable[..., Answer]:
    """The function over an application."""

    def attribute(
        shop: str,
        history: list[str],
        items: list[str] | None = None,
        texts: list[str] | None = None,
        pairs: bool = False,
        swaps: bool = False,
    ) -> Answer:
        """
        Tells which purchases made a text or an item probable: each is left out once, and the text
        scored again.

        Args:
            shop: Name of the shop, such as sample-kitchen.
            history: Item ids, oldest purchase first, 2 to 200 of them.
            items: Ids of items whose own text is scored, at most 20.
            texts: Texts to score as recommend gives them, at most 20. One text or item at least.
            pairs: Also leave out each two purchases; for a history of at most 20.
            swaps: Also put each two neighbours in the other order.

        Returns:
            texts: each with log_probability in nats after the whole history, items before texts
            purchases: the history; changes is what leaving it out adds to each text's
            log_probability, below 0 where it spoke for the text, or null where the model does not
            read it
            pairs: places of two purchases, from 0, and the changes without both
            swaps: place of the earlier one, from 0, and the changes with the two swapped
        """
        request = AttributeRequest.of(
            app.domains,
            shop=shop,
            history=history,
            items=items or [],
            texts=texts or [],
            pairs=pairs,
            swaps=swaps,
        )
        return _attribute(app, request)

    return attribute


def _attribute(app: Application, request: AttributeRequest) -> Answer:
    shop = app.shop(request.shop)
    history = shop.items(request.history)
    asked = [*shop.items(request.items), *request.texts]
    model = shop.served.get()
    found = model.attribution(history, asked, pairs=request.pairs, swaps=request.swaps)
    scored = zip(found.texts, found.totals.tolist(), strict=True)
    return {
        "shop": request.shop,
        "texts": [{"text": text, "log_probability": total} for text, total in scored],
        "purchases": _purchases(history, found),
        **({} if found.pairs is None else {"pairs": _pairs(found)}),
        **({} if found.order_changes is None else {"swaps": _swaps(found)}),
    }


def _purchases(history: list[Item], found: Attribution) -> list[Answer]:
    changes = [None] * found.items_cut + found.changes.tolist()
    return [{**asdict(item), "changes": one} for item, one in zip(history, changes, strict=True)]


def _pairs(found: Attribution) -> list[Answer]:
    assert found.pairs is not None
    changes, first = found.pairs - found.totals, found.items_cut
    return [
        {"places": [first + i, first + j], "changes": changes[i, j].tolist()}
        for i in range(len(changes))
        for j in range(i + 1, len(changes))
    ]


def _swaps(found: Attribution) -> list[Answer]:
    assert found.order_changes is not None
    changes = found.order_changes.tolist()
    return [{"place": found.items_cut + i, "changes": one} for i, one in enumerate(changes)]
