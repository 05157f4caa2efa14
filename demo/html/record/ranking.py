"""The rankings side by side: who puts what where, which text won, and which words did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calrec.ranking.corpus import Corpus, words_rule
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.records import Item, Recommendation
from calrec.text import TextSettings, query_words
from demo.html.widgets import item_block, notice
from demo.html.wording import count, escape, rank_range, rank_sentence, title_of

TOP = 20
"""Places shown of each ranking."""


def ranks_view(
    records: Sequence[Recommendation],
    target: Item | None,
    rules: Rules | None = None,
    known: Sequence[str] = (),
) -> str:
    """Each recommender's rank of the item really bought, the ties in words.

    Args:
      records: over the same items.
      target: the item really bought, where it is known.
      rules: by which all of them rank.
      known: how the model may know the item already (`calrec.evaluation.leaks`).
    """
    if target is None:
        return (
            '<p class="cr-notice cr-info">Load a shopper to see where each recommender places '
            "the item that was really bought next.</p>"
        )
    cards = "".join(_rank_card(record, target) for record in records)
    return (
        f'<p class="cr-label">Where the item really bought stands</p>'
        f'<div class="cr-target cr-truth">{item_block(target)}</div>'
        f'<div class="cr-cards">{cards}</div>{rules_line(rules)}{leaks_line(known)}'
    )


def rules_line(rules: Rules | None) -> str:
    """By which rules all recommenders on a page rank."""
    words = rules.words if rules else ""
    return f'<p class="cr-sub cr-wrap">For all recommenders: {escape(words)}.</p>' if words else ""


def leaks_line(known: Sequence[str], name: str = "CALRec") -> str:
    """How a model may know what it is asked for; nothing where it cannot."""
    return notice(f"{name}: {'; '.join(known)}.", "error") if known else ""


def _rank_card(record: Recommendation, target: Item) -> str:
    ranks, total = record.ranking.ranks(target.item_id), record.ranking.corpus_size
    sentence = rank_sentence(*ranks, total, record.ranking.is_ranked(target.item_id))
    return (
        f'<div class="cr-card"><p class="cr-label">{escape(register.title(record.recommender))}</p>'
        f'<p class="cr-rank">{rank_range(*ranks)}<small> of {total:,}</small></p>'
        f'<p class="cr-sub cr-wrap">{sentence}</p></div>'
    )


def rankings_view(
    record: Recommendation,
    others: Sequence[Recommendation],
    items: Mapping[str, Item],
    target: Item | None,
    corpora: Sequence[Corpus | None] = (),
    top: int = TOP,
) -> str:
    """The first places of all rankings side by side, the true item marked in each.

    Args:
      record: the first; beside its items stands where the others put them.
      others: over the same items.
      items: by id.
      target: the item really bought, where it is known.
      corpora: of each record in turn, what tells how much each word adds to its BM25 scores;
        `None` for one without such scores.
      top: places shown.
    """
    own, *of_others = corpora or [None] * (1 + len(others))
    return (
        '<div class="cr-cards cr-wide">'
        + _ranking(record, others, items, target, own, top)
        + "".join(
            _ranking(other, [record], items, target, of_other, top)
            for other, of_other in zip(others, of_others, strict=True)
        )
        + "</div>"
    )


def shown_rows(record: Recommendation, target: Item | None, top: int) -> list[int]:
    """The best `top` rows and, where it is not among them, the row of the true item."""
    rows = [int(row) for row in record.ranking.order()[:top]]
    if target is not None:
        row = record.ranking.item_ids.index(target.item_id)
        if row not in rows:
            rows.append(row)
    return rows


BOUGHT_BEFORE = (
    '<span class="cr-badge cr-plain" title="bought before: behind all others">bought before</span>'
)


def moved(record: Recommendation) -> frozenset[str]:
    """Ids of the items that stand behind all others because they were bought before."""
    if record.settings.get("bought") != "last":
        return frozenset()
    return frozenset(item.item_id for item in record.history)


def _ranking(
    record: Recommendation,
    beside: Sequence[Recommendation],
    items: Mapping[str, Item],
    target: Item | None,
    corpus: Corpus | None,
    top: int,
) -> str:
    texts, entry = bool(record.samples), register.entries().get(record.recommender)
    columns = 3 + texts + len(beside)
    last = moved(record)
    body = ""
    for place, row in enumerate(shown_rows(record, target, top)):
        item = items[record.ranking.item_ids[row]]
        is_target = target is not None and item.item_id == target.item_id
        own = record.ranking.ranks(item.item_id)
        number = rank_range(*own)
        if place >= top:
            body += f'<tr class="cr-gap" aria-hidden="true"><td colspan="{columns}">⋯</td></tr>'
        mark = '<span class="cr-badge cr-true">really bought</span>' if is_target else ""
        against = "".join(
            _against(own[0], other.ranking.ranks(item.item_id)[0]) for other in beside
        )
        decimals = entry.decimals if entry else 3
        score = f"{record.ranking.scores[row]:,.{decimals}f}"
        if item.item_id in last:
            mark, score = f"{mark}{BOUGHT_BEFORE}", "–"
        body += (
            f'<tr{" class=cr-hit" if is_target else ""}><td class="cr-number">{number}</td>'
            f"<td>{item_block(item)}{mark}{_why(record, row, corpus)}</td>"
            f"{_winner(record, row) if texts else ''}"
            f'<td class="cr-value">{score}</td>{against}</tr>'
        )
    heads = "".join(
        f'<th scope="col" title="place of {escape(register.title(o.recommender))}, and the way '
        f'from there to here">{escape(register.label(o.recommender))}</th>'
        for o in beside
    )
    text_head = '<th scope="col" title="the text that decides the score">text</th>' if texts else ""
    name = escape(register.title(record.recommender))
    return (
        f'<div class="cr-card"><p class="cr-label">{name}</p>{_rule(record)}'
        f'<div class="cr-scroll" tabindex="0" role="region" aria-label="Ranking of {name}">'
        f'<table class="cr-ranking"><thead><tr><th scope="col">rank</th>'
        f'<th scope="col">item</th>{text_head}<th scope="col">score</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def _rule(record: Recommendation) -> str:
    entry = register.entries().get(record.recommender)
    rule = entry.sentence if entry else ""
    if record.recommender == "lir":
        rule = f"{rule} Here: {title_of(record.history[-1])}"
    return f'<p class="cr-sub cr-clip" title="{escape(rule)}">{escape(rule)}</p>' if rule else ""


def _against(here: int, there: int) -> str:
    """Where another recommender puts the item, and the way from there to here."""
    way = there - here
    if way > 0:
        arrow = f'<span class="cr-up" title="{count(way, "place")} higher here">▲</span>'
    elif way < 0:
        arrow = f'<span class="cr-down" title="{count(-way, "place")} lower here">▼</span>'
    else:
        arrow = '<span class="cr-same" title="the same place">=</span>'
    return f'<td class="cr-value">{there:,} {arrow}</td>'


def _winner(record: Recommendation, row: int) -> str:
    column = record.ranking.winner(row)
    if column is None:
        return '<td class="cr-value" title="no text shares a word with it">–</td>'
    text = escape(record.ranking.columns[column])
    return (
        f'<td class="cr-value" title="{text}"><span class="cr-number cr-accent">{column + 1}'
        "</span></td>"
    )


def _why(record: Recommendation, row: int, corpus: Corpus | None) -> str:
    """The words that the item shares with the text that won it, each with its part of BM25."""
    column = record.ranking.winner(row) if record.ranking.columns else None
    if corpus is None or column is None or not hasattr(corpus, "contributions"):
        return ""
    text = TextSettings(**record.settings.get("text", {}))
    query = query_words(record.ranking.columns[column], text, words_rule(corpus))
    shared = corpus.contributions(query, int(record.ranking.rows[row]))
    if not shared:
        return ""
    most = max(map(abs, shared.values()), default=1.0) or 1.0
    lines = "".join(
        f'<li><span class="cr-word">{escape(word)}</span><span class="cr-bar-track">'
        f'<span style="width:{100 * max(value, 0) / most:.0f}%"></span></span>'
        f'<span class="cr-nats">{value:.2f}</span></li>'
        for word, value in sorted(shared.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    total = sum(shared.values())
    words = "1 word" if len(shared) == 1 else f"{len(shared)} words"
    return (
        f'<details class="cr-why"><summary>{words}, BM25 {total:.2f}</summary>'
        f'<ul class="cr-words">{lines}</ul></details>'
    )


def timings_line(record: Recommendation) -> str:
    """The seconds of each step, in one line."""
    steps = ", ".join(f"{escape(k)} {v:.2f} s" for k, v in record.timings.items())
    return f'<p class="cr-sub cr-wrap">Time taken: {steps}.</p>' if steps else ""
