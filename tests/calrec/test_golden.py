"""Folders of every family, against what transformers' torch classes said of them (no torch here).

`golden/make.py` wrote the files; `test_torch.py` checks that they are what it would write.
"""

import decoding
import hub_forms
import numpy as np
import pytest
from families import FAMILIES
from hub_forms import FORMS, GOLDEN

from calrec.model import hf

pytestmark = pytest.mark.slow

TOLERANCE = 1e-4


def golden(family):
    return dict(np.load(GOLDEN / family / "golden.npz"))


def assert_agrees(model, said):
    hidden, logits = decoding.run(model, said["tokens"], said["mask"])
    mask = said["mask"]
    np.testing.assert_allclose(hidden[mask], said["hidden"][mask], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(logits[mask], said["logits"][mask], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("family", FAMILIES)
def test_padded_rows(family):
    """The first row is padded left, the second right."""
    assert_agrees(hf.load(GOLDEN / family), golden(family))


@pytest.mark.parametrize("family", FAMILIES)
def test_cached_decoding(family):
    """Samples of two users behind prompts of different lengths."""
    said = golden(family)
    model = hf.load(GOLDEN / family)
    hidden, logits = decoding.run_cached(model, said["prompts"], said["length"], said["drawn"])
    np.testing.assert_allclose(hidden, said["cached_hidden"], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(logits, said["cached_logits"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_published_models(form, tmp_path):
    family = hub_forms.write(tmp_path, form)
    assert_agrees(hf.load(tmp_path), golden(family))
