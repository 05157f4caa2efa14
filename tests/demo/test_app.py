import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import httpx
import pyarrow as pa
import pytest

from calrec.errors import CalrecError
from catalog.build import build_sample
from catalog.sample import DEPARTMENTS
from catalog.store import domains
from demo.server import access, addresses, app, request_rules

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def refused(monkeypatch, capsys):
    """What the command says, in this process, of arguments with which it does not serve."""

    def start(*arguments):
        monkeypatch.setattr(sys, "argv", ["calrec-demo", *map(str, arguments)])
        with patch.dict(os.environ), pytest.raises(SystemExit) as ended:
            app.main()
        assert ended.value.code == 2
        return one_line(capsys.readouterr().err)

    return start


def one_line(said: str) -> str:
    assert "expected" in said
    assert len(said.strip().splitlines()) == 1
    return said


@pytest.mark.slow
def test_a_taken_port_is_one_line(workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "demo.server.app", "--workspace", workspace]
        result = subprocess.run(
            [*command, "--port", str(port)], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert result.returncode == 2
    said = one_line(result.stderr)
    assert str(port) in said
    assert "--port" in said


@pytest.mark.slow
def test_a_missing_checkpoint_is_one_line(workspace, tmp_path, refused):
    refused("--workspace", workspace, "--checkpoint", tmp_path / "none", "--port", free_port())


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_a_port_out_of_range(port):
    with pytest.raises(CalrecError, match="from 1 to 65535"):
        app.check_port("127.0.0.1", port)


def test_an_address_of_another_machine():
    with pytest.raises(CalrecError, match="cannot be used"):
        app.check_port("192.0.2.1", 50998)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:7"),
        ("::1", "http://[::1]:7"),
        ("[::1]", "http://[::1]:7"),
        ("::", "http://[::]:7"),
        ("", "http://0.0.0.0:7"),
        ("my-machine", "http://my-machine:7"),
    ],
)
def test_addresses_as_a_browser_takes_them(host, address):
    assert addresses.url(host, 7) == address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
        ("[::1]", ["::1"]),
        ("0.0.0.0", ["127.0.0.1"]),
        ("::", ["::1", "127.0.0.1"]),
        ("localhost", ["localhost"]),
    ],
)
def test_listening_on_addresses_of_both_kinds(host, reached):
    port = free_port()
    sockets = addresses.listening(host, port)
    try:
        for one in sockets:
            one.listen()
        for address in reached:
            socket.create_connection((address, port), timeout=5).close()
    finally:
        for one in sockets:
            one.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "::zz", "[::1", "2001:db8::1", "x" * 300])
def test_hosts_where_nothing_can_listen(host):
    with pytest.raises(CalrecError, match="cannot be used"):
        app.check_port(host, free_port())


NETWORK = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "no proxy at all",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "NO_PROXY": "example.org",
    "SSL_CERT_FILE": "/nowhere/certificates.pem",
}


@pytest.mark.slow
@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
@pytest.mark.parametrize("first", [False, True])
def test_it_serves_in_a_companys_network_and_ends_when_told(workspace, tmp_path, first):
    """On IPv6, as the only process of a container where the system lets a test make one."""
    inside = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if first and (
        not shutil.which("unshare") or subprocess.run([*inside, "true"], stderr=-3).returncode
    ):
        pytest.skip("needs the right to make a process namespace")
    port = free_port()
    command = [sys.executable, "-m", "demo.server.app", "--workspace", workspace, "--host", "::1"]
    with subprocess.Popen(
        [*(inside if first else []), *map(str, command), "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **NETWORK, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            said = server.stdout.readline()
            assert said == f"CALRec is ready at http://[::1]:{port}\n", server.stderr.read()
            with httpx.Client(trust_env=False) as client:
                assert client.get(f"http://[::1]:{port}/config", timeout=30).status_code == 200
            assert [path.name for path in tmp_path.iterdir()] != []
            told = time.monotonic()
            pid = server.pid
            if first:  # the process itself, not the one that made its namespace
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                (pid,) = map(int, children)
            os.kill(pid, signal.SIGTERM)
            assert server.wait(timeout=20) == 143
            assert time.monotonic() - told < 10
            assert server.stderr.read().splitlines()[-1] == "stopped"
        finally:
            server.kill()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_workspace_gets_the_sample_shop(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr("catalog.build.build_sample", lambda place, **_: built.append(place))
    app.prepare(tmp_path / "new")
    assert built == [tmp_path / "new"]


def test_a_built_workspace_is_left_alone(workspace, monkeypatch):
    monkeypatch.setattr("catalog.build.build_sample", None)
    app.prepare(workspace)


@pytest.mark.slow
def test_an_unfinished_sample_shop_is_completed(tmp_path, monkeypatch, capsys):
    first, *others = DEPARTMENTS
    items = pa.table({"item_id": ["a", "b"], "title": ["Tuner", "Drum"]})
    events = {"user_id": ["u"] * 3, "item_id": ["a", "b", "a"], "timestamp": [1, 2, 3]}
    tiny = items, pa.table(events)
    monkeypatch.setattr("catalog.sample.make_shop", lambda seed: dict.fromkeys(DEPARTMENTS, tiny))
    build_sample(tmp_path, only=[first])
    stamp = (tmp_path / "index" / first).stat().st_mtime_ns
    app.prepare(tmp_path, others[0])
    assert capsys.readouterr().out.startswith(
        f"An unfinished sample shop ({', '.join(others)} missing) in {tmp_path}: building the rest"
    )
    assert {info.domain for info in domains(tmp_path)} == set(DEPARTMENTS)
    assert (tmp_path / "index" / first).stat().st_mtime_ns == stamp
    app.prepare(tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["missing", "damaged", "database"])
def test_a_damaged_shop_is_one_line(workspace, tmp_path, damage, refused):
    place = tmp_path / "w"
    shutil.copytree(workspace, place, ignore=shutil.ignore_patterns("compiled", "evaluations"))
    if damage == "missing":
        shutil.rmtree(place / "index")
    elif damage == "damaged":
        for path in place.glob("index/*/*/counts.npz"):
            path.write_bytes(path.read_bytes()[:-9])
    else:
        path = place / "catalog.duckdb"
        path.write_bytes(path.read_bytes()[:20_000])
    said = refused("--workspace", place, "--port", free_port())
    assert "again" in said
    assert "Traceback" not in said


def printed(code: str, environment: dict[str, str]) -> list[str]:
    """The lines of a program in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.slow
def test_nothing_leaves_the_machine_by_setting_and_gradios_variables_open_nothing():
    code = (
        "import os; from demo.server.app import settle\n"
        "settle()\n"  # as `main` does before it imports gradio
        "print({n: v for n, v in os.environ.items() if n.startswith('GRADIO_')})\n"
        "print(os.environ['HF_HUB_OFFLINE'])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO", "HF_"))}
    others = {"GRADIO_SHARE": "True", "GRADIO_ALLOWED_PATHS": "/", "GRADIO_VIBE_MODE": "1"}
    assert printed(code, environment | others) == ["{'GRADIO_ANALYTICS_ENABLED': 'False'}", "1"]


@pytest.mark.slow
def test_an_import_leaves_the_environment_as_it_is_and_gradio_for_later():
    code = (
        "import os, sys; before = dict(os.environ); import demo.server.app\n"
        "print(before == dict(os.environ), 'gradio' in sys.modules)"
    )
    others = {"GRADIO_SHARE": "True", "HTTP_PROXY": "http://proxy.invalid:1"}
    assert printed(code, os.environ | others) == ["True False"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
def test_a_host_of_this_machine_alone(host):
    assert not addresses.is_public(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_others_reach(host):
    assert addresses.is_public(host)


def test_a_public_address_without_login_is_warned_of(workspace, monkeypatch, capsys):
    class Done(Exception):
        pass

    def launched(*_, **options):
        raise Done(options)

    monkeypatch.setattr(app, "launch", launched)
    monkeypatch.setattr(app, "check_port", lambda *_: None)
    monkeypatch.delenv(access.AUTH, raising=False)
    for host, auth, lines in (
        ("127.0.0.1", None, 0),
        ("0.0.0.0", None, 1),
        ("0.0.0.0", "ann:word", 0),
    ):
        with pytest.raises(Done):
            app.serve(app.Options(workspace=workspace, host=host, auth=auth))
        errors = capsys.readouterr().err
        assert len(errors.splitlines()) == lines
        if lines:
            assert "warning" in errors
            assert "--auth" in errors


def test_logins_from_a_file_the_option_or_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv(access.AUTH, raising=False)
    file = tmp_path / "people"
    file.write_text("ann:pass:word\n\n bo:two words \n")
    both = [("ann", "pass:word"), ("bo", "two words")]
    assert access.logins(str(file)) == both
    assert access.logins("ann:pass:word") == both[:1]
    assert access.logins(None) == []
    monkeypatch.setenv(access.AUTH, "ann:pass:word\nbo:two words")
    assert access.logins(None) == both
    assert access.logins("bo:two words") == both[1:]  # what is said aloud counts


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_logins_as_editors_save_them(tmp_path, encoding, end):
    file = tmp_path / "people"
    mark = "\ufeff" if encoding[-3:] in ("-le", "-be") else ""
    file.write_bytes((mark + end.join(["jürgen : grün", "", "bo:x:y", ""])).encode(encoding))
    assert access.logins(str(file)) == [("jürgen", " grün"), ("bo", "x:y")]


def test_files_of_logins_that_were_put_together(tmp_path, monkeypatch):
    file = tmp_path / "people"
    file.write_bytes(2 * b"\xef\xbb\xbfann:word\n".replace(b"ann", b"an") + b"\xef\xbb\xbfbo:other")
    with pytest.raises(CalrecError, match="the same user again"):
        access.logins(str(file))
    file.write_bytes(b"\xef\xbb\xbfann:word\n\xef\xbb\xbfbo:other\n\xef\xbb\xbf\n")
    assert access.logins(str(file)) == [("ann", "word"), ("bo", "other")]
    monkeypatch.setenv(access.AUTH, "\ufeffann:word")
    assert access.logins(None) == [("ann", "word")]


@pytest.mark.parametrize("text", ["", "\n", "secret", "ann:", ":secret", "a:secret\na:secret2"])
def test_lines_that_are_no_logins(tmp_path, monkeypatch, text):
    file = tmp_path / "people"
    file.write_text(text)
    monkeypatch.setenv(access.AUTH, text)
    for given in (str(file), None):
        with pytest.raises(CalrecError) as error:
            access.logins(given)
        assert "secret" not in str(error.value)
        assert "expected" in str(error.value)


def test_a_long_password_is_no_path_and_in_no_message(monkeypatch):
    password = "s3cret" * 1000
    assert access.logins(f"ann:{password}") == [("ann", password)]
    with pytest.raises(CalrecError) as error:
        access.logins(password)
    assert "s3cret" not in str(error.value)


def test_the_file_of_logins_may_be_of_other_bytes(tmp_path):
    file = tmp_path / "people"
    file.write_bytes(b"ann:\xff\xfe")
    with pytest.raises(CalrecError, match="UTF-8"):
        access.logins(str(file))


@pytest.mark.parametrize(
    ("given", "path"), [("", ""), ("/", ""), ("/calrec", "/calrec"), ("a/b-c/", "/a/b-c")]
)
def test_a_root_path(given, path):
    assert request_rules.checked_root_path(given) == path


@pytest.mark.parametrize(
    "given", ["/a b", "http://x", "/../x", "/a?b", '/"x', "/ä", "/gradio_api", "/x/gradio_api/"]
)
def test_a_root_path_that_is_none(given):
    with pytest.raises(CalrecError, match="--root-path"):
        request_rules.checked_root_path(given)


def test_tools_without_the_extra_say_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(CalrecError, match=r"pip install 'calrec\[mcp\]'"):
        app.check_mcp([])


def test_tools_and_logins_exclude_each_other():
    with pytest.raises(CalrecError, match="leave out --auth"):
        app.check_mcp([("ann", "word")])


@pytest.mark.slow
def test_a_missing_folder_of_evaluations_is_one_line(workspace, tmp_path, refused):
    given = ("--workspace", workspace, "--evaluations", tmp_path / "none", "--port", free_port())
    assert "--evaluations" in refused(*given)


def test_the_evaluations_are_those_of_the_option(workspace, tmp_path, monkeypatch):
    given = []

    def launched(application, *_, **__):
        given.append(application.evaluations.folders)
        raise CalrecError("enough")

    monkeypatch.setattr(app, "launch", launched)
    monkeypatch.setattr(app, "check_port", lambda *_: None)
    for folders, expected in (
        ((), (workspace / "evaluations",)),
        ((tmp_path, workspace), (tmp_path, workspace)),
    ):
        with pytest.raises(CalrecError, match="enough"):
            app.serve(app.Options(workspace=workspace, evaluations=folders))
        assert given[-1] == expected


@pytest.mark.slow
def test_the_room_never_imports_jax():
    for path in (ROOT / "demo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [n for n in names if n.split(".")[0] in ("jax", "flax", "train")], path
