"""Cases as files: the filtered ones as CSV and JSON, one as a case file or as a page."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from demo.html.case_study.view import case_view
from demo.html.offline import sheet
from demo.html.templating import render
from demo.inspect.annotations import NOTHING, Annotation
from demo.inspect.case_study import Study
from demo.inspect.case_table import Selection

FORMAT, VERSION = "calrec-cases", 1
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cases(selection: Selection, noted: Mapping[str, Annotation]) -> Iterator[dict[str, Any]]:
    """What is exported of each case, in order."""
    rules = asdict(selection.table.first.rules)
    for row in selection.page(0, len(selection)):
        note = noted.get(row["user_id"], NOTHING)
        yield {
            "user_id": row["user_id"],
            "target_item_id": row["target"],
            "target_title": row["title"],
            "target_category": row["category"],
            "target_popularity": row["popularity"],
            "target_cold": row["cold"],
            "target_in_history": row["in_history"],
            "target_is_last": row["is_last"],
            "history_length": row["history_length"],
            "optimistic_rank_a": row["a_optimistic"],
            "pessimistic_rank_a": row["a_pessimistic"],
            "optimistic_rank_b": row["b_optimistic"],
            "pessimistic_rank_b": row["b_pessimistic"],
            **rules,
            "best_match_level": row["match_level"],
            "format_errors": row["format_errors"],
            "star": note.star,
            "labels": list(note.labels),
            "note": note.note,
        }


def csv_text(selection: Selection, noted: Mapping[str, Annotation]) -> str:
    """The cases for a spreadsheet: text that it would take for a formula gets an apostrophe."""
    out = io.StringIO()
    rows = list(cases(selection, noted))
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["user_id"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        row["labels"] = "; ".join(row["labels"])
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def json_text(
    selection: Selection,
    noted: Mapping[str, Annotation],
    filters: Mapping[str, str],
    names: tuple[str, str],
) -> str:
    """The cases with what they were filtered by, the runs and their metrics."""
    table = selection.table
    figures = selection.figures
    content = {
        "format": FORMAT,
        "version": VERSION,
        "domain": table.first.domain,
        "split": table.first.split,
        "data": table.first.fingerprint,
        **asdict(table.first.rules),
        "filters": dict(filters),
        "runs": [
            {
                "side": side,
                "run": run.folder.name,
                "name": name,
                "may_know": list(run.leaks),
                "metrics": figures and figures["ab".index(side)],
            }
            for side, run, name in zip("ab", (table.first, table.second), names, strict=True)
        ],
        "cases": list(cases(selection, noted)),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def case_json(study: Study) -> str:
    """The side with texts, else the first one, as a case file.

    Raises:
      CalrecError: if no side could be rebuilt.
    """
    known = [side.record for side in study.sides if side.record is not None]
    record = next((one for one in known if one.samples), known[0] if known else None)
    if record is None:
        raise CalrecError(
            "expected a case that can be rebuilt, found none of its runs readable; see the lines "
            "above the case"
        )
    return record.to_json(target=study.target.item_id if study.target else None)


def case_page(study: Study, names: Sequence[str], styles: Sequence[Path]) -> str:
    """One case as a page that opens offline: one file, no script, nothing fetched."""
    made = datetime.now(UTC).strftime("%Y-%m-%d")
    page = render(
        "cases/saved",
        "page",
        study.user_id,
        lead=f"{study.user_id}: {' against '.join(names)}. Saved on {made} (UTC).",
        style=sheet(styles),
        noted=study.noted if asdict(study.noted) != asdict(NOTHING) else None,
        case=case_view(study, scripted=False),
    )
    return f"{page}\n"


def cases_file(
    selection: Selection,
    noted: Mapping[str, Annotation],
    filters: Mapping[str, str],
    names: tuple[str, str],
    ending: str,
) -> tuple[str, str]:
    """Name and text of a file of the filtered cases; `ending` is `.csv` or `.json`."""
    name = file_name(f"cases-{selection.table.first.folder.name}", ending)
    if ending == ".csv":
        return name, csv_text(selection, noted)
    return name, json_text(selection, noted, filters, names)


def case_file(study: Study, domain: str, ending: str, styles: Sequence[Path]) -> tuple[str, str]:
    """Name and text of a file of one case: `.json` is a case file, `.html` a page.

    Raises:
      CalrecError: as `case_json`.
    """
    name = file_name(f"case-{domain}-{study.user_id}", ending)
    if ending == ".json":
        return name, case_json(study)
    return name, case_page(study, [side.name for side in study.sides], styles)


def file_name(text: str, ending: str) -> str:
    """A name for a download: nothing of a path or of a shell is left in it."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:60]
    return f"{plain or 'case'}{ending}"
