"""What a call's session tells, passed on to who takes part, to the log and to the call's figures."""

from __future__ import annotations

import logging
from collections.abc import Callable

from avatar.call.statistics import CallStatistics
from avatar.errors import AvatarError, GpuMemoryError
from avatar.session.protocol import Calibrated, FaceFound, FaceLost, SessionEvent, SessionFailed, TierLowered
from avatar.stream.page_reports import CalibratedMessage, ErrorMessage, FaceMessage, Report

logger = logging.getLogger(__name__)


class SessionEvents:
    """Follows one call's session. Used on the event loop only."""

    def __init__(
        self,
        send: Callable[[Report], None],
        statistics: CallStatistics,
        *,
        log_name: str,
        on_failure: Callable[[str | None], None],
    ) -> None:
        """Prepare.

        Args:
            send: sends a message to who takes part.
            statistics: are told what draws.
            log_name: the call in the log.
            on_failure: is told that the session has ended, and why where that is for its user to read.
        """
        self._send, self._statistics, self._log_name, self._on_failure = send, statistics, log_name, on_failure

    def report(self, event: SessionEvent) -> None:
        """Pass an event on."""
        match event:
            case FaceFound():
                self._send(FaceMessage(state="tracked"))
            case FaceLost():
                self._send(FaceMessage(state="lost"))
            case Calibrated():
                self._send(CalibratedMessage())
            case TierLowered():
                logger.warning("call %s: %s", self._log_name, event.why)
                self._statistics.tier = event.tier
                self._send(ErrorMessage(code=GpuMemoryError.code, detail=event.why))
            case SessionFailed():
                logger.error("call %s: the session has failed: %s", self._log_name, event.message)
                self._on_failure(event.message)

    def not_started(self, error: Exception) -> None:
        """Pass on what a stage raised while starting."""
        logger.error("call %s: the session did not start", self._log_name, exc_info=error)
        self._on_failure(str(error) if isinstance(error, AvatarError) else None)
