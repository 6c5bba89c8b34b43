"""Wall board: each line, whether its phone is there, and whom it talks with, as it changes.

    python wall_board.py

An application with `privilege = "monitor"` is enough.
"""

import asyncio
import sys

from trunkline_client import Daemon, EventStream, connect, done
from trunkline_client.generated.api.calls import calls as get_calls
from trunkline_client.generated.api.lines import lines as get_lines
from trunkline_client.generated.client import AuthenticatedClient
from trunkline_client.generated.models import Call, CallInfoEvent, CallStateEvent, Line, LostEvent, RegistrationEvent


class Board:
    """What is on the wall."""

    def __init__(self, client: AuthenticatedClient) -> None:
        self.client = client
        self.lines: list[Line] = []
        self.calls: list[Call] = []
        self.shown = ""

    async def read_lines(self) -> None:
        self.lines = done(await get_lines.asyncio(client=self.client))

    async def read_calls(self) -> None:
        """Who talks with whom changes with the calls beside one, too: all are read."""
        self.calls = done(await get_calls.asyncio(client=self.client))

    def draw(self) -> None:
        board = ""
        for line in self.lines:
            own = [call for call in self.calls if call.line == line.address and call.state != "idle"]
            busy = ", ".join(f"{call.state} {far_end(call)}" for call in own)
            board += f"{line.address:6} {line.name:12} {busy or ('free' if line.registered else 'away')}\n"
        if board != self.shown:
            self.shown = board
            print(("\033[2J\033[H" if sys.stdout.isatty() else "") + board, flush=True)


def far_end(call: Call) -> str:
    other = call.called if call.origin == "outbound" else call.caller
    party = call.connected if call.connected.number else other
    return party.name or party.number


async def main() -> None:
    daemon = Daemon.from_environment()
    # First the stream, then the lists: whatever changes while they are read is told behind.
    async with connect(daemon) as client, EventStream(daemon) as events:
        board = Board(client)
        await board.read_lines()
        await board.read_calls()
        board.draw()
        async for event in events:
            match event:
                case CallStateEvent() | CallInfoEvent():
                    await board.read_calls()
                case RegistrationEvent():
                    await board.read_lines()
                case LostEvent():
                    await board.read_lines()
                    await board.read_calls()
                case _:
                    continue
            board.draw()


asyncio.run(main())
