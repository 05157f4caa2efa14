"""What programs may ask of the search over a whole catalogue."""

# No `from __future__ import annotations`: gradio reads the types of these functions as they stand.

from collections.abc import Callable
from typing import Any

from calrec.records import codec
from demo.inspect import exploring as catalogue
from demo.inspect.application import Application
from demo.server.api_requests import ExploreRequest


def exploring(app: Application) -> Callable[..., dict[str, Any]]:
    """The function that answers from an application's shops."""

    def explore(
        shop: str, history: list[str], items: list[str] | None = None, depth: str = "50"
    ) -> dict[str, Any]:
        """
        Shows where in a shop's catalogue the model expects the next purchase, branch by branch.

        Nothing is drawn: texts of items are looked for by their exact probability.

        Args:
            shop: Name of the shop, such as sample-kitchen.
            history: Item ids, oldest purchase first, 1 to 200 of them.
            items: Ids of at most 10 items whose ways are told token by token.
            depth: How many of the most probable texts to look for: 10, 50, 200, or all of a shop of
                at most 2,000 items.

        Returns:
            tree: category, brand, title and price as branches, each with known, its certain
                probability, and open, the most that can come to it
            found: item ids and log_prob, in nats, of the texts found, most probable first
            exact: whether these are certainly the most probable
            outside: the least and the most probability of texts that are no item's
            ways: of each item asked about its tokens, what stood in their place, its ranks, and the
                place of the token at which it was lost
        """
        request = ExploreRequest.of(
            app.domains, shop=shop, history=history, items=items or [], depth=depth
        )
        found = catalogue.explore(
            app.shop(request.shop), request.history, request.items, depth=request.depth
        )
        return codec.encode(found)

    return explore
