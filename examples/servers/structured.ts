/**
 * A tool's answer in both forms the specification asks for (2026-07-28, server/tools, structured content):
 * `structuredContent` for programs, the same as JSON text for clients that read only text.
 */
import type { CallToolResult } from '@modelcontextprotocol/server';

/** The answer of a tool that has an `outputSchema`; `value` must match it, or the SDK answers an error. */
export function structured(value: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}

/** An error of the tool, not of the protocol: the model reads it and can try again with better arguments. */
export function refused(sentence: string): CallToolResult {
  return { content: [{ type: 'text', text: sentence }], isError: true };
}
