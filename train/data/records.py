"""Who is trained on in which step, and the record that a step makes of a user.

All of it follows from (seed, step), so that the number of the step is the whole state of the data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.text.prompt import Connectors, begun, prompt_tokens
from train.data.prepared import DomainData, Prepared
from train.settings import StageSettings

Record = tuple[list[int], list[int]]
"""The tokens of a prompt, and those of its target, end token included."""
Split = Literal["validation", "test"]
_T = TypeVar("_T")


@lru_cache(maxsize=64)  # one for each domain, or domains would drive each other's out
def permutation(seed: int, stream: int, epoch: int, size: int) -> Int[np.ndarray, " size"]:
    """A random order, always the same one."""
    return np.random.default_rng([seed, stream, epoch]).permutation(size)


class Records:
    """Records of prepared domains.

    Attributes:
      begin: the model's begin token, which a prompt starts with and a text alone stands behind;
        none or one.
      end: its end token.
    """

    def __init__(self, data: Prepared, settings: StageSettings) -> None:
        tokenizer = data.tokenizer()
        self._choosing = data.choosing
        self.begin = begun(tokenizer, ())
        self.end = tokenizer.end_id
        self._connectors = Connectors.of(tokenizer, data.text)
        self._settings = settings
        if settings.max_prompt_tokens <= self._around:
            raise CalrecError(
                f"expected more than {self._around} prompt tokens, the template's own, found"
                f" {settings.max_prompt_tokens}; raise --max-prompt-tokens"
            )

    @property
    def _around(self) -> int:
        """Tokens of a prompt that are of no item."""
        return sum(map(len, dataclasses.astuple(self._connectors)))

    def record(self, domain: DomainData, history: Sequence[int], target: int) -> Record:
        """One record within the token budgets."""
        texts = [domain.text(i) for i in history]
        prompt, _ = prompt_tokens(texts, self._connectors, self._settings.max_prompt_tokens)
        answer = domain.text(target)[: self._settings.max_target_tokens - 1]
        return prompt, [*answer, self.end]

    def held_out(self, split: Split) -> list[Record]:
        """Up to `validation_users` users: what comes before their item of the split, and this."""
        users = [(d, u) for d in self._choosing for u in np.flatnonzero(d.target(split) >= 0)]
        users = [(d, int(u)) for d, u in users if d.offsets[u + 1] > d.offsets[u]]
        order = permutation(0, 1, 0, len(users))[: self._settings.validation_users]
        return [
            self.record(domain, domain.before(split, user), int(domain.target(split)[user]))
            for domain, user in (users[i] for i in order)
        ]

    def longest(self, domain: DomainData, users: Int[np.ndarray, " U"]) -> Int[np.ndarray, " U"]:
        """The most tokens that each user's record can have, whatever is truncated or left out."""
        per_item = np.diff(domain.item_offsets)[domain.items] + len(self._connectors.next)
        total = np.concatenate([[0], np.cumsum(per_item)])
        whole = total[domain.offsets[users + 1]] - total[domain.offsets[users]]
        limit = self._settings.max_prompt_tokens + self._settings.max_target_tokens
        return np.minimum(whole + self._around + 1, limit)


class UserSampler:
    """Users drawn over domains, and what of their histories a step shows."""

    def __init__(self, domains: Sequence[DomainData], settings: StageSettings) -> None:
        self._settings = settings
        self._domains = domains
        self.users = [self._of(number, domain) for number, domain in enumerate(domains)]
        if empty := [d.domain for d, u in zip(domains, self.users, strict=True) if not len(u)]:
            raise CalrecError(
                f"expected users with two training items or more, found none in {empty};"
                " leave these out, or bring longer histories"
            )
        weight = np.asarray([len(u) for u in self.users], float) ** settings.domain_exponent
        self._probability = weight / weight.sum()

    def _of(self, number: int, domain: DomainData) -> Int[np.ndarray, " U"]:
        """The users of a domain that serve: a record needs one history item and a target."""
        users = np.flatnonzero(np.diff(domain.offsets) >= 2)
        share = self._settings.users.get(domain.domain, 1.0)
        if share == 1:
            return users
        kept = permutation(self._settings.seed, 1000 + number, 0, len(users))
        return np.sort(users[kept[: round(share * len(users))]])

    def chosen(self, step: int) -> list[tuple[int, int]]:
        """(domain, user) of a step: domains at random, in each one its users in a random order."""
        size, seed = self._settings.batch_size, self._settings.seed
        rng = np.random.default_rng([seed, 2, step])
        domain = rng.choice(len(self.users), size=size, p=self._probability)
        chosen = []
        for slot, d in enumerate(map(int, domain)):
            number, count = step * size + slot, len(self.users[d])
            order = permutation(seed, 3 + d, number // count, count)
            chosen.append((d, int(self.users[d][order[number % count]])))
        return chosen

    def shown(self, step: int) -> list[tuple[DomainData, list[int], int]]:
        """Domain, history and target of each user of a step: the last items dropped, others left
        out, as the settings say."""
        rng = np.random.default_rng([self._settings.seed, 1, step])
        shown = []
        for d, user in self.chosen(step):
            domain = self._domains[d]
            items = domain.history(user).tolist()
            drop = int(rng.integers(0, min(self._settings.truncate, len(items) - 2) + 1))
            *history, target = items[: len(items) - drop]
            shown.append((domain, augmented(history, self._settings, rng), target))
        return shown


def augmented(
    items: Sequence[_T], settings: StageSettings, rng: np.random.Generator
) -> Sequence[_T]:
    """A history as one record shows it: some items left out, perhaps in another order.

    Of `leave_out` the last item stays where none would.
    """
    if settings.leave_out:
        kept = rng.random(len(items)) >= settings.leave_out
        items = [item for item, keep in zip(items, kept, strict=True) if keep] or items[-1:]
    if settings.shuffle and rng.random() < settings.shuffle:
        items = [items[i] for i in rng.permutation(len(items))]
    return items
