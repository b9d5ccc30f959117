"""Logs: one line per event, values as fields; for people on a terminal, a JSON object otherwise.

Whatever is logged while a source is harvested bears the source and the run (bound in `harvester/run.py`),
the lines of other libraries too.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

from config.redact import redact_line

Format = Literal["auto", "text", "json"]


def configure(level: str, form: Format = "auto") -> None:
    """Set up logging to the error stream.

    Args:
        level: debug, info, warning or error; of others' loggers, warnings are shown at least.
        form: "auto" is text on a terminal and JSON elsewhere.
    """
    number = getattr(logging, level.upper(), logging.INFO)
    in_text = sys.stderr.isatty() if form == "auto" else form == "text"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        redact_line,
        # The renderer's own way shows the local variables of every frame: keys and passwords among them.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if in_text
        else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    others = logging.StreamHandler(sys.stderr)
    others.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[others], force=True)
