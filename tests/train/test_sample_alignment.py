"""Fig. 2 and appendix B of the paper, on the shipped checkpoint and the sample shop."""

import numpy as np
import pytest

from calrec.evaluation.alignment import Alignment
from calrec.model import checkpoint
from calrec.model.embeddings import Embedder
from catalog.build import build_sample
from catalog.store import Catalogue
from train.evaluation.cases import load_cases

USERS = 40


@pytest.fixture(scope="module")
def alignments(tmp_path_factory):
    """v_U and v_TU of some test users of each department, against all of its items."""
    workspace = tmp_path_factory.mktemp("shop")
    model, tokenizer, description = checkpoint.load(checkpoint.resolve("sample"))
    embedder = Embedder(
        model,
        tokenizer,
        description.text,
        max_prompt_tokens=description.max_prompt_tokens,
    )
    found = []
    for info in build_sample(workspace):
        with Catalogue.open(workspace, info.domain) as catalogue:
            cases, items = load_cases(catalogue, "test", USERS, 0), catalogue.items
        users = embedder.user_tower(
            [[items[i] for i in history] for history in cases.histories],
            [items[i] for i in cases.targets],
        )
        v_t = embedder.items(items)
        found.append([Alignment.of(v, v_t, cases.targets) for v in (users.v_u, users.v_tu)])
    return found


@pytest.mark.slow
def test_a_target_read_by_the_user_tower_lies_by_itself_in_the_item_tower(alignments):
    """Appendix B: about 0.02 before fine-tuning, about 0.9 after it."""
    for _, v_tu in alignments:
        assert v_tu.summary()["gap"] >= 0.7
        assert (v_tu.own > v_tu.others.mean(axis=1)).all()
        assert np.mean(v_tu.ranks()[0] == 1) >= 0.95


@pytest.mark.slow
def test_a_history_lies_nearer_to_what_follows_than_to_other_items(alignments):
    for v_u, v_tu in alignments:
        assert v_u.summary()["gap"] >= 0.1
        assert v_u.own.mean() < v_tu.own.mean()
