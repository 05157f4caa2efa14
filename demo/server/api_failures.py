"""What a program reads of a call that failed: one line, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from calrec.errors import CalrecError


def one_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a `CalrecError` as the answer to whoever asked, not as one of the log."""

    @wraps(function)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except CalrecError as error:
            raise _refusal(error) from None
        finally:
            _forget_caller()

    return refusing


def one_line_each(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """As `one_line`, for a generator, which gradio tells by its own kind."""

    @wraps(function)
    def refusing(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from function(*args, **kwargs)
        except CalrecError as error:
            raise _refusal(error) from None
        finally:
            _forget_caller()

    return refusing


def _forget_caller() -> None:
    """Drops what gradio keeps of the caller's session, which only pages use.

    A program's every call may be a session of its own; only so many are kept, and the oldest one
    that would go could be a person's.
    """
    request, blocks = LocalContext.request.get(None), LocalContext.blocks.get(None)
    asked = request is not None and request.session_hash
    if asked and blocks is not None:
        blocks.state_holder.session_data.pop(asked, None)
        blocks.state_holder.time_last_used.pop(asked, None)


def _refusal(error: CalrecError) -> gr.Error:
    return gr.Error(" ".join(str(error).split()), print_exception=False)
