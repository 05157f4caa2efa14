"""Ways to damage a file, for tests that no damage goes unnoticed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def damages(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """`content` with single bits flipped, bytes changed, runs of zeros, cut off, and longer."""
    rng = random.Random(seed)
    for place in (0, len(content) - 1, *(rng.randrange(len(content)) for _ in range(count))):
        for mask in (1 << rng.randrange(8), rng.randrange(1, 256)):
            yield content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]
    for _ in range(count // 4 + 1):
        start = rng.randrange(len(content))
        stop = min(len(content), start + 512)
        if any(content[start:stop]):
            yield content[:start] + bytes(stop - start) + content[stop:]
    for share in (0, 0.01, 0.5, 0.99):
        yield content[: int(share * len(content))]
    yield content[:-1]
    yield content + b"\0"


@contextmanager
def whole_again(path: Path) -> Iterator[bytes]:
    """Yields a file's content, and puts it back at the end."""
    content = path.read_bytes()
    try:
        yield content
    finally:
        path.write_bytes(content)
