"""Lines that a visitor reads name nothing of the machine above the workspace's folders."""

from __future__ import annotations

import json

from case_runs import DOMAIN
from synthetic_runs import write_run

from demo.inspect.evaluations import Evaluations
from demo.inspect.local_paths import local


def test_a_path_begins_below_the_folder(tmp_path, monkeypatch):
    folder = tmp_path / "runs"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    line = f"expected {folder}/one/meta.json, found {folder}/two; see {tmp_path}/elsewhere"
    assert local(line, folder) == f"expected one/meta.json, found two; see {tmp_path}/elsewhere"
    assert local(f"found {folder}/one", tmp_path / "link") == "found one"
    monkeypatch.chdir(tmp_path)
    assert local(f"runs/one or {folder}/one", folder.relative_to(tmp_path)) == "one or one"
    assert local("a/b and /c", tmp_path.__class__(), tmp_path.__class__("/")) == "a/b and /c"


def test_problems_of_evaluations_name_folders_only(tmp_path):
    for name in ("no-json", "no-object", "newer", "no-field", "no-figures"):
        write_run(tmp_path / name, "lir", count=3, domain=DOMAIN)
    meta = json.loads((tmp_path / "newer" / "meta.json").read_text())
    written = {
        "no-json": "{",
        "no-object": "[]",
        "newer": json.dumps({**meta, "version": 99}),
        "no-field": json.dumps({**meta, "seed": "x"}),
    }
    for name, text in written.items():
        (tmp_path / name / "meta.json").write_text(text)
    (tmp_path / "no-figures" / "metrics.json").unlink()
    found = Evaluations([tmp_path]).of(DOMAIN)
    assert not found.runs
    assert len(found.problems) == 5
    for name, line in zip(sorted(written | {"no-figures": ""}), found.problems, strict=True):
        assert name in line
        assert "\n" not in line
        assert str(tmp_path) not in line
