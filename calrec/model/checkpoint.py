"""The exported folder: weights, tokenizer and every setting, all that inference needs.

    FOLDER/calrec.json   format version, decoder, text, sampling and ranking settings, the
                         fingerprint of the training data, measured figures; digests of itself and
                         of the files in the two folders
    FOLDER/weights/      orbax; float32 or bfloat16
    FOLDER/tokenizer/    a Hugging Face tokenizer folder

It is written beside its place and renamed when whole. Nothing in it is run: weights are arrays and
the tokenizer is JSON. A file of these, or of the settings, that was changed, cut or added is
refused before any is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig, Dtype
from calrec.records.files import whole_folder
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings
from calrec.tokenizer import Tokenizer

if TYPE_CHECKING:
    from calrec.model.backbone.decoder import Decoder

FORMAT = "calrec-checkpoint"
VERSION = 2
PARTS = ("weights", "tokenizer")
BESIDE = 2**20
"""Bytes that a checkpoint takes besides its weights and its tokenizer, at most."""
SHIPPED = Path(__file__).parents[1] / "checkpoints"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `calrec.json` says.

    Attributes:
      decoder: the model's shape.
      dtype: of the stored weights, "float32" or "bfloat16".
      text: how items become text.
      max_prompt_tokens: the token budget of a history.
      sampling: fields of `calrec.generation.sampling.SamplingSettings`.
      ranking: how samples become a ranking.
      data: fingerprint per domain that the model was trained on, in whatever stage.
      training: stages, steps and settings, as they were run, each with fingerprint and role of its
        domains (`calrec.evaluation.leaks`).
      figures: measured figures by domain, split and recommender.
      files: sha256 of every file of the weights and the tokenizer, by path; `save` fills it.
    """

    decoder: DecoderConfig
    dtype: Dtype
    text: TextSettings
    max_prompt_tokens: int
    sampling: Mapping[str, Any]
    ranking: RankingSettings
    data: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The content of `calrec.json`."""
        content = dataclasses.asdict(self) | {"decoder": self.decoder.to_json()}
        content = {"format": FORMAT, "version": VERSION, **content}
        return {**content, "digest": _digest(content)}

    def to_text(self) -> str:
        """The text of `calrec.json`."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Description:
        """The inverse of `to_json`.

        Raises:
          CalrecError: for another format or version, an edited content, or a field of the wrong
            form.
        """
        if content.get("format") != FORMAT or content.get("version") != VERSION:
            found = f"{content.get('format')} {content.get('version')}"
            raise CalrecError(
                f"calrec.json: expected {FORMAT} {VERSION}, found {found}; train and export it"
                " again, or use the release that wrote it"
            )
        if content.get("digest") != _digest(content):
            raise CalrecError(
                "calrec.json: expected it as it was saved, found an edited or damaged one; export"
                " the checkpoint again (settings can be changed where it is used)"
            )
        try:
            fields = {f.name: content[f.name] for f in dataclasses.fields(cls)}
            if fields["dtype"] not in get_args(Dtype):
                raise ValueError(f"dtype {fields['dtype']!r}")
            for name in ("sampling", "data", "training", "figures", "files"):
                if not isinstance(fields[name], dict):
                    raise ValueError(f"{name} is no object")
            fields["max_prompt_tokens"] = int(fields["max_prompt_tokens"])
            return cls(
                **fields
                | {
                    "decoder": DecoderConfig.from_json(fields["decoder"]),
                    "text": TextSettings(**fields["text"]),
                    "ranking": RankingSettings(**fields["ranking"]),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CalrecError(
                f"calrec.json: a setting is missing or of the wrong form: {error}"
            ) from None


def _digest(content: Mapping[str, Any]) -> str:
    """sha256 of the content without its digest, in one way of writing."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    # To JSON and back: tuples become lists, as they are when they are read.
    text = json.dumps(json.loads(json.dumps(rest)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def resolve(name: str | Path) -> Path:
    """The folder of a checkpoint: a path, or the name of a shipped one (`sample`).

    Raises:
      CalrecError: if there is neither.
    """
    if not str(name):
        raise CalrecError("checkpoint: expected a folder or a name, found an empty one")
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
    model: Decoder,
    tokenizer: Tokenizer,
    description: Description,
    *,
    files: Mapping[str, str] | None = None,
) -> None:
    """Writes a checkpoint folder, whole or not at all; replaces an earlier checkpoint.

    Args:
      folder: where.
      model: the decoder.
      tokenizer: its tokenizer.
      description: what `calrec.json` shall say.
      files: name to text of further files to lay beside, such as the training log.

    Raises:
      CalrecError: if `folder` holds something that is no checkpoint, or the disk is full.
    """
    import jax
    import jax.numpy as jnp
    import orbax.checkpoint as ocp
    from flax import nnx

    with whole_folder(folder, ours=_is_checkpoint, what="checkpoint") as new:
        dtype = jnp.dtype(description.dtype)
        weights = jax.tree.map(lambda x: x.astype(dtype), nnx.to_pure_dict(nnx.state(model)))
        _require_room(new, sum(leaf.nbytes for leaf in jax.tree.leaves(weights)))
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(new.resolve() / "weights", weights)
        # Names the temporary folder, and stands for nothing once that is renamed.
        (new / "weights" / "commit_success.txt").unlink(missing_ok=True)
        tokenizer.save(new / "tokenizer")
        whole = dataclasses.replace(description, files=_digests(new))
        (new / "calrec.json").write_text(whole.to_text())
        for name, content in (files or {}).items():
            (new / name).write_text(content)


def _require_room(folder: Path, size: int) -> None:
    """Refuses a disk too full for weights: orbax' threads would tell of it in pages of traces."""
    needed, free = size + BESIDE, shutil.disk_usage(folder).free
    if free < needed:
        raise CalrecError(
            f"expected {needed / 1e6:,.1f} MB of free space for a checkpoint, found"
            f" {free / 1e6:,.1f} MB; make room, or choose a folder on another disk"
        )


def _is_checkpoint(folder: Path) -> bool:
    try:
        content = json.loads((folder / "calrec.json").read_text())
        known = {"calrec.json", "weights", "tokenizer", "training_log.jsonl"}
        return content["format"] == FORMAT and {p.name for p in folder.iterdir()} <= known
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _digests(folder: Path) -> dict[str, str]:
    """sha256 of every file of the weights and the tokenizer, by path from the folder."""
    digests = {}
    for path in sorted(p for part in PARTS for p in (folder / part).rglob("*") if p.is_file()):
        with path.open("rb") as file:
            digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(
                file, "sha256"
            ).hexdigest()
    return digests


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
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise CalrecError(f"{path}: expected JSON, found a damaged file ({error})") from None
    if not isinstance(content, dict):
        raise CalrecError(f"{path}: expected a JSON object, found {type(content).__name__}")
    try:
        return Description.from_json(content)
    except CalrecError as error:
        raise CalrecError(f"checkpoint {folder}: {error}") from None


def load(
    folder: Path, *, dtype: Dtype | None = "float32"
) -> tuple[Decoder, Tokenizer, Description]:
    """Loads a checkpoint folder.

    Args:
      folder: where.
      dtype: of the weights in memory; None leaves what they are stored in.

    Raises:
      CalrecError: if a part is missing, changed, or does not fit the described decoder.
    """
    import jax
    import jax.numpy as jnp
    import orbax.checkpoint as ocp
    from flax import nnx

    from calrec.model.backbone.decoder import Decoder

    description = check(folder)
    tokenizer = Tokenizer.load(folder / "tokenizer")
    if tokenizer.vocab_size > description.decoder.vocab_size:
        raise CalrecError(
            f"checkpoint {folder}: expected a tokenizer of at most {description.decoder.vocab_size}"
            f" tokens, found {tokenizer.vocab_size}"
        )
    model = nnx.eval_shape(lambda: Decoder(description.decoder, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(model)
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    held_in = jnp.dtype(dtype or description.dtype)
    expected = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, held_in, sharding=device),
        nnx.to_pure_dict(state),
    )
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            restored = checkpointer.restore((folder / "weights").resolve(), expected)
    # orbax raises many kinds, whose texts run over pages; each means weights that do not fit.
    except Exception as error:
        raise CalrecError(
            f"checkpoint {folder}: expected whole weights of the described decoder, found"
            f" damaged or other ones ({type(error).__name__}); export it again"
        ) from error
    nnx.replace_by_pure_dict(state, restored)
    return nnx.merge(graph, state), tokenizer, description
