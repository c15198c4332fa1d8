"""Plug-ins that give the agents of other frameworks a face. Each imports its framework when it is imported itself."""

from __future__ import annotations

import re
from importlib import metadata

from avatar.errors import IntegrationError


def require(package: str, known: tuple[tuple[int, int], int], extra: str) -> None:
    """Check that a framework is there in a version that its plug-in was written for.

    Args:
        package: its distribution, such as `pipecat-ai`.
        known: the oldest (major, minor) that is known to work, and the first major that is not.
        extra: the extra of this package that installs it.

    Raises:
        IntegrationError: it is missing, too old or too new.
    """
    (oldest, beyond) = known
    want = f"{package}>={oldest[0]}.{oldest[1]},<{beyond}"
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        raise IntegrationError(
            f"This plug-in needs {want}, which is not installed: pip install 'avatar[{extra}]'"
        ) from None
    numbers = re.match(r"(\d+)\.(\d+)", version)
    found = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if not oldest <= found < (beyond, 0):
        raise IntegrationError(f"{package} {version} is not known to this plug-in, which was written for {want}.")
