import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calrec.records import Item
from catalog.errors import CatalogueError
from catalog.index import workers, write_index

pytestmark = pytest.mark.slow


def some_items(count: int) -> list[Item]:
    return [Item(item_id=f"i{n}", title=f"a b c d e f g w{n}", brand="b c") for n in range(count)]


@pytest.fixture
def started(monkeypatch) -> list[subprocess.Popen]:
    """The workers that were started in this test."""
    found = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            found.append(self)

    monkeypatch.setattr(workers.subprocess, "Popen", Recorded)
    return found


def test_a_killed_one_ends_the_others_and_leaves_nothing(tmp_path, started):
    def kill_at_the_first_tick(step: str) -> None:
        if " 1,000 " in step:
            started[1].kill()

    with pytest.raises(CatalogueError) as caught:
        write_index(
            tmp_path / "index",
            some_items(12_000),
            "it",
            kill_at_the_first_tick,
            workers=2,
            segment_items=6_000,
        )
    assert "a process" in str(caught.value)
    assert "(ended by SIGKILL)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [worker.poll() for worker in started] == [-signal.SIGKILL] * 2
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_them_and_leaves_nothing(tmp_path, started):
    def interrupt(step: str) -> None:
        if " 1,000 " in step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_index(
            tmp_path / "index", some_items(12_000), "it", interrupt, workers=2, segment_items=6_000
        )
    assert [worker.poll() for worker in started] == [-signal.SIGKILL] * 2
    assert list(tmp_path.iterdir()) == []


def test_one_that_dies_before_it_reads_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    with pytest.raises(CatalogueError, match=r"it failed \(status 1\)"):
        write_index(tmp_path / "index", some_items(4000), "it", workers=2, segment_items=2000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_is_one_line(tmp_path, processes):
    # A limit on the size of files stands for it. In a process of its own: Whoosh leaves files
    # open where it fails.
    with _script(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "items = [Item(item_id='i', title=f'a b{i} c{i} d{i}') for i in range(900)]\n"
        "try:\n"
        f"    write_index(folder, items, 'it', workers={processes}, segment_items=450)\n"
        "except CatalogueError as error:\n"
        "    print(error)\n",
        tmp_path / "index",
    ) as process:
        lines = process.stdout.readlines()
    assert len(lines) == 1
    assert "File too large" in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_one_whose_standard_input_closes_ends(tmp_path):
    with workers._worker() as worker:
        items = [Item(item_id="i", title="a b c d e f")] * 200_000  # seconds of work
        workers._hand_over(worker, {tmp_path / "part": items})
        assert worker.process.stdout.read(1) == b"."
        worker.process.stdin.close()
        assert worker.process.wait(timeout=1) == 1


def test_one_that_says_much_on_standard_error_goes_on(tmp_path):
    # With this set Python tells each import there: more than a pipe holds.
    with _script(
        "import os\n"
        "os.environ['PYTHONVERBOSE'] = '1'\n"
        "items = [Item(item_id='i', title=f'a b{i}') for i in range(40)]\n"
        "write_index(folder, items, 'it', workers=2, segment_items=20)\n"
        "print('written')\n",
        tmp_path / "index",
    ) as process:
        try:
            assert process.communicate(timeout=30)[0] == "written\n"
        finally:
            process.kill()


def test_what_one_said_last_is_the_reason(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\necho first >&2\nhead -c 50000 /dev/zero >&2\necho >&2\n"
        "echo no more memory >&2\nexit 3\n"
    )
    python.chmod(0o700)
    monkeypatch.setattr(workers.sys, "executable", str(python))
    with pytest.raises(CatalogueError, match=r"it failed \(no more memory\)"):
        write_index(tmp_path / "index", some_items(40), "it", workers=2, segment_items=20)


def test_they_end_with_their_parent(tmp_path):
    with _script(
        "class Told(subprocess.Popen):\n"
        "    def __init__(self, *args, **options):\n"
        "        super().__init__(*args, **options)\n"
        "        print(self.pid, flush=True)\n"
        "workers.subprocess.Popen = Told\n"
        "items = [Item(item_id='i', title='a b c d e f')] * 100_000\n"
        "write_index(folder, items, 'it', lambda step: print(step, flush=True), workers=2)\n",
        tmp_path / "index",
    ) as parent:
        pids = []
        for line in parent.stdout:
            if line.strip().isdigit():
                pids.append(int(line))
            elif " 2,000 " in line:
                break
        parent.kill()
    assert len(pids) == 2
    deadline = time.monotonic() + 2
    while any(map(_runs, pids)):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.02)


def _script(lines: str, folder: Path) -> subprocess.Popen:
    imports = (
        "import subprocess\n"
        "from pathlib import Path\n"
        "from calrec.text import Item\n"
        "from catalog.index import workers\n"
        "from catalog.errors import CatalogueError\n"
        "from catalog.index import write_index\n"
        f"folder = Path({str(folder)!r})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", imports + lines],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return False
    return state != "Z"
