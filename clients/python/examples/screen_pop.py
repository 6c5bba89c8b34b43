"""Screen pop: shows who calls, before the phone is picked up.

    python screen_pop.py 1002 customers.json

`customers.json` is `{"1001": "Ada Lovelace, gold"}`: in its place stands the search of your CRM.
"""

import asyncio
import json
import sys
from pathlib import Path

from trunkline_client import Daemon, EventStream, Refused, connect, done
from trunkline_client.generated.api.calls import call as get_call
from trunkline_client.generated.api.calls import calls as get_calls
from trunkline_client.generated.models import Call, CallStateEvent, LostEvent

RINGS = ("offering", "accepted")


class Screen:
    """What was shown of whom."""

    def __init__(self, customers: dict[str, str]) -> None:
        self.customers = customers
        self.shown: set[str] = set()

    def show(self, call: Call) -> None:
        if call.id in self.shown:
            return
        self.shown.add(call.id)
        caller = call.caller
        who = self.customers.get(caller.number) or caller.name or "nobody we know"
        sent = f", sent by {call.redirecting.number}" if call.redirecting.number else ""
        number = "number withheld" if caller.blocked else caller.number
        print(f"{call.id}: {number} calls ({call.reason}{sent}): {who}", flush=True)


async def main(line: str, screen: Screen) -> None:
    daemon = Daemon.from_environment()
    async with connect(daemon) as client, EventStream(daemon) as events:
        print(f"waiting for calls of {line}", flush=True)

        async def look_around() -> None:
            for call in done(await get_calls.asyncio(client=client)):
                if call.line == line and call.state in RINGS:
                    screen.show(call)

        # What rings already is shown, too.
        await look_around()
        async for event in events:
            match event:
                case CallStateEvent(line=of, state=state) if of == line and state in RINGS:
                    try:
                        screen.show(done(await get_call.asyncio(event.call, client=client)))
                    except Refused:
                        pass  # It is over already.
                case CallStateEvent(call=call, state="connected" | "idle") if call in screen.shown:
                    screen.shown.remove(call)
                    print(f"{call}: {'picked up' if event.state == 'connected' else 'gone'}", flush=True)
                case LostEvent():
                    await look_around()


if len(sys.argv) not in (2, 3):
    sys.exit("usage: screen_pop.py LINE [CUSTOMERS.json]")
names = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")) if len(sys.argv) == 3 else {}
asyncio.run(main(sys.argv[1], Screen(names)))
