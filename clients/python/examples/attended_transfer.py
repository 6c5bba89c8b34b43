"""Attended transfer: the call that a line is in is held, a colleague is called, and when he has answered the two are connected.

    python attended_transfer.py 1001 1003

Where the colleague does not answer, the call is taken back.
"""

import asyncio
import sys

from trunkline_client import Daemon, EventStream, Refused, connect, done, given
from trunkline_client.generated.api.calls import call as get_call
from trunkline_client.generated.api.calls import calls as get_calls
from trunkline_client.generated.api.calls import complete_transfer, setup_transfer, unhold
from trunkline_client.generated.client import AuthenticatedClient
from trunkline_client.generated.models import CallStateEvent, CompleteTransfer, Consult, LostEvent


async def main(line: str, to: str) -> int:
    daemon = Daemon.from_environment()
    async with connect(daemon) as client, EventStream(daemon) as events:
        try:
            # `features` are the operations that would be accepted now, so nothing is tried in vain.
            calls = done(await get_calls.asyncio(client=client))
            call = next((c.id for c in calls if c.line == line and "setup-transfer" in c.features), None)
            if call is None:
                print(f"{line} is in no call that could be transferred", file=sys.stderr)
                return 1
            asked = await setup_transfer.asyncio(call, client=client, body=Consult(to=to))
            consult = given(done(asked).consult)
            print(f"{call} is held, {consult} calls {to}", flush=True)

            if not await answered(consult, events, client):
                done(await unhold.asyncio(call, client=client))
                print(f"{to} did not answer, {line} has {call} back")
                return 1
            print(f"{to} has answered", flush=True)
            both = CompleteTransfer(consult=consult, mode="transfer")
            done(await complete_transfer.asyncio(call, client=client, body=both))
            print(f"{call} is transferred to {to}")
            return 0
        except Refused as refusal:
            print(f"refused: {refusal}", file=sys.stderr)
            return 1


async def answered(consult: str, events: EventStream, client: AuthenticatedClient) -> bool:
    """Waits until the consultation call is connected, or over."""
    async for event in events:
        match event:
            case CallStateEvent(call=call, state=state) if call == consult:
                pass
            case LostEvent():
                # The event that is waited for may be gone: the call itself knows.
                state = done(await get_call.asyncio(consult, client=client)).state
            case _:
                continue
        if state in ("connected", "disconnected", "idle"):
            return state == "connected"
    return False


if len(sys.argv) != 3:
    sys.exit("usage: attended_transfer.py LINE NUMBER")
sys.exit(asyncio.run(main(*sys.argv[1:])))
