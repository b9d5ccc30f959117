"""A command as a process: it ends cleanly when it is stopped, and tells a mistake in one line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tomllib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pydantic
from pydantic_settings import SettingsError
from sqlalchemy.exc import OperationalError

from api import terminal
from api.status import Trouble
from config.settings import settings_file
from index.engines.tantivy import EngineBusy


class Usage(Exception):  # the name says what is wrong
    """A word on the command line that makes no sense."""


def until_stopped(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run until done or until somebody stops us; Ctrl-C and SIGTERM end everything cleanly."""

    async def guarded() -> int:
        task = asyncio.ensure_future(work())
        loop = asyncio.get_running_loop()
        told = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told.set)
        asking = asyncio.ensure_future(told.wait())
        await asyncio.wait({task, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not told.is_set():
            asking.cancel()
            return await task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        terminal.warn("stopped; nothing is lost, start again and it goes on")
        return 130

    return asyncio.run(guarded())


def to_the_end(work: Callable[[], int]) -> int:
    """Run in this thread; Ctrl-C and SIGTERM are raised in it, so that what is half done is cleared away."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        return work()
    except KeyboardInterrupt:
        terminal.warn("stopped; everything is as it was")
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def told_in_one_line(command: Callable[[], None]) -> None:
    """Run a command; what a user can mend is told in one line, without a traceback."""
    try:
        command()
    except Usage as error:
        _end(str(error), 2)
    except pydantic.ValidationError as error:
        _end(
            "settings: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()), 2
        )
    except SettingsError as error:
        _end(f"settings: {error}", 2)
    except tomllib.TOMLDecodeError as error:
        _end(f"settings: {settings_file()} is no TOML: {error}; mend it or move it away", 2)
    except (Trouble, EngineBusy) as error:
        _end(str(error), 1)
    except OperationalError as error:  # SQLite: the disk is full or fails, or somebody holds the store
        _end(
            f"the store cannot be used ({error.orig}); make room, or wait for whoever holds it, "
            "and start again: nothing is lost",
            1,
        )
    except BrokenPipeError:  # who read us has seen enough, as in `headwater read ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _end(text: str, code: int) -> None:
    terminal.err.print(f"headwater: {text}", style="red")
    sys.exit(code)
