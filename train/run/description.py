"""What a run is: `run.json`."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig
from calrec.model.bases import Base
from calrec.records import codec
from calrec.records.files import whole_folder
from train.data.prepared import Prepared
from train.settings import StageSettings

ELSEWHERE = ("mesh", "microbatch", "attention", "remat")
"""Settings with which a run may go on elsewhere: how it is computed, not what."""


def require_local(out: Path) -> None:
    """Refuses an address such as gs://BUCKET/RUN, which would name a folder beside this one.

    Raises:
      CalrecError: if it is one.
    """
    scheme, colon, rest = str(out).partition(":/")
    if colon and scheme.isalnum() and len(scheme) > 1:
        raise CalrecError(
            f"expected a folder of this machine for --out, found {scheme}://{rest.lstrip('/')};"
            " mount the bucket (gcsfuse, s3fs) and give its folder, which all hosts must share"
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `run.json` says of a run; fingerprint and role of each domain, as it was then.

    With `base`, adapters of that model are trained; `added` are the tokens that it lacks, each by
    the ids of its own that it stands for.
    """

    stage: str
    settings: dict[str, Any]
    decoder: DecoderConfig
    text: dict[str, Any]
    data: dict[str, str]
    parents: list[dict[str, Any]]
    roles: dict[str, str] = field(default_factory=dict)
    base: Base | None = None
    added: list[list[int]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        stage: str,
        data: Prepared,
        settings: StageSettings,
        config: DecoderConfig,
        parents: Sequence[dict[str, Any]],
        base: Base | None = None,
    ) -> Run:
        """The run of a stage on these data."""
        domains = {d.domain: data.meta["domains"][d.domain] for d in data.domains}
        return cls(
            stage=stage,
            settings=dataclasses.asdict(settings),
            decoder=config,
            text=data.meta["text"],
            data={name: domain["fingerprint"] for name, domain in domains.items()},
            parents=list(parents),
            roles={name: domain["role"] for name, domain in domains.items()},
            base=base,
            added=data.added,
        )

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Reads `run.json`.

        Raises:
          CalrecError: if the folder is no run.
        """
        try:
            return codec.decode(cls, codec.from_text((folder / "run.json").read_bytes()))
        except FileNotFoundError:
            raise CalrecError(
                f"expected a training run in {folder}, found no run.json;"
                " train one with: calrec-train pretrain --data DIR --out RUN"
            ) from None
        except (CalrecError, ValueError) as error:
            raise CalrecError(
                f"{folder}/run.json: expected a run of this version, found a damaged or other one"
                f" ({error}); train it again"
            ) from None

    def claim(self, out: Path, data: Prepared) -> None:
        """Makes `out` this run's folder, or checks that it is.

        Raises:
          CalrecError: if it holds another run, or something else.
        """
        if not (out / "run.json").is_file():
            with whole_folder(out, ours=lambda folder: False, what="training run") as new:
                shutil.copytree(data.folder / "tokenizer", new / "tokenizer")
                (new / "run.json").write_text(codec.to_text(codec.encode(self)))
            return
        found = Run.load(out)
        if found._computed() != self._computed():
            raise CalrecError(
                f"{out} holds a run with other settings or data; name another --out, or delete it"
            )

    def _computed(self) -> dict[str, Any]:
        """All that its result depends on, as it is read back from a file."""
        content = codec.from_text(codec.to_text(codec.encode(self)))
        settings = {n: v for n, v in content["settings"].items() if n not in ELSEWHERE}
        base = content["base"] and {**content["base"], "folder": ""}
        return {**content, "settings": settings, "base": base}
