"""What programs may ask of a served workspace: search, recommend, evaluate, explore, causes.

They (`explore` and `attribute` have modules of their own) are endpoints of gradio's API and, with
`calrec-demo --mcp`, tools of an MCP server. They take and give plain JSON. Whatever arrives is
checked (`demo.server.api_requests`): a refusal is one line, and no path is ever made of an
argument.
"""

# No `from __future__ import annotations`: gradio reads the types of these functions as they stand.

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from gradio.events import api as endpoint

from calrec.generation.trie.progress import Searching
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.records import Item, Recommendation
from calrec.records.decoders import DECODERS, described
from calrec.records.settings import Decoder
from catalog.store import Filters
from demo.html.wording import listed
from demo.inspect import decoding
from demo.inspect.application import Application
from demo.inspect.shop import Shop
from demo.pages import events
from demo.server.api_attribution import attributing
from demo.server.api_explore import exploring
from demo.server.api_failures import one_line, one_line_each
from demo.server.api_requests import EvaluateRequest, RecommendRequest, SearchRequest

Answer = dict[str, Any]

CALREC = "calrec"
"""Whom to ask where no recommender is named."""

# One visitor at a time uses the model, be it through the page or here.
MODEL = {name: events.MODEL[name] for name in ("concurrency_id", "concurrency_limit")}


def publish(app: Application) -> None:
    """Registers these in the `gr.Blocks` that is being built.

    Call it before the pages' own events are made, which take their functions' names otherwise.

    Args:
      app: the shops and recommenders that they answer from.
    """
    for name, function in functions(app).items():
        endpoint(function, api_name=name, **({} if name == "search" else MODEL))


def functions(app: Application) -> dict[str, Callable[..., Any]]:
    """All of them by name; they raise `gr.Error`, of one line, for whatever they cannot answer.

    Args:
      app: the shops and recommenders that they answer from.
    """
    return {
        "search": one_line(_searching(app)),
        "recommend": one_line_each(_documented(_recommending(app))),
        "evaluate": one_line_each(_documented(_evaluating(app))),
        "explore": one_line(exploring(app)),
        "attribute": one_line(attributing(app)),
    }


def _documented(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the register's recommenders in its docstring, which callers read."""
    known = (CALREC, *register.rivals())
    counting = [name for name in known if "purchases" in register.entry(name).needs]
    text = inspect.cleandoc(function.__doc__ or "")
    function.__doc__ = text.format(
        recommenders=listed(list(known), "or"), counting=listed(counting), decoders=described()
    )
    return function


def _searching(app: Application) -> Callable[..., Answer]:
    def search(
        shop: str,
        query: str = "",
        category: list[str] | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> Answer:
        """
        Finds items of a shop's catalogue by words, best match first; without words, the most sold.

        Args:
            shop: Name of the shop, such as sample-kitchen.
            query: Words of a title, brand or category, at most 500 characters.
            category: Levels of a category, the widest first; only items in it are found.
            limit: How many items to give, 1 to 100.
            offset: How many items to leave out at the beginning.

        Returns:
            items with item_id, title, category, brand and price
            popularity of each item: purchases in the training part
            total: how many items match in all
            note: what was read differently than it was written
            did_you_mean: a better spelling
        """
        request = SearchRequest.of(
            app.domains,
            shop=shop,
            query=query,
            category=category or [],
            limit=limit,
            offset=offset,
        )
        return _search(app, request)

    return search


def _recommending(app: Application) -> Callable[..., Iterator[Answer]]:
    def recommend(
        shop: str,
        history: list[str],
        seed: int = 0,
        samples: int = 32,
        temperature: float = 0.5,
        top: int = 10,
        recommender: str = CALREC,
        bought: str = "ranked",
        count: str = "training",
        decoder: str = "sample",
    ) -> Iterator[Answer]:
        """
        Ranks a shop's items by how likely somebody with this purchase history buys them next.

        The generative recommender, calrec, writes texts of the next purchase and matches them to
        the catalogue. While it writes, the answers say how far it is; the last one is the result.

        Args:
            shop: Name of the shop, such as sample-kitchen.
            history: Item ids, oldest purchase first, 1 to 200 of them.
            seed: The same seed writes the same texts; 0 to 4294967295.
            samples: How many texts calrec writes, 1 to 64.
            temperature: Of the writing, 0.1 (alike texts) to 1.5 (varied ones).
            top: How many items to give, 1 to 100.
            recommender: {recommenders}.
            bought: Items of the history are ranked like all others, or last, behind all others.
            count: {counting} count training parts alone, or all (validation too).
            decoder: How calrec writes. {decoders}

        Returns:
            ranking: items, best first, with their score, higher is better
            optimistic_rank and pessimistic_rank of each, which differ where scores tie
            texts: those that calrec kept, best first, with log_probability in nats
            decoding: of a decoder that writes items' texts alone, the least and the most
                probability outside of them, and whether these are surely the texts looked for
            corpus_size: how many items were ranked
            bought and count: by which rules
            settings: all that shaped the ranking
        """
        request = RecommendRequest.of(
            app.domains,
            shop=shop,
            history=history,
            seed=seed,
            samples=samples,
            temperature=temperature,
            top=top,
            recommender=recommender,
            bought=bought,
            count=count,
            decoder=decoder,
        )
        yield from _recommend(app, request)

    return recommend


def _evaluating(app: Application) -> Callable[..., Iterator[Answer]]:
    def evaluate(
        shop: str,
        user: str,
        recommender: str = CALREC,
        split: str = "test",
        seed: int = 0,
        bought: str = "ranked",
        count: str = "training",
    ) -> Iterator[Answer]:
        """
        Evaluates one case: where a recommender ranks what a shopper really bought next.

        Args:
            shop: Name of the shop, such as sample-kitchen.
            user: Id of a shopper with a held-out purchase.
            recommender: {recommenders}.
            split: test (the last purchase is held out) or validation (the last but one).
            seed: Of the texts that calrec writes; 0 to 4294967295.
            bought: Items of the history are ranked like all others, or last, behind all others.
            count: {counting} count training parts alone, or all (validation too).

        Returns:
            history: items, oldest first
            target: the item really bought
            optimistic_rank and pessimistic_rank of the target among corpus_size items
            texts: those that calrec kept, best first, with log_probability in nats
            ranking: the best ten items
            bought and count: by which rules
            may_know: how calrec may have known the target before it was asked
            settings: all that shaped the ranking
        """
        request = EvaluateRequest.of(
            app.domains,
            shop=shop,
            user=user,
            recommender=recommender,
            split=split,
            seed=seed,
            bought=bought,
            count=count,
        )
        yield from _evaluate(app, request)

    return evaluate


def _search(app: Application, request: SearchRequest) -> Answer:
    page = app.shop(request.shop).catalogue.page(
        query=request.query,
        filters=Filters(category=tuple(request.category)),
        limit=request.limit,
        offset=request.offset,
    )
    found = zip(page.items, page.popularity, strict=True)
    return {
        "shop": request.shop,
        "items": [{**asdict(item), "popularity": bought} for item, bought in found],
        "total": page.total,
        "note": page.note,
        "did_you_mean": page.did_you_mean,
    }


def _recommend(app: Application, request: RecommendRequest) -> Iterator[Answer]:
    shop = app.shop(request.shop)
    options = request.model_dump(include={"seed", "samples", "temperature"})
    if request.decoder == "likelihood":
        del options["samples"]  # all candidates' texts
    history = shop.items(request.history)
    for result in _ranked(shop, history, request, options, request.decoder):
        yield result if isinstance(result, dict) else _shown(shop, result, request.top)


def _evaluate(app: Application, request: EvaluateRequest) -> Iterator[Answer]:
    shop = app.shop(request.shop)
    case = shop.catalogue.case(request.user, request.split)
    for result in _ranked(shop, case.history, request, {"seed": request.seed}):
        if isinstance(result, dict):
            yield result
            continue
        optimistic, pessimistic = result.ranking.ranks(case.target.item_id)
        yield {
            "user": request.user,
            "split": request.split,
            "target": asdict(case.target),
            "optimistic_rank": optimistic,
            "pessimistic_rank": pessimistic,
            "may_know": list(shop.leaks(request.split)) if result.samples else [],
            **_shown(shop, result, top=10),
        }


def _ranked(
    shop: Shop,
    history: Sequence[Item],
    request: RecommendRequest | EvaluateRequest,
    options: dict[str, Any],
    decoder: Decoder = "sample",
) -> Iterator[Answer | Recommendation]:
    """How far it is, as often as the model says so, then the recommendation; closing stops it."""
    rules = request.rules
    if not register.entry(request.recommender).generative:
        yield shop.recommender(request.recommender, rules).recommend(history)
        return
    bound = DECODERS[decoder].bound
    if bound:
        decoding.check_prepared(shop, decoder)
    calrec = decoding.over(shop, decoder) if bound else shop.calrec(rules)
    with closing(calrec.stream(history, **options)) as stream:
        for update in decoding.now_and_then(stream):
            if isinstance(update, Recommendation):
                yield rules.applied(update)
            elif isinstance(update, Searching):
                yield {"step": update.found, "limit": update.wanted}
            else:
                yield {"step": update.step, "limit": update.limit}


def _shown(shop: Shop, record: Recommendation, top: int) -> Answer:
    ranking = record.ranking
    rows = ranking.order()[:top]
    best = [ranking.item_ids[row] for row in rows]
    places = []
    for item, score in zip(shop.items(best), ranking.scores[rows].tolist(), strict=True):
        optimistic, pessimistic = ranking.ranks(item.item_id)
        ranks = {"optimistic_rank": optimistic, "pessimistic_rank": pessimistic}
        places.append({**asdict(item), "score": score, **ranks})
    kept = zip(ranking.columns, ranking.column_scores, strict=True) if record.samples else ()
    return {
        "shop": shop.domain,
        "recommender": record.recommender,
        "history": [asdict(item) for item in record.history],
        "ranking": places,
        "texts": [{"text": text, "log_probability": float(score)} for text, score in kept],
        "decoding": record.parts.get("decoding"),
        "corpus_size": ranking.corpus_size,
        **{name: record.settings[name] for name in asdict(Rules())},
        "settings": dict(record.settings),
    }
