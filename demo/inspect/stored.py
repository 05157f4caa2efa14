"""A case of a finished evaluation as a whole `Recommendation`, without the model.

A CALRec run keeps its texts: they are matched to the catalogue again, by the run's own settings.
LIR is asked again, by the run's settings; the simple recommenders by this page's, and a line says
where the run's were others. For any other the best items that the run kept stand in, with its
ranks. What was made is compared with the ranks that the run wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.schema import CASES, SAMPLES, TOP
from calrec.evaluation.runs import EvaluationRun
from calrec.ranking.corpus import ItemCorpus
from calrec.ranking.rank import rank
from calrec.recommenders.lir import LastItemRepeater
from calrec.recommenders.protocol import Recommender
from calrec.records import Generation, Ranking, Recommendation, Sample
from calrec.records.ranks import TIE
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings, parse, prompt_text
from catalog.bm25 import BM25Settings
from catalog.sequences import Case
from catalog.store import Catalogue
from demo.inspect.stored_tables import Tables

if TYPE_CHECKING:
    from demo.inspect.shop import Shop


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """One recommender's side of a case.

    Attributes:
      record: what was ranked. Of a run that kept only its best items, it holds no more than those
        and the target (`whole` is false).
      whole: whether every item of the catalogue has a row.
      source: where it comes from, as a badge says it.
      notes: what to know about it, a line each; empty where it is exactly the run's.
    """

    record: Recommendation
    whole: bool
    source: str
    notes: tuple[str, ...]


_OF_TEXTS = ("text", "max_prompt_tokens", "sampling", "begin", "decoder", "candidates")


def rebuild(shop: Shop, run: EvaluationRun, user_id: str, tables: Tables) -> Stored:
    """A run's side of a user's case.

    Raises:
      CalrecError: if the catalogue or the run lacks the user, a file is damaged, or the run's
        settings are not known here.
    """
    catalogue = shop.catalogue
    case = catalogue.case(user_id, run.split)
    facts = tables.row(run, CASES, user_id)
    source, differs = f"from the stored run {run.folder.name}", ""
    if run.generative and run.recommender == "calrec":
        record = _generated(shop, run, case, facts, tables)
        shown = "its stored texts matched to the present items"
    elif run.recommender == "lir":
        record = _repeated(shop, run, case)
        source, shown = "ranked now, by the run's settings", "the present items ranked anew"
    elif (known := shop.find(run.recommender, run.rules)) is not None:
        record = known.recommend(case.history)
        differs = _differences(run, record)
        source = "ranked now, by this page's settings" if differs else "ranked now, by its settings"
        shown = "the present items ranked anew, from the present purchases"
    else:
        record = _kept(catalogue, run, case, facts, tables)
        shown = "its stored list, without items that are gone"
    whole = len(record.ranking.item_ids) == record.ranking.corpus_size
    return Stored(
        record=replace(record, target=case.target.item_id),
        whole=whole,
        source=source,
        notes=tuple(filter(None, (differs, *_notes(run, catalogue, case, record, facts, shown)))),
    )


def _notes(
    run: EvaluationRun,
    catalogue: Catalogue,
    case: Case,
    record: Recommendation,
    facts: Mapping[str, Any],
    shown: str,
) -> list[str]:
    notes = []
    if catalogue.info.fingerprint != run.fingerprint:
        notes.append(
            f"The shop was built with other data since {run.folder.name} was evaluated: shown are "
            f"{shown}."
        )
    found = record.ranking.ranks(case.target.item_id)
    written = (facts["optimistic_rank"], facts["pessimistic_rank"])
    if facts["target_item_id"] != case.target.item_id:
        notes.append(
            f"The run asked for another item ({facts['target_item_id']}) than this user's last "
            "purchase as it is now."
        )
    elif found != written:
        notes.append(
            f"Ranks {found[0]:,} to {found[1]:,} here, {written[0]:,} to {written[1]:,} in the run:"
            " data or code have changed since."
        )
    return notes


def _differences(run: EvaluationRun, record: Recommendation) -> str:
    """A line about the settings of a simple recommender that are not the run's; or nothing."""
    # The rules are the run's own: it is ranked by them.
    here = {name: v for name, v in record.settings.items() if name not in asdict(run.rules)}
    # Both ways, as either may lack some; what neither names is equal.
    names = [name for name in {**run.settings, **here} if run.settings.get(name) != here.get(name)]
    if not names:
        return ""
    told = "; ".join(
        f"{name} {here.get(name, 'absent')} here, {run.settings.get(name, 'absent')} in the run"
        for name in names
    )
    return f"Ranked with other settings than {run.folder.name} had: {told}."


def _generated(
    shop: Shop,
    run: EvaluationRun,
    case: Case,
    facts: Mapping[str, Any],
    tables: Tables,
) -> Recommendation:
    text = _settings(run, "text", TextSettings)
    ranking = _settings(run, "ranking", RankingSettings)
    items = ItemCorpus(bm25=corpus(shop, run), attributes=shop.attributes(text), text=text)
    samples = _samples(tables.rows(run, SAMPLES, case.user_id), text)
    if not samples:
        raise CalrecError(
            f"expected texts of {case.user_id} in {run.folder.name}/{SAMPLES}, found none; "
            "evaluate again"
        )
    cut = min(max(int(facts.get("items_cut") or 0), 0), len(case.history) - 1)
    of_texts = {name: run.settings[name] for name in _OF_TEXTS if name in run.settings}
    generation = Generation(
        history=case.history,
        prompt=str(of_texts.get("begin", "")) + prompt_text(case.history[cut:], text),
        prompt_tokens=int(facts.get("prompt_tokens") or 0),
        items_cut=cut,
        samples=samples,
        settings={**of_texts, "seed": facts.get("seed"), "run": run.folder.name},
    )
    first = _first_stage(shop, run, ranking)
    return run.rules.applied(
        Recommendation(
            history=case.history,
            generation=generation,
            ranking=rank(
                generation,
                items,
                ranking,
                first_stage=first.recommend(case.history).ranking if first else None,
            ),
        )
    )


def _first_stage(shop: Shop, run: EvaluationRun, ranking: RankingSettings) -> Recommender | None:
    """The run's own, by this page's settings.

    Raises:
      CalrecError: if it is not known here.
    """
    if ranking.retrieval != "rerank":
        return None
    named = (run.settings.get("first_stage") or {}).get("recommender", "lir")
    if (known := shop.find(named, run.rules)) is None:
        there = ", ".join(shop.recommenders(run.rules))
        raise CalrecError(
            f"expected a first stage of {there}, found {named} in {run.folder.name}; "
            "put its checkpoint into the workspace, or choose another run"
        )
    return known


def corpus(shop: Shop, run: EvaluationRun) -> Any:
    """BM25 of the shop's items as the run computed it."""
    settings = _settings(run, "bm25", BM25Settings)
    catalogue = shop.catalogue
    default = catalogue.corpus()
    if settings == replace(default.settings, k1=settings.k1, b=settings.b):
        return shop.corpus(settings.k1, settings.b)
    return catalogue.corpus(settings)


def _repeated(shop: Shop, run: EvaluationRun, case: Case) -> Recommendation:
    text = _settings(run, "text", TextSettings)
    lir = LastItemRepeater(corpus(shop, run), shop.catalogue.items, text)
    return run.rules.applied(lir.recommend(case.history))


def _kept(
    catalogue: Catalogue,
    run: EvaluationRun,
    case: Case,
    facts: Mapping[str, Any],
    tables: Tables,
) -> Recommendation:
    """The best items that the run kept, and the target."""
    row = tables.row(run, TOP, case.user_id)
    scores = dict(zip(row["item_ids"], row["scores"], strict=True))
    scores = {item: score for item, score in scores.items() if item in catalogue.index}
    values = np.array(list(scores.values()), dtype=np.float64)
    ranks = {
        item: (int((values > score + TIE).sum()) + 1, int((values >= score - TIE).sum()))
        for item, score in scores.items()
    }
    if facts["target_item_id"] in catalogue.index:
        scores.setdefault(facts["target_item_id"], row["target_score"])
        ranks[facts["target_item_id"]] = (facts["optimistic_rank"], facts["pessimistic_rank"])
    ids = tuple(scores)
    ranking = Ranking.of_scores(
        run.recommender,
        ids,
        np.array(list(scores.values()), dtype=np.float64),
        {**run.settings, **asdict(run.rules), "run": run.folder.name},
        seconds=0.0,
    )
    ranking = replace(
        ranking,
        rows=np.array([catalogue.index[item] for item in ids], dtype=np.int64),
        corpus_size=len(catalogue.items),
        row_ranks=np.array([ranks[item] for item in ids], dtype=np.int64).reshape(-1, 2),
    )
    return Recommendation(history=case.history, ranking=ranking)


def _samples(rows: Sequence[Mapping[str, Any]], text: TextSettings) -> tuple[Sample, ...]:
    found = []
    for place, row in enumerate(sorted(rows, key=lambda row: row.get("order") or 0)):
        found.append(
            Sample(
                text=row["text"],
                token_ids=tuple(row.get("token_ids") or ()),
                log_probs=tuple(row.get("log_probs") or ()),
                tempered_log_probs=(),
                score=float(row.get("score") or 0.0),
                order=int(row.get("order", place)),
                finished=bool(row.get("finished", True)),
                attributes=parse(row["text"], text),
            )
        )
    return tuple(found)


def _settings(run: EvaluationRun, name: str, kind: type) -> Any:
    try:
        return kind(**run.settings.get(name, {}))
    except (TypeError, ValueError) as error:
        raise CalrecError(
            f"expected {name} settings that are known here in {run.folder.name}, found {error}; "
            "evaluate again"
        ) from None
