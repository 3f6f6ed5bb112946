"""A FastMCP server with a tool for each action of the matrix.

It serves /mcp/, as frameworks that mount applications do, so that a request to /mcp is redirected with 307.
"""

import asyncio
import socket

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore
from mcp_types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    SamplingMessage,
    TextContent,
)

mcp = FastMCP("fastmcp")


@mcp.tool
def echo(message: str) -> str:
    return message


@mcp.tool
async def log(ctx: Context) -> str:
    await ctx.info("a log message")
    return "logged"


@mcp.tool
async def work(seconds: float, steps: int, ctx: Context) -> str:
    for step in range(steps):
        await asyncio.sleep(seconds / steps)
        await ctx.report_progress(step + 1, steps)
    return "completed"


@mcp.tool
async def work_long(seconds: float, steps: int, ctx: Context) -> str:
    return await work(seconds, steps, ctx)


@mcp.tool
async def ask(ctx: Context) -> str | InputRequiredResult:
    if not modern(ctx):
        answer = await ctx.elicit("What is your name?", response_type=str)
        return f"{answer.action}: {getattr(answer, 'data', None)}"
    if ctx.input_responses:
        return str(ctx.input_responses["name"].content)
    schema = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
    params = ElicitRequestFormParams(message="What is your name?", requested_schema=schema)
    return InputRequiredResult(input_requests={"name": ElicitRequest(params=params)})


@mcp.tool
async def complete(ctx: Context) -> str | InputRequiredResult:
    messages = [SamplingMessage(role="user", content=TextContent(type="text", text="Which harbour?"))]
    if not modern(ctx):
        answer = await ctx.session.create_message(messages, max_tokens=10, related_request_id=ctx.request_id)
        return answer.content.text
    if ctx.input_responses:
        return ctx.input_responses["completion"].content.text
    params = CreateMessageRequestParams(messages=messages, max_tokens=10)
    return InputRequiredResult(input_requests={"completion": CreateMessageRequest(params=params)})


def modern(ctx: Context) -> bool:
    """In the modern era a server asks by its result, and is called again with the answer."""
    return ctx.request_context.protocol_version >= "2026-07-28"


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    print(f"fastmcp listens on http://127.0.0.1:{port}/mcp", flush=True)
    app = mcp.http_app(path="/mcp/", event_store=EventStore())
    await uvicorn.Server(uvicorn.Config(app, log_level="error")).serve(sockets=[listener])


asyncio.run(main())
