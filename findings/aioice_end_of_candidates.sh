#!/usr/bin/env bash
# aioice 0.13.0: told that no more candidates will come, an agent that knows none gives up at once, though its peer's
# checks are on their way and would make the connection.
#
# That is what a browser offers that shows its addresses as names of the local network (.local) which nobody resolves,
# with a=end-of-candidates after them, and a client that names none because it only calls out. RFC 8863 has an agent
# wait 39.5 seconds for the peer's own checks. Without the end of candidates the same two agents connect.
#
# Output seen:
#   not told of an end   connected
#   told of an end       ConnectionError: ICE negotiation failed
#
# Exits non-zero when that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aioice==0.13.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

import aioice
import aioice.ice

aioice.ice.get_host_addresses = lambda **_: ["127.0.0.1"]  # any machine has it


async def connect(end: bool) -> str:
    server, client = aioice.Connection(ice_controlling=False), aioice.Connection(ice_controlling=True)
    await asyncio.gather(server.gather_candidates(), client.gather_candidates())
    server.remote_username, server.remote_password = client.local_username, client.local_password
    client.remote_username, client.remote_password = server.local_username, server.local_password
    for candidate in server.local_candidates:
        await client.add_remote_candidate(candidate)
    await client.add_remote_candidate(None)
    if end:
        await server.add_remote_candidate(None)
    calling = asyncio.create_task(client.connect())
    try:
        await asyncio.wait_for(server.connect(), 10)
        return "connected"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await asyncio.gather(server.close(), client.close())


open_end, told = asyncio.run(connect(False)), asyncio.run(connect(True))
print("not told of an end  ", open_end)
print("told of an end      ", told)
assert open_end == "connected"
assert told.startswith("ConnectionError")
PYTHON
