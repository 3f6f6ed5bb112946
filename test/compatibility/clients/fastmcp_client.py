"""The fastmcp client, driven by lines of JSON on stdin; fastmcp.ts is the other end.

Orders: connect, list, call, cancel. Each but cancel is answered by a line with its id and `result` or `error`; in between come
`progress` (with the id of its call), `logged`, `elicited` and `sampled`.
"""

import asyncio
import json
import sys

import fastmcp
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport


def say(line: dict) -> None:
    print(json.dumps(line), flush=True)


class Driver:
    def __init__(self) -> None:
        self.client: Client | None = None
        self.calls: dict[int, asyncio.Task] = {}

    async def connect(self, order: dict) -> str:
        headers = {"Authorization": f"Bearer {order['token']}"} if order.get("token") else {}

        async def logged(_message) -> None:
            say({"event": "logged"})

        async def elicited(_message, _type, _params, _context):
            say({"event": "elicited"})
            return ElicitResult(action="accept", content=order["form"])

        async def sampled(_messages, _params, _context) -> str:
            say({"event": "sampled"})
            return order["completion"]

        self.client = Client(
            StreamableHttpTransport(url=order["url"], headers=headers),
            log_handler=logged,
            elicitation_handler=elicited,
            sampling_handler=sampled,
        )
        await self.client.__aenter__()
        return self.client.protocol_version or "?"

    async def list(self, _order: dict) -> list[str]:
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, order: dict) -> str:
        async def progressed(_progress, _total, _message) -> None:
            say({"event": "progress", "id": order["id"]})

        result = await self.client.call_tool(order["tool"], order["args"], progress_handler=progressed)
        return "\n".join(getattr(block, "text", "") for block in result.content)

    async def obey(self, order: dict) -> None:
        try:
            say({"id": order["id"], "result": await getattr(self, order["do"])(order)})
        except asyncio.CancelledError:
            say({"id": order["id"], "error": "cancelled"})
        except Exception as error:
            say({"id": order["id"], "error": f"{type(error).__name__}: {error}"})


async def main() -> None:
    say({"version": fastmcp.__version__})
    driver = Driver()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] == "cancel":
            driver.calls[order["id"]].cancel()
        else:
            driver.calls[order["id"]] = asyncio.create_task(driver.obey(order))


asyncio.run(main())
