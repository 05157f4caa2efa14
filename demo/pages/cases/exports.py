"""The page's downloads: written into a temporary folder that goes with the program."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from demo.html import widgets
from demo.html.case_study import export
from demo.inspect.annotations import Annotation
from demo.inspect.session import Session
from demo.pages.cases.address import CasesAddress
from demo.pages.cases.desk import Desk, Pair
from demo.pages.events import SKIP

KEPT = 16
"""Files kept until the next ones are written; gradio copies each as soon as it is asked for."""


class Exports:
    """Writes what a visitor asks for.

    Args:
      desk: what it is made from.
      styles: the sheets of a saved page.
    """

    def __init__(self, desk: Desk, styles: Sequence[Path]) -> None:
        self._desk = desk
        self._styles = styles
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._written: list[Path] = []

    def csv(self, session: Session, address: str) -> tuple[Any, Any]:
        """The filtered cases as CSV."""
        return self._filtered(session, address, ".csv")

    def json(self, session: Session, address: str) -> tuple[Any, Any]:
        """The filtered cases as JSON."""
        return self._filtered(session, address, ".json")

    def case_file(self, session: Session, address: str) -> tuple[Any, Any]:
        """The case as a case file."""
        return self._one(session, address, ".json")

    def case_page(self, session: Session, address: str) -> tuple[Any, Any]:
        """The case as a page that opens offline."""
        return self._one(session, address, ".html")

    def _filtered(self, session: Session, address: str, ending: str) -> tuple[Any, Any]:
        def text(
            pair: Pair, state: CasesAddress, noted: Mapping[str, Annotation]
        ) -> tuple[str, str]:
            selection = self._desk.select(pair, state.filters, state.sort, noted)
            name = export.file_name(f"cases-{pair.first.folder.name}", ending)
            if ending == ".csv":
                return name, export.csv_text(selection, noted)
            filters = state.filters.write()
            return name, export.json_text(selection, noted, filters, pair.names)

        return self._export(session, address, text)

    def _one(self, session: Session, address: str, ending: str) -> tuple[Any, Any]:
        def text(
            pair: Pair, state: CasesAddress, noted: Mapping[str, Annotation]
        ) -> tuple[str, str]:
            study = self._desk.study(pair, state.case, noted)
            name = export.file_name(f"case-{session.domain}-{state.case}", ending)
            if ending == ".json":
                return name, export.case_json(study)
            names = [side.name for side in study.sides]
            return name, export.case_page(study, names, self._styles)

        return self._export(session, address, text)

    def _export(
        self,
        session: Session,
        address: str,
        text: Callable[[Pair, CasesAddress, Mapping[str, Annotation]], tuple[str, str]],
    ) -> tuple[Any, Any]:
        """The file for the download button, and a line."""
        state = CasesAddress.of(address)
        try:
            pair = self._desk.pair(session.domain, state.run, state.against)
            if not isinstance(pair, Pair):
                raise CalrecError("expected an evaluation of this shop, found none; run one first")
            name, content = text(pair, state, self._desk.annotations.of(pair.place))
            return str(self._write(name, content)), widgets.notice(f"Saved as {name}.", "done")
        except CalrecError as error:
            return SKIP, widgets.notice(str(error), "error")
        except OSError as error:
            line = (
                f"expected to write a temporary file, found {error.strerror or error}; check the "
                "free space"
            )
            return SKIP, widgets.notice(line, "error")

    def _write(self, name: str, content: str) -> Path:
        # Catalogue text may hold half characters; a file of UTF-8 cannot.
        data = content.encode("utf-8", "replace")
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="calrec-cases-"))
                # Goes with this object, or when the program ends.
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        (folder / name).write_bytes(data)
        with self._lock:
            self._written.append(folder)
            old, self._written = self._written[:-KEPT], self._written[-KEPT:]
        for one in old:
            shutil.rmtree(one, ignore_errors=True)
        return folder / name
