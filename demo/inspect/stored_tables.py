"""A user's rows of the tables of finished evaluations, read when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from catalog.database import connect, one_file
from demo.inspect.evaluations import file_of


class Tables:
    """A user's rows of the tables of runs, out of the files; safe for several threads."""

    def __init__(self) -> None:
        # One for all reads: to open another takes longer than to read.
        self._connection = connect(threads=2)

    def rows(self, run: EvaluationRun, name: str, user_id: str) -> list[dict[str, Any]]:
        """A user's rows; DuckDB reads no more of the file than it must.

        Raises:
          CalrecError: if the run has no such table, or it is damaged.
        """
        path = file_of(run, name)
        try:
            with self._connection.cursor() as cursor:
                found = cursor.execute(
                    f"SELECT * FROM read_parquet({one_file(path)}) WHERE user_id = $user",
                    {"user": user_id},
                )
                names = [column[0] for column in found.description]
                return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        except duckdb.Error:
            raise CalrecError(
                f"expected {run.folder.name}/{name} as it was written, found a damaged file; "
                "evaluate again"
            ) from None

    def row(self, run: EvaluationRun, name: str, user_id: str) -> Mapping[str, Any]:
        """A user's one row; raises as `rows` does, and if there is none."""
        rows = self.rows(run, name, user_id)
        if not rows:
            raise CalrecError(
                f"expected the user in {run.folder.name}/{name}, found no such row; choose "
                "another case"
            )
        return rows[0]
