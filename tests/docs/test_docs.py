"""The documents name what there is: links, files, names of code, commands and their options."""

import ast
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from unittest.mock import patch

import pytest
from names_of_code import ROOT, exists, version

ROOMS = ("calrec", "catalog", "train", "demo")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in DOCUMENTS}
EXAMPLES = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/examples").glob("*.py")]
# Of the past: what it names may be gone since.
PRESENT = [name for name in TEXTS if name != "CHANGELOG.md"]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
# Endings of files that begin as a package is called: `calrec.json`, `catalog.duckdb`.
_DATA = ("json", "duckdb", "sqlite", "npz")
_DOTTED = re.compile(rf"(?:{'|'.join(ROOMS)})(?:\.\w+)+")
_OURS = re.compile(r"(?:calrec-(?:catalog|train|evaluate|demo)|make|python) ")
_PATH = re.compile(rf"(?:{'|'.join((*ROOMS, 'tests', 'docs'))})/[\w./-]*")


def prose(name):
    return _FENCE.sub("", TEXTS[name])


def blocks(name, *languages):
    return [code for language, code in _FENCE.findall(TEXTS[name]) if language in languages]


def anchors(text):
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    for link in _LINK.findall(prose(name)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = ((ROOT / name).parent / file).resolve() if file else ROOT / name
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), f"no {link}"
        if anchor:
            assert anchor in anchors(target.read_text()), f"no heading for {link}"


@pytest.mark.parametrize("name", PRESENT)
def test_files_and_names_of_code_exist(name):
    for code in _CODE.findall(prose(name)):
        if _PATH.fullmatch(code):
            assert (ROOT / code).exists(), f"no file {code}"
        elif _DOTTED.fullmatch(code) and code.rpartition(".")[2] not in _DATA:
            assert exists(code), f"nothing is called {code}"


@pytest.mark.parametrize("name", [*PRESENT, *EXAMPLES])
def test_imports_exist(name):
    codes = [(ROOT / name).read_text()] if name in EXAMPLES else blocks(name, "python")
    for code in codes:
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ROOMS:
                for alias in node.names:
                    assert exists(f"{node.module}.{alias.name}")


@pytest.mark.parametrize(
    ("name", "is_there"),
    [
        ("calrec", True),
        ("calrec.ranking.algorithm", True),
        ("calrec.ranking.algorithm.keep", True),
        ("calrec.text.TextSettings", True),  # imported there
        ("calrec.text.TextSettings.limits", True),
        ("catalog.workspace.FORMAT", True),
        ("calrec.ranking.algorithm.gone", False),
        ("calrec.text.TextSettings.gone", False),
        ("calrec.gone", False),
        ("elsewhere.keep", False),
    ],
)
def test_names_are_told_apart(name, is_there):
    assert exists(name) == is_there


def test_versions_of_formats_are_those_of_the_code():
    text = TEXTS["docs/formats.md"]
    stated = re.findall(r"^Version (\d+) \(`([\w.]+)`\)", text, re.MULTILINE)
    assert len(stated) >= 5
    for number, name in stated:
        assert version(name) == int(number), name


def test_every_format_has_one_version():
    text = TEXTS["docs/formats.md"]
    rows = re.findall(r"^\| \[(.+?)\]\(#[\w-]+\) \| (\d+) \|", text, re.MULTILINE)
    assert len(rows) >= 8
    for name, number in rows:
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert f"Version {number}" in section, name


def commands():
    """Every command of ours in shell blocks and in the prose: its words, comments left out."""
    for name in PRESENT:
        lines = [code for code in _CODE.findall(prose(name)) if _OURS.match(code)]
        for code in blocks(name, "sh"):
            lines += re.sub(r"\\\n", " ", code).splitlines()
        for line in lines:
            for part in re.split(r"[;{}|]|&&", line.split(" #")[0]):
                words = shlex.split(part.replace("$(", " "))
                # Behind `do`, or an assignment of the environment.
                ours = [place for place, word in enumerate(words) if _OURS.match(f"{word} ")]
                if ours:
                    yield tuple(words[ours[0] :])


def shown():
    """Command and subcommand -> the options that documents give it."""
    found = {}
    for words in commands():
        if words[0].startswith("calrec-"):
            named = [word for word in words[1:2] if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word)]
            options = {re.split("=", word)[0] for word in words if word.startswith("--")}
            found.setdefault((words[0], *named), set()).update(options)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("command", shown(), ids=" ".join)
def test_commands_have_the_options_shown(command, monkeypatch, capsys):
    [script] = entry_points(group="console_scripts", name=command[0])
    # `download` has a subcommand of its own for each source; their options are listed there.
    sources = {"download": ["amazon-2023"]}.get(command[-1], [])
    monkeypatch.setattr(sys, "argv", [*command, *sources, "--help"])
    with patch.dict(os.environ), pytest.raises(SystemExit) as ended:
        script.load()()
    assert not ended.value.code
    offered = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    assert shown()[command] <= offered | {"--help"}


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted({command for command, *_ in shown()}))
def test_commands_start(command):
    script = Path(sys.executable).with_name(command)
    told = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=100)
    assert told.returncode == 0, told.stderr
    assert "--help" in told.stdout


def test_targets_and_variables_of_make_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([\w-]+):", makefile, re.MULTILINE)
    variables = re.findall(r"^(\w+) \?= ", makefile, re.MULTILINE)
    known = {*targets, *(f"{name}=" for name in variables)}
    for words in commands():
        if words[0] == "make":
            assert {re.sub("=.*", "=", word) for word in words[1:]} <= known, words


def test_benchmarks_exist_and_know_the_options_shown():
    for words in commands():
        if words[0] == "python" and words[1].startswith("tests/"):
            source = (ROOT / words[1]).read_text()
            for option in words[2:]:
                assert not option.startswith("--") or f'"{option}"' in source, (words[1], option)


def test_the_documents_are_found_and_their_commands_read():
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md"} <= set(TEXTS)
    assert ("calrec-catalog", "build") in shown()
    assert ("make", "demo") in set(commands())
