"""What an evaluation is asked for, and whether that goes together."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from calrec.errors import CalrecError
from calrec.ranking.rules import Bought, Count, Rules
from calrec.recommenders import register
from calrec.recommenders.hybrid.recommender import DECODER as HYBRID_DECODER
from calrec.records.decoders import DECODERS, described
from calrec.records.settings import Decoder, Pooling, RankingSettings, Retrieval

if TYPE_CHECKING:
    RecommenderId = FirstStage = str
else:
    # The command's help lists what the register holds.
    RecommenderId = Literal[tuple(register.entries())]
    FirstStage = Literal[register.rivals()]

FIRST_STAGE = "item-knn"
"""Whose best items rerank ranks, or likelihood scores, where none is named."""
_DECODER = (
    f"How texts are written; sample for calrec and {HYBRID_DECODER} for hybrid if not given."
    f" {described()}"
)
_OF_ANOTHER = ("first_stage", "first_stage_checkpoint", "candidates")
"""Options that another recommender's best items need."""


@dataclass(frozen=True, kw_only=True)
class Generating:
    """For calrec and hybrid: what takes the place of the checkpoint's settings."""

    samples_from: Path | None = None
    """Rank the texts of this earlier evaluation again; nothing is sampled, no checkpoint read."""
    decoder: Annotated[Decoder | None, tyro.conf.arg(help=_DECODER)] = None
    temperature: float | None = None
    """Of the samples."""
    samples: int | None = None
    """Texts of a user; for likelihood all candidates' if not given."""
    template: Literal["calrec", "gpt4rec"] | None = None
    """What stands around the items of a prompt."""
    retrieval: Retrieval | None = None
    """From texts to items: bm25, hierarchical match, rerank of another recommender's best, exact
    (items whose own text was written: the default of the decoders that write nothing else)."""
    first_stage: FirstStage | None = None
    """Whose best items rerank ranks, or likelihood scores; item-knn if not given."""
    first_stage_checkpoint: str | None = None
    """The exported folder of a trained one."""
    candidates: int | None = None
    """How many of them; likelihood scores all items of a small shop if not given."""
    n_pred: int | None = None
    """Distinct texts that become columns."""
    epsilon: float | None = None
    """Weight of a text's score, per nat."""
    pooling: Pooling | None = None
    """How columns become one score."""
    modulation: Literal["on", "off"] | None = None
    """Whether a text's score weighs at all."""
    k1: float | None = None
    """Of BM25: how soon repeats of a word stop counting; 1.5 if not given."""
    b: float | None = None
    """Of BM25: how much an item's length counts, from 0 to 1; 0.75 if not given."""
    width: int = 8
    """Users whose samples are drawn side by side; changes no figure."""

    def ranking(self, settings: RankingSettings) -> RankingSettings:
        """The settings with what was given put in.

        Raises:
          CalrecError: if a value is out of its range.
        """
        names = ("retrieval", "candidates", "n_pred", "epsilon", "pooling")
        given = {name: getattr(self, name) for name in names}
        if self.modulation is not None:
            given["modulation"] = self.modulation == "on"
        try:
            return dataclasses.replace(
                settings, **{name: value for name, value in given.items() if value is not None}
            )
        except ValueError as error:
            raise CalrecError(f"{error}; choose another") from None


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Rank the item that each user really bought next, and write all that came of it."""

    domain: str
    """Domain of the workspace."""
    recommender: RecommenderId
    """Which of the recommenders that are installed; calrec is the model, hybrid the model and blend
    in one sum."""
    out: Path
    """Folder to write; an interrupted evaluation goes on where it stopped, a finished one stays."""
    workspace: Path | None = None
    """Workspace; default $CALREC_WORKSPACE, else ./workspace."""
    checkpoint: str | None = None
    """For a trained recommender: an exported folder; for calrec and hybrid also a name such as
    sample."""
    split: Literal["test", "validation"] = "test"
    """Each user's last item, or the one before it."""
    bought: Bought = "ranked"
    """Items of the history: ranked like all others, or last, behind all others, and with them the
    item really bought if it was bought before."""
    count: Count = "training"
    """What a recommender that counts purchases (also as first stage) may count for the test split:
    training parts alone, or all before the targets, validation items too."""
    users: int | None = None
    """How many users, drawn by the seed; all if not given."""
    seed: int = 0
    """Draws the users and, for calrec and hybrid, the samples."""
    seeds: int = 1
    """For what draws its texts: with how many seeds, this one and those after it, each user is
    ranked. Of the further ones the ranks of the item really bought are kept, and how far the
    metrics spread."""
    weights: tuple[float, float, float, int] | None = None
    """For blend and hybrid: the weights a, b, c of texts, transitions and transitions over two
    places, and the number n of texts; chosen on earlier purchases if not given."""
    model_weight: float | None = None
    """For hybrid: the weight of the square root of the text's probability beside the blend; chosen
    on earlier purchases if not given."""
    replace: bool = False
    """Whether a finished evaluation of something else in `out` may go."""
    label: str | None = None
    """What reports call this run."""
    engine: Literal["local", "ray"] = "local"
    """Where the users are spread over: this process, or a Ray cluster (extra `ray`)."""
    workers: int | None = None
    """For ray: processes; one for each of the cluster's CPUs if not given."""
    address: str | None = None
    """For ray: the cluster's; one is started on this machine if not given."""
    calrec: tyro.conf.OmitArgPrefixes[Generating] = Generating()

    @property
    def rules(self) -> Rules:
        """The two that are the same for whatever stands side by side."""
        return Rules(bought=self.bought, count=self.count)

    @property
    def decoder(self) -> Decoder:
        """How texts are written: as asked, else as the recommender does by itself."""
        usual: Decoder = HYBRID_DECODER if self.recommender == "hybrid" else "sample"
        return self.calrec.decoder or usual


def check_ranking(given: Generating, ranking: RankingSettings) -> None:
    """Refuses options that the ranking has no use for.

    Args:
      given: the options.
      ranking: the checkpoint's settings with them put in.

    Raises:
      CalrecError: if so.
    """
    weights, others = ("epsilon", "pooling", "modulation", "k1", "b"), _OF_ANOTHER
    idle = {
        "bm25": others,
        "rerank": (),
        "hierarchical": (*others, *weights),
        "exact": (*others, *weights),
    }
    needed = others if given.decoder == "likelihood" else ()
    for name in idle[ranking.retrieval]:
        if name not in needed and getattr(given, name) is not None:
            raise CalrecError(
                f"--{name.replace('_', '-')} has no effect with the retrieval "
                f"{ranking.retrieval}; leave it out, or give another --retrieval"
            )


def check(settings: Evaluate) -> None:
    """Refuses settings that are out of range or do not go together.

    Raises:
      CalrecError: if so.
    """
    _check_numbers(settings)
    if settings.split == "validation" and settings.rules.count == "all":
        raise CalrecError(
            "expected --count training for the validation split, before whose targets there is "
            "nothing else to count, found all; leave --count out, or evaluate --split test"
        )
    given, named = settings.calrec, settings.recommender
    entry = register.entry(named)
    if not entry.generative and given != Generating(width=given.width):
        names = [f.name for f in dataclasses.fields(Generating)]
        first = next(n for n in names if getattr(given, n) != getattr(Generating(), n))
        raise CalrecError(
            f"--{first.replace('_', '-')} is for --recommender calrec, found it with {named}; "
            "leave it out"
        )
    if named == "hybrid":
        _check_hybrid(settings)
    if given.samples_from is not None:
        _check_again(settings)
    elif entry.trained and settings.checkpoint is None:
        example = " or a name such as sample" if entry.reads_model else ""
        raise CalrecError(
            f"--recommender {named} needs a checkpoint, found none; "
            f"give --checkpoint with an exported folder{example}"
        )
    if not entry.trained and settings.checkpoint is not None:
        raise CalrecError(
            f"--recommender {named} reads no checkpoint, found --checkpoint "
            f"{settings.checkpoint}; leave it out or evaluate calrec"
        )
    if settings.weights is not None and named not in ("blend", "hybrid"):
        raise CalrecError(
            f"--weights is for --recommender blend, found it with {named}; leave it out"
        )
    if settings.model_weight is not None and named != "hybrid":
        raise CalrecError(
            f"--model-weight is for --recommender hybrid, found it with {named}; leave it out"
        )
    _check_first_stage(given)
    _check_decoder(settings)
    if settings.seeds > 1:
        _check_seeds(settings)
    given.ranking(RankingSettings())
    if settings.engine == "local" and (settings.workers or settings.address):
        raise CalrecError("--workers and --address are for --engine ray; leave them out or add it")


def _check_hybrid(settings: Evaluate) -> None:
    given = settings.calrec
    if given.samples_from is not None:
        raise CalrecError(
            "--samples-from is for --recommender calrec, found it with hybrid, whose weight is "
            "chosen by reading the model; leave it out"
        )
    if settings.decoder == "sample" or given.retrieval not in (None, "exact"):
        found = given.retrieval or "bm25"
        raise CalrecError(
            "--recommender hybrid needs a decoder over the items' texts and the retrieval exact, "
            f"found {settings.decoder} and {found}; leave --decoder and --retrieval out"
        )


def _check_seeds(settings: Evaluate) -> None:
    named = settings.recommender
    if not register.entry(named).generative:
        draws = f"{named} draws nothing: each seed gives the same ranks"
    elif not DECODERS[settings.decoder].draws:
        draws = f"the decoder {settings.decoder} draws nothing: each seed gives the same ranks"
    elif settings.calrec.samples_from is not None:
        draws = "--samples-from ranks texts that one seed drew: of the others none are kept"
    else:
        return
    raise CalrecError(f"expected --seeds 1, found {settings.seeds}; {draws}; leave --seeds out")


def _check_first_stage(given: Generating) -> None:
    first = register.entry(given.first_stage or FIRST_STAGE)
    if first.trained and given.first_stage_checkpoint is None:
        raise CalrecError(
            f"--first-stage {first.id} needs a checkpoint, found none; give "
            "--first-stage-checkpoint with an exported folder"
        )
    if not first.trained and given.first_stage_checkpoint is not None:
        raise CalrecError(
            f"--first-stage {first.id} reads no checkpoint, found --first-stage-checkpoint "
            f"{given.first_stage_checkpoint}; leave it out"
        )


def _check_decoder(settings: Evaluate) -> None:
    given = settings.calrec
    if given.temperature is not None and settings.decoder in ("trie-beam", "likelihood"):
        raise CalrecError(
            f"--temperature has no effect with the decoder {settings.decoder}, which draws "
            "nothing; leave it out"
        )
    first = given.first_stage or given.first_stage_checkpoint
    if given.decoder == "likelihood" and first is not None and given.candidates is None:
        raise CalrecError(
            f"--first-stage has no effect with the decoder likelihood without --candidates, found "
            f"{first}; say how many of its best items are scored"
        )


def _check_numbers(settings: Evaluate) -> None:
    given = settings.calrec
    counts = {
        "users": (settings.users, "all"),
        "seeds": (settings.seeds, "one"),
        "workers": (settings.workers, "one a CPU"),
        "samples": (given.samples, "the checkpoint's"),
        "candidates": (given.candidates, "the default"),
    }
    for name, (value, default) in counts.items():
        if value is not None and value < 1:
            raise CalrecError(
                f"--{name} must be at least 1, found {value}; leave it out for {default}"
            )
    if settings.seed < 0:
        raise CalrecError(f"--seed must be at least 0, found {settings.seed}; choose another")
    if given.width < 1:
        raise CalrecError(f"--width must be at least 1, found {given.width}; leave it out for 8")
    if given.k1 is not None and not 0 <= given.k1 < math.inf:
        raise CalrecError(
            f"--k1 must be a number of at least 0, found {given.k1}; leave it out for 1.5"
        )
    if given.b is not None and not 0 <= given.b <= 1:
        raise CalrecError(f"--b must be from 0 to 1, found {given.b}; leave it out for 0.75")
    if given.temperature is not None and not 0 < given.temperature < math.inf:
        raise CalrecError(
            f"--temperature must be a number above 0, found {given.temperature}; "
            "leave it out for the checkpoint's"
        )


def _check_again(settings: Evaluate) -> None:
    given = settings.calrec
    ours = {
        "checkpoint": settings.checkpoint,
        "temperature": given.temperature,
        "samples": given.samples,
        "template": given.template,
        "decoder": given.decoder,
    }
    for name, value in ours.items():
        if value is not None:
            raise CalrecError(
                f"--samples-from takes the texts as they were drawn, found --{name} {value} "
                "beside it; leave one of them out"
            )
    if given.samples_from and given.samples_from.resolve() == settings.out.resolve():
        raise CalrecError(
            f"--samples-from and --out: expected two folders, found {settings.out} twice; "
            "name another --out"
        )
