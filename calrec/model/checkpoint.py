"""The exported folder: weights, tokenizer and every setting, all that inference needs.

    FOLDER/calrec.json   format version, decoder, text, sampling and ranking settings, the
                         fingerprint of the training data, measured figures; digests of itself and
                         of the files in the two folders
    FOLDER/weights/      orbax; float32 or bfloat16; or adapters alone, beside a model that
                         `calrec.json` names by digest (`calrec.model.bases`)
    FOLDER/tokenizer/    a Hugging Face tokenizer folder
    FOLDER/training_log.jsonl and README.md, the model card: for people

It is written beside its place and renamed when whole. Nothing in it is run: weights are arrays and
the tokenizer is JSON. A file of these, or of the settings, that was changed, cut or added is
refused before any is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig, Dtype
from calrec.model.backbone.lora_settings import LoraSettings
from calrec.records import codec, digests
from calrec.records.codec import Format
from calrec.records.files import require_room, whole_folder
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings
from calrec.tokenizer import Tokenizer

if TYPE_CHECKING:
    from calrec.model.backbone.decoder import Decoder
    from calrec.model.backbone.stacked import Weights

VERSION = 3
FORMAT = Format(
    name="calrec-checkpoint",
    version=VERSION,
    remedy="train and export it again, or use the release that wrote it",
    earlier=(2,),
)
EARLIER = dataclasses.replace(FORMAT, version=2)
"""What a checkpoint with nothing that came later is written as: earlier releases read it."""
LATER = ("begin_id", "adapters")
PARTS = ("weights", "tokenizer")
FOR_PEOPLE = ("training_log.jsonl", "README.md")
"""Files of a checkpoint that may be missing or edited: no recommendation depends on them."""
SHIPPED = Path(__file__).parents[1] / "checkpoints"


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """Whose adapters a checkpoint holds.

    Attributes:
      name: of the model beside which they were trained, for people.
      digest: of its tensors.
      tokens: of its own vocabulary.
      added: for each further token the ids of its own that it stands for.
      lora: of the adapters.
    """

    name: str
    digest: str
    tokens: int
    added: tuple[tuple[int, ...], ...] = ()
    lora: LoraSettings


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `calrec.json` says.

    Attributes:
      decoder: the model's shape.
      dtype: of the stored weights, "float32" or "bfloat16".
      text: how items become text.
      max_prompt_tokens: the token budget of a history.
      begin_id: id of the token in front of every prompt and of an item's text alone, or None;
        `save` takes it from the tokenizer.
      sampling: fields of `calrec.generation.sampling.SamplingSettings`.
      ranking: how samples become a ranking.
      data: fingerprint per domain that the model was trained on, in whatever stage.
      training: stages, steps and settings, as they were run, each with fingerprint and role of its
        domains (`calrec.evaluation.leaks`).
      figures: measured figures by domain, split and recommender.
      files: sha256 of every file of the weights and the tokenizer, by path; `save` fills it.
      adapters: whose adapters the weights are; None where they are the whole decoder's.
    """

    decoder: DecoderConfig
    dtype: Dtype
    text: TextSettings
    max_prompt_tokens: int
    sampling: Mapping[str, Any]
    ranking: RankingSettings
    begin_id: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    adapters: Adapters | None = None

    def to_json(self) -> dict[str, Any]:
        """The content of `calrec.json`."""
        content = codec.encode(self)
        nothing = [name for name in LATER if content.get(name) is None]
        content = {name: value for name, value in content.items() if name not in nothing}
        return (EARLIER if len(nothing) == len(LATER) else FORMAT).seal(content)

    def identity(self) -> str:
        """A digest of all that shapes what the model recommends, and of its training."""
        # Figures are measured afterwards and shape nothing; the files' digests are in it.
        shaping = {k: v for k, v in self.to_json().items() if k not in ("figures", "digest")}
        return digests.of_json(shaping)

    def to_text(self) -> str:
        """The text of `calrec.json`."""
        return codec.to_text(self.to_json(), sort_keys=True)


def resolve(name: str | Path) -> Path:
    """The folder of a checkpoint: a path, or the name of a shipped one (`sample`).

    Raises:
      CalrecError: if there is neither.
    """
    if not str(name):
        raise CalrecError("checkpoint: expected a folder or a name, found an empty one; name one")
    shipped = SHIPPED / str(name)
    if len(Path(name).parts) == 1 and (shipped / "calrec.json").is_file():
        return shipped
    if Path(name).is_dir():
        return Path(name)
    known = sorted(p.parent.name for p in SHIPPED.glob("*/calrec.json")) or ["none"]
    raise CalrecError(
        f"checkpoint: expected a folder, or a shipped name ({', '.join(known)}), found no {name!s};"
        " export one with: calrec-train export --run RUN --out FOLDER"
    )


def save(
    folder: Path,
    model: Decoder | Weights,
    tokenizer: Tokenizer,
    description: Description,
    *,
    files: Mapping[str, str] | None = None,
) -> None:
    """Writes a checkpoint folder, whole or not at all; replaces an earlier checkpoint.

    Args:
      folder: where.
      model: the decoder, or adapters alone (`calrec.model.backbone.stacked`).
      tokenizer: the decoder's.
      description: what `calrec.json` shall say.
      files: name to text of further files to lay beside, such as the training log.

    Raises:
      CalrecError: if `folder` holds something that is no checkpoint, or the disk is full.
    """
    import jax
    import jax.numpy as jnp
    import orbax.checkpoint as ocp
    from flax import nnx

    with whole_folder(folder, ours=is_checkpoint, what="checkpoint") as new:
        dtype = jnp.dtype(description.dtype)
        weights = model if isinstance(model, dict) else nnx.to_pure_dict(nnx.state(model))
        weights = jax.tree.map(lambda x: x.astype(dtype), weights)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(weights))
        require_room(new, size, what="checkpoint")
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(new.resolve() / "weights", weights)
        # Names the temporary folder, and stands for nothing once that is renamed.
        (new / "weights" / "commit_success.txt").unlink(missing_ok=True)
        tokenizer.save(new / "tokenizer")
        whole = dataclasses.replace(description, begin_id=tokenizer.begin_id, files=_digests(new))
        (new / "calrec.json").write_text(whole.to_text(), "utf-8")
        for name, content in (files or {}).items():
            (new / name).write_text(content, "utf-8")


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is a checkpoint, with nothing of others' in it."""
    try:
        content = codec.from_text((folder / "calrec.json").read_bytes())
        known = {"calrec.json", *PARTS, *FOR_PEOPLE}
        return content["format"] == FORMAT.name and {p.name for p in folder.iterdir()} <= known
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _digests(folder: Path) -> dict[str, str]:
    """sha256 of every file of the weights and the tokenizer, by path from the folder."""
    return {
        f"{part}/{name}": digest
        for part in PARTS
        for name, digest in digests.of_files(folder / part).items()
    }


def check(folder: Path) -> Description:
    """Looks, without loading, whether a checkpoint is whole and as it was saved.

    Raises:
      CalrecError: if a file is missing, cut or edited, or `calrec.json` is damaged.
    """
    description = describe(folder)
    for part in PARTS:
        if not (folder / part).is_dir() or not any((folder / part).iterdir()):
            raise CalrecError(
                f"checkpoint {folder}: expected its {part} in {folder / part}, found none;"
                " export it again"
            )
    found = _digests(folder)
    for name in sorted({*description.files, *found}):
        if found.get(name) == description.files.get(name):
            continue
        if name not in description.files:
            raise CalrecError(
                f"checkpoint {folder}: expected no {name}, found one that was not saved with it;"
                " remove it, or copy or export the checkpoint again"
            )
        what = "none" if name not in found else "another or a damaged one"
        raise CalrecError(
            f"checkpoint {folder}: expected {name} as it was saved, found {what};"
            " copy or export the checkpoint again"
        )
    return description


def describe(folder: Path) -> Description:
    """Reads `calrec.json`.

    Raises:
      CalrecError: if it is missing, no JSON, or of another version.
    """
    path = folder / "calrec.json"
    if not path.is_file():
        raise CalrecError(
            f"checkpoint {folder}: expected calrec.json, found none;"
            " make one with: calrec-train export --run RUN --out FOLDER"
        )
    return FORMAT.decode(Description, FORMAT.read(path), str(path))


def load(
    folder: Path, *, dtype: Dtype | None = "float32", models: Path | None = None
) -> tuple[Decoder, Tokenizer, Description]:
    """Loads a checkpoint folder; adapters are merged into their base.

    Args:
      folder: where.
      dtype: of the weights in memory; None leaves what they are stored in.
      models: where the bases of adapters lie; default: `models` of the workspace that
        $CALREC_WORKSPACE names, else of ./workspace.

    Raises:
      CalrecError: if a part is missing, changed, or does not fit the described decoder; or if the
        base of adapters is not there.
    """
    import jax.numpy as jnp
    from flax import nnx

    from calrec.model.backbone.decoder import Decoder

    description = check(folder)
    tokenizer = Tokenizer.load(folder / "tokenizer").beginning_with(description.begin_id)
    if tokenizer.vocab_size > description.decoder.vocab_size:
        raise CalrecError(
            f"checkpoint {folder}: expected a tokenizer of at most {description.decoder.vocab_size}"
            f" tokens, found {tokenizer.vocab_size}"
        )
    held_in: Dtype = dtype or description.dtype
    if description.adapters is not None:
        return _beside(folder, description, models, held_in), tokenizer, description
    graph, state = nnx.split(nnx.eval_shape(lambda: Decoder(description.decoder, rngs=nnx.Rngs(0))))
    restored = _restored(folder, nnx.to_pure_dict(state), jnp.dtype(held_in))
    nnx.replace_by_pure_dict(state, restored)
    return nnx.merge(graph, state), tokenizer, description


def _beside(folder: Path, description: Description, models: Path | None, dtype: Dtype) -> Decoder:
    """The base of a checkpoint's adapters, with these merged."""
    import jax
    import jax.numpy as jnp

    from calrec.model import bases, hf, new_tokens
    from calrec.model.backbone import lora, stacked

    found = description.adapters
    assert found is not None
    base = bases.Base(name=found.name, digest=found.digest, tokens=found.tokens)
    where = base.find([models or bases.models()])
    model = new_tokens.widened(hf.load(where, dtype="float32"), found.tokens, found.added)
    weights = stacked.stack(model)
    outline = jax.eval_shape(lambda: lora.trained(weights, found.lora, len(found.added)))
    trained = _restored(folder, outline, jnp.dtype(jnp.float32))
    whole = stacked.merged({**weights, **trained}, found.lora)
    return stacked.unstack(description.decoder, jax.tree.map(lambda x: x.astype(dtype), whole))


def _restored(folder: Path, outline: Weights, dtype: Any) -> Weights:
    """A checkpoint's weights, on the first device."""
    import jax
    import orbax.checkpoint as ocp

    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    expected = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, dtype, sharding=device), outline
    )
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            return checkpointer.restore((folder / "weights").resolve(), expected)
    # orbax raises many kinds, whose texts run over pages; each means weights that do not fit.
    except Exception as error:
        raise CalrecError(
            f"checkpoint {folder}: expected whole weights of the described decoder, found"
            f" damaged or other ones ({type(error).__name__}); export it again"
        ) from error
