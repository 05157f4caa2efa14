import ast
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from calrec.errors import CalrecError
from demo import app

ROOT = Path(__file__).resolve().parents[2]


def start(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "demo.app", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def assert_one_line(result):
    assert result.returncode == 2
    assert result.stderr.startswith("error: expected") or "expected" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_one_line(workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = start("--workspace", workspace, "--port", port)
    assert_one_line(result)
    assert str(port) in result.stderr
    assert "--port" in result.stderr


def test_a_missing_checkpoint_is_one_line(workspace, tmp_path):
    result = start("--workspace", workspace, "--checkpoint", tmp_path / "none", "--port", 50999)
    assert_one_line(result)


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_a_port_out_of_range(port):
    with pytest.raises(CalrecError, match="from 1 to 65535"):
        app.check_port("127.0.0.1", port)


def test_an_address_of_another_machine():
    with pytest.raises(CalrecError, match="cannot be used"):
        app.check_port("192.0.2.1", 50998)


def test_an_empty_workspace_gets_the_sample_shop(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr("catalog.build.build_sample", lambda place, **_: built.append(place))
    app.prepare(tmp_path / "new")
    assert built == [tmp_path / "new"]


def test_a_built_workspace_is_left_alone(workspace, monkeypatch):
    monkeypatch.setattr("catalog.build.build_sample", None)
    app.prepare(workspace)


def test_nothing_leaves_the_machine_by_setting():
    names = ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_OFFLINE")
    code = f"import demo.app, os; print(*(os.environ[name] for name in {names}))"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO", "HF_"))}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert result.stdout.split() == ["False", "1"]


def test_the_room_never_imports_jax():
    for path in (ROOT / "demo").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [n for n in names if n.split(".")[0] in ("jax", "flax", "train")], path
