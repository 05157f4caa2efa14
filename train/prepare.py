"""Catalogue to tokens: all that training reads, so that its host needs no duckdb and no whoosh."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calrec.errors import CalrecError
from calrec.records import codec, digests
from calrec.records.files import whole_folder
from calrec.text import LABELS, TEMPLATES, TextSettings, item_text
from calrec.tokenizer import Merges, Tokenizer
from catalog.store import Catalogue
from train.data.prepared import PREPARED, Prepared
from train.targets import Targets, check_given_back, count_cut


def prepare(
    workspace: Path,
    domains: Sequence[str],
    out: Path,
    *,
    tokenizer_folder: Path | None = None,
    vocab_size: int = 4096,
    merges: Merges = "words",
    new_tokens: bool = False,
    text: TextSettings | None = None,
) -> dict[str, Targets]:
    """Writes the training parts of some domains as tokens, whole or not at all.

    Args:
      workspace: where the domains were built.
      domains: their names.
      out: the folder to write; earlier prepared data in it is replaced.
      tokenizer_folder: a Hugging Face tokenizer folder; without it a BPE is trained on the items.
      vocab_size: the most tokens of such a BPE.
      merges: how far its tokens reach.
      new_tokens: whether labels and connectors become one token each of the given tokenizer.
      text: how items become text.

    Returns:
      Domain -> which of its texts are too long for a target; `meta.json` has the same.

    Raises:
      CalrecError: for an unknown domain, a tokenizer that cannot be read or does not give the
        items' texts back, or an `out` that holds others' files.
    """
    if not domains:
        raise CalrecError("prepare: expected at least one domain, found none; give --domains D")
    text = text or TextSettings()
    domains = list(dict.fromkeys(domains))
    catalogues = [Catalogue.open(workspace, domain) for domain in domains]
    texts = {c.domain: [item_text(item, text) for item in c.items] for c in catalogues}
    if new_tokens and tokenizer_folder is None:
        raise CalrecError(
            "expected --tokenizer, a pretrained model's, beside --new-tokens, found none; a"
            " tokenizer that is trained here has such tokens anyway: leave --new-tokens out"
        )
    if merges != "words" and tokenizer_folder is not None:
        raise CalrecError(
            f"expected no --merges beside --tokenizer, whose merges are what they are, found"
            f" {merges}; leave one of them out"
        )
    every = itertools.chain.from_iterable(texts.values())
    added: list[list[int]] = []
    if tokenizer_folder is None:
        tokenizer = _trained(every, vocab_size, merges, text)
    else:
        tokenizer, added = _given(tokenizer_folder, text, new_tokens=new_tokens)
    tokens = {domain: tokenizer.encode(some) for domain, some in texts.items()}
    for domain, some in texts.items():
        check_given_back(tokenizer, some, tokens[domain])
    targets = {d: count_cut(tokenizer, some, tokens[d]) for d, some in texts.items()}

    with whole_folder(out, ours=_is_prepared, what="prepared data") as new:
        tokenizer.save(new / "tokenizer")
        for catalogue in catalogues:
            arrays = _arrays(catalogue, tokens[catalogue.domain])
            np.savez(new / f"{catalogue.domain}.npz", allow_pickle=False, **arrays)
        meta = {**_meta(catalogues, targets, text), "added": added}
        meta["files"] = digests.of_files(new)
        (new / "meta.json").write_text(codec.to_text(PREPARED.seal(meta)))
    for catalogue in catalogues:
        catalogue.close()
    return targets


def _trained(
    texts: Iterable[str], vocab_size: int, merges: Merges, settings: TextSettings
) -> Tokenizer:
    units = [u for u in _units(settings) if merges != "items" or u not in LABELS]
    return Tokenizer.train(list(texts), vocab_size, units=units, merges=merges)


def _given(
    folder: Path, settings: TextSettings, *, new_tokens: bool
) -> tuple[Tokenizer, list[list[int]]]:
    """A folder's tokenizer, and what each token stands for that was added to it."""
    tokenizer = Tokenizer.load(folder)
    if not new_tokens:
        return tokenizer, []
    # Without the space behind a label, which a pretrained model has in the word's token.
    units = [unit.rstrip() if unit in LABELS else unit for unit in _units(settings)]
    return tokenizer.with_tokens(units)


def _units(settings: TextSettings) -> list[str]:
    """What stands between the values of a prompt: labels and connectors."""
    connectors = dataclasses.astuple(TEMPLATES[settings.template])
    return [unit for unit in (*LABELS, *dict.fromkeys(connectors)) if unit.strip()]


def _meta(
    catalogues: Sequence[Catalogue], targets: Mapping[str, Targets], settings: TextSettings
) -> dict[str, Any]:
    return {
        "text": codec.encode(settings),
        "domains": {
            catalogue.domain: {
                "fingerprint": catalogue.info.fingerprint,
                "role": catalogue.info.role,
                "targets": targets[catalogue.domain].as_dict(),
            }
            for catalogue in catalogues
        },
    }


def check_same(workspace: Path, domains: Sequence[str], prepared: Path) -> None:
    """Refuses prepared data of other domains, or of another state of them, than the workspace's.

    Raises:
      CalrecError: if so.
    """
    found = {name: d["fingerprint"] for name, d in Prepared.load(prepared).meta["domains"].items()}
    expected = {}
    for domain in domains:
        with Catalogue.open(workspace, domain) as catalogue:
            expected[domain] = catalogue.info.fingerprint
    if found != expected:
        raise CalrecError(
            f"expected data prepared from {', '.join(expected)} as built in {workspace}, found"
            f" other data of {', '.join(found)} in {prepared}; name another folder"
        )


def _is_prepared(folder: Path) -> bool:
    try:
        meta = codec.from_text((folder / "meta.json").read_bytes())
        known = {"meta.json", "tokenizer", *(f"{domain}.npz" for domain in meta["domains"])}
        return meta["kind"] == PREPARED.name and {path.name for path in folder.iterdir()} <= known
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _arrays(catalogue: Catalogue, encoded: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
    """The arrays of `train.data.prepared.DomainData`, from the tokens of each item's text."""
    sequences = catalogue.sequences()
    users = range(len(sequences.user_ids))
    training = [sequences.training(u) for u in users]
    held_out = {split: np.full(len(training), -1, np.int32) for split in ("validation", "test")}
    for split, targets in held_out.items():
        for user in sequences.cases(split):
            targets[user] = sequences.target(user, split)
    return {
        "item_tokens": np.asarray(list(itertools.chain.from_iterable(encoded)), np.int32),
        "item_offsets": np.cumsum([0, *map(len, encoded)]),
        "items": np.concatenate([*training, np.zeros(0, np.int32)]).astype(np.int32),
        "offsets": np.cumsum([0, *map(len, training)]),
        **held_out,
    }
