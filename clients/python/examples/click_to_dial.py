"""Click-to-dial: calls a number from a desk phone. The phone rings first; when it is picked up, the number is called.

    python click_to_dial.py 1001 1002

It prints each state of the call and ends with it.
"""

import asyncio
import sys

from trunkline_client import Daemon, EventStream, Refused, connect, done, given, new_key
from trunkline_client.generated.api.calls import call as get_call
from trunkline_client.generated.api.calls import deallocate_call
from trunkline_client.generated.api.lines import make_call
from trunkline_client.generated.models import CallStateEvent, LostEvent, MakeCall


async def main(line: str, to: str) -> int:
    daemon = Daemon.from_environment()
    # First the stream, then the call: so none of its states is missed.
    async with connect(daemon) as client, EventStream(daemon) as events:
        # A click that is repeated because its answer was lost must not call twice: it is the same request as long as its key is.
        key = new_key()
        try:
            made = await make_call.asyncio(line, client=client, body=MakeCall(to=to), idempotency_key=key)
            call = given(done(made).call)
        except Refused as refusal:
            print(f"{line} cannot call {to}: {refusal}", file=sys.stderr)
            return 1
        print(f"{call}: {line} calls {to}", flush=True)

        async for event in events:
            match event:
                case LostEvent():
                    # The stream was away for too long: whether the call is still there says the API.
                    state = done(await get_call.asyncio(call, client=client)).state
                    print(f"{call}: {state} (events were lost)", flush=True)
                case CallStateEvent(call=of, state=state) if of == call:
                    print(f"{call}: {state}" + (f" ({event.state_mode})" if event.state_mode else ""), flush=True)
                    if state == "disconnected":
                        done(await deallocate_call.asyncio(call, client=client))
                    if state in ("disconnected", "idle"):
                        break
    return 0


if len(sys.argv) != 3:
    sys.exit("usage: click_to_dial.py LINE NUMBER")
sys.exit(asyncio.run(main(*sys.argv[1:])))
