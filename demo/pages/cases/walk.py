"""The way from a case into the walkthrough: a link with the seed and every setting of the run."""

from __future__ import annotations

from typing import Any

from calrec.evaluation.runs import EvaluationRun
from calrec.recommenders import register
from demo.inspect import url
from demo.inspect.case_table import CaseTable
from demo.inspect.run_pair import RunPair
from demo.inspect.session import query_of
from demo.pages.walkthrough.address import WalkthroughAddress, from_query


def link(pair: RunPair, table: CaseTable, user_id: str) -> str:
    """The address of the walkthrough that recommends for a case as its run did, at once.

    What the walkthrough has no switch for, or cannot be set to, is its default.

    Args:
      pair: the runs; the settings are those of the first that writes texts, else of A.
      table: of these.
      user_id: whose case.

    Raises:
      CalrecError: if the shop has no such case any more.
    """
    sides = list(zip(table.comparison.runs, table.comparison.cases, strict=True))
    run, cases = next((side for side in sides if side[0].generative), sides[0])
    beside = {one.recommender: None for one, _ in sides if one.recommender in register.rivals()}
    asked = {**_settings(run), "with": list(beside) or WalkthroughAddress().others}
    if "seed" in cases.generated:
        asked["seed"] = int(cases.generated["seed"][table.place_of[user_id]])
    # Through the page's own reading: a link holds nothing that it would not take.
    view = from_query({name: _texts(value) for name, value in asked.items() if value is not None})
    decoder = run.settings.get("decoder")
    query = {
        "view": "walkthrough",
        **url.read(query_of(pair.session(user_id))),
        **view.query(),
        "decoder": "" if decoder == "sample" else decoder,
        "written": "1",
        "step": 5,
    }
    return f"?{url.write(query)}"


def _settings(run: EvaluationRun) -> dict[str, Any]:
    """The run's settings by the names of the walkthrough's address."""
    of: dict[str, dict[str, Any]] = {
        name: dict(run.settings.get(name) or {})
        for name in ("sampling", "text", "ranking", "bm25", "first_stage")
    }
    weighed = of["ranking"].get("modulation")
    return {
        "temperature": of["sampling"].get("temperature"),
        "samples": of["sampling"].get("samples"),
        "template": of["text"].get("template"),
        "kept": of["ranking"].get("n_pred"),
        "epsilon": of["ranking"].get("epsilon"),
        "pooling": of["ranking"].get("pooling"),
        "retrieval": of["ranking"].get("retrieval"),
        "weighed": None if weighed is None else ("yes" if weighed else "no"),
        "k1": of["bm25"].get("k1"),
        "b": of["bm25"].get("b"),
        "first": of["first_stage"].get("recommender"),
        "bought": run.rules.bought,
        "count": run.rules.count,
    }


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
