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
from demo.html.case_study.view import Study, case_view
from demo.html.wording import escape
from demo.inspect.annotations import NOTHING, Annotation
from demo.inspect.case_table import Selection

FORMAT, VERSION = "calrec-cases", 1
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Nothing is fetched or run, whatever stands in the page."""


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
    known = [side for side in study.sides if side.record is not None]
    side = study.generated or (known[0] if known else None)
    if side is None:
        raise CalrecError(
            "expected a case that can be rebuilt, found none of its runs readable; see the lines "
            "above the case"
        )
    return side.record.to_json(target=study.target and study.target.item_id)


def case_page(study: Study, names: Sequence[str], styles: Sequence[Path]) -> str:
    """One case as a page that opens offline: one file, no script, nothing fetched."""
    style = "".join(path.read_text(encoding="utf-8") for path in styles)
    noted = _noted(study.noted)
    made = datetime.now(UTC).strftime("%Y-%m-%d")
    lead = f"{study.row['user_id']}: {' against '.join(names)}. Saved on {made} (UTC)."
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>CALRec case {escape(study.user_id)}</title>"
        f"<style>{_VARIABLES}{_for_paper(style)}{_OWN}</style></head>"
        '<body class="gradio-container"><main class="cr-saved"><h1>A recommendation, step by '
        f'step</h1><p class="cr-sub cr-wrap"><bdi>{escape(lead)}</bdi></p>{noted}'
        f'<div class="cr-panel">{case_view(study)}</div></main></body></html>\n'
    )


def _noted(note: Annotation) -> str:
    parts = ["★ starred"] * note.star + list(note.labels)
    badges = "".join(f'<span class="cr-badge cr-fair">{escape(part)}</span> ' for part in parts)
    text = f'<p class="cr-saved-note"><bdi>{escape(note.note)}</bdi></p>' if note.note else ""
    return f"<div>{badges}{text}</div>" if asdict(note) != asdict(NOTHING) else ""


def _for_paper(style: str) -> str:
    """Without what could end the style element early; the page's sheets hold no such thing."""
    return style.replace("</", "<\\/")


def file_name(text: str, ending: str) -> str:
    """A name for a download: nothing of a path or of a shell is left in it."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:60]
    return f"{plain or 'case'}{ending}"


_VARIABLES = """
:root {
  color-scheme: light dark;
  --body-text-color: #1e293b; --block-background-fill: #fff; --background-fill-secondary: #f1f5f9;
  --border-color-primary: #e2e8f0; --color-accent: #4f46e5; --color-accent-soft: #eef2ff;
  --neutral-400: #94a3b8; --neutral-500: #64748b; --primary-200: #c7d2fe; --primary-300: #a5b4fc;
  --font: "IBM Plex Sans", system-ui, sans-serif; --font-mono: ui-monospace, monospace;
  --ground: #f8fafc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --body-text-color: #f1f5f9; --block-background-fill: #1e293b;
    --background-fill-secondary: #263449; --border-color-primary: #334155;
    --color-accent: #a5b4fc; --color-accent-soft: #312e81; --neutral-500: #94a3b8;
    --ground: #0f172a;
  }
}
"""
_OWN = """
body { margin: 0; box-sizing: border-box; background: var(--ground); color: var(--body-text-color);
  font: 14px/1.5 var(--font); }
body * { box-sizing: border-box; }
.cr-saved { max-width: 1000px; margin: 0 auto; padding: 24px 16px 48px; }
.cr-saved h1 { font-size: 24px; margin: 0; }
.cr-saved-note { white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { .cr-panel { border: 0; padding: 0; } }
@media (prefers-color-scheme: dark) {
  .cr-good { color: #7fd8b0; } .cr-fair { color: #f0c675; } .cr-bad { color: #f19a9a; }
}
"""
