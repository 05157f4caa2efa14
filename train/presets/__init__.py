"""Named settings, each a file beside this one: how large a model is and how its stages train."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig
from calrec.records import codec
from train.settings import StageSettings

FOLDER = Path(__file__).parent
StageName = Literal["pretrain", "stage1", "stage2"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a file of settings says.

    Attributes:
      model: the decoder's shape, its vocabulary the most tokens of a tokenizer trained for it; None
        where the stages start from a pretrained model.
      merges: how far the tokens of such a tokenizer reach (`calrec.tokenizer.Merges`).
      pretrain: of language modelling from scratch; None where that is not meant.
      stage1: of the CALRec objective over mixed categories; None where a single shop is meant.
      stage2: of the same on one category.
      exceptions: settings of stage II that one category has otherwise, by how its name begins.
    """

    model: DecoderConfig | None = None
    merges: Literal["words", "attributes", "items"] = "words"
    pretrain: StageSettings | None = None
    stage1: StageSettings | None = None
    stage2: StageSettings
    exceptions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def decoder(self, vocab_size: int) -> DecoderConfig:
        """The decoder for a tokenizer of `vocab_size` tokens.

        Raises:
          CalrecError: if the preset has no shape.
        """
        if self.model is None:
            raise CalrecError(
                "expected a preset with a model of its own to train from scratch, found one"
                " without; give another --preset, or start from --from-pretrained"
            )
        return dataclasses.replace(self.model, vocab_size=vocab_size)

    def settings(self, stage: StageName, domain: str | None = None) -> StageSettings:
        """The settings of a stage; of stage II with its category's exceptions.

        Raises:
          CalrecError: if the preset lacks the stage.
        """
        found: StageSettings | None = getattr(self, stage)
        if found is None:
            raise CalrecError(
                f"expected a preset with settings of {stage}, found one without; give another"
                " --preset"
            )
        if stage != "stage2" or domain is None:
            return found
        for start, given in self.exceptions.items():
            if domain.startswith(start):
                found = codec.decode(StageSettings, _merged(codec.encode(found), given))
        return found


def names() -> list[str]:
    """The presets that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name_or_path: str | Path) -> Preset:
    """A preset by its name, or of a file.

    Raises:
      CalrecError: if there is none, or it says something that is no setting.
    """
    own = FOLDER / f"{name_or_path}.toml"
    path = own if str(name_or_path) in names() else Path(name_or_path)
    if not path.is_file():
        raise CalrecError(
            f"expected a preset ({', '.join(names())}) or a file of settings, found no"
            f" {name_or_path}; give another --preset"
        )
    try:
        return codec.decode(Preset, tomllib.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise CalrecError(
            f"{path}: expected settings as in presets/sample.toml, found: {error}; correct it"
        ) from None


def _merged(settings: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with some of them replaced, those of a table within one by one."""
    return {
        **settings,
        **{
            name: _merged(settings[name], value) if isinstance(value, Mapping) else value
            for name, value in given.items()
        },
    }
