"""Writes `golden_report.md`, which `test_golden_report` compares with: run it when tables change.

python tests/calrec/evaluation/golden_report.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from laid_out import QUICK
from synthetic_runs import (
    NO_CONTRAST,
    PRETRAINED,
    STAGE_1,
    STAGE_2,
    user_ids,
    write_run,
)

from calrec.evaluation.runs import EvaluationRun
from calrec.report import report
from calrec.report.rendering import csv_text, markdown, markdown_text

GOLDEN = Path(__file__).with_suffix(".md")
MARKDOWN = ("runs", "table2", "paired", "table3", "table4", "table6", "table7", "table8", "ties")
CSV = ("table2", "table4")
KEPT = {"fingerprint": "kept", "events": 2000, "repeats_kept": 100}
REMOVED = {"fingerprint": "removed", "events": 1900, "repeats_removed": 100}


def written(folder):
    """The tables of a domain of the paper's and of another."""

    def run(name, recommender="calrec", *, domain="games_2018", count=60, **how):
        how = {"seed": len(list(folder.iterdir())), "count": count, "domain": domain} | how
        return EvaluationRun.load(write_run(folder / name, recommender, **how))

    runs = [
        run("full"),
        run("lir", "lir"),
        run("markov", "markov", users=user_ids(40)),
        run("no-contrast", training=NO_CONTRAST, model="2"),
        run("stage-1", training=STAGE_1, model="3"),
        run("stage-2", training=STAGE_2, model="4", label="two"),
        run("pretrained", training=PRETRAINED, model="5"),
        run("gpt4rec", template="gpt4rec"),
        run("hierarchical", ranking={"retrieval": "hierarchical"}),
        run("shop", domain="shop"),
        run("shop-no-contrast", domain="shop", training=NO_CONTRAST, model="2"),
        run("kept", "lir", domain="games-repeats", data=KEPT),
        run("removed", "lir", data=REMOVED),
    ]
    tables = report.content(runs, QUICK).tables
    text = [markdown(table) for table in tables if table.key in MARKDOWN]
    text += [f"```\n{csv_text(table)}```\n" for table in tables if table.key in CSV]
    return "\n".join(text).replace(markdown_text(str(folder)), "RUNS")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        GOLDEN.write_text(written(Path(folder)), encoding="utf-8")
