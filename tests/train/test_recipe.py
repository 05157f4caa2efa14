"""All stages by one command, from a file of settings."""

import pytest
from commands import run

from calrec.model import checkpoint
from calrec.text import LABELS
from calrec.tokenizer import Tokenizer
from train import presets

SINGLE = """
merges = "items"
[model]
vocab_size = 400
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 1
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 8
[pretrain]
steps = 4
batch_size = 2
learning_rate = 1e-3
row_tokens = 64
leave_out = 0.1
shuffle = 0.5
validate_every = 4
select_by = "nig"
[stage2]
steps = 2
batch_size = 4
learning_rate = 1e-3
validate_every = 2
select_by = "nig"
"""


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_has_the_stages_it_is_for(name):
    preset = presets.load(name)
    assert preset.stage1 is not None or preset.pretrain is not None


@pytest.mark.slow
def test_of_a_single_shop_the_first_stage_may_be_left_out(tiny_workspace, tmp_path, capsys):
    preset = tmp_path / "single.toml"
    preset.write_text(SINGLE)
    line = ["recipe", "--preset", preset, "--workspace", tiny_workspace, "--runs", tmp_path / "r"]
    assert run(*line, "--domains", "shop", "--out", tmp_path / "out") == 0
    described = checkpoint.describe(tmp_path / "out")
    stages = [one["stage"] for one in described.training["stages"]]
    assert stages == ["pretrain", "stage2"]
    tokenizer = Tokenizer.load(tmp_path / "r" / "data" / "tokenizer")
    pieces = [tokenizer.piece(token) for token in range(tokenizer.vocab_size)]
    assert any(len(piece) > len(label) for label in LABELS for piece in pieces if label in piece)
    assert tokenizer.vocab_size <= 400

    before = (tmp_path / "r" / "stage2" / "log.jsonl").read_bytes()
    assert run(*line, "--domains", "shop", "--out", tmp_path / "again") == 0
    assert (tmp_path / "r" / "stage2" / "log.jsonl").read_bytes() == before

    capsys.readouterr()
    assert run(*line[:-1], tmp_path / "s", "--domains", "shop", "others", "--out", tmp_path) == 2
    assert "expected a preset with settings of stage1" in capsys.readouterr().err
