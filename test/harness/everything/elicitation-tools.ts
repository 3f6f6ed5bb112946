/**
 * Tools that ask the client for something, written once for both eras: what they return as `input_required` becomes, in a legacy
 * session, a request of the server on the call's own stream (the SDK sees to it).
 */
import {
  type InputRequest,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { forms } from './forms.ts';
import { text } from './text.ts';

export function registerElicitationTools(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    { description: "Asks the client's model.", inputSchema: z.object({ prompt: z.string() }) },
    ({ prompt }, ctx) => {
      const answer = inputResponse(ctx.mcpReq.inputResponses, 'completion');
      if (answer.kind !== 'sampling') return ask('completion', sample(prompt));
      const [content] = [answer.result.content].flat();
      return text(`LLM response: ${content?.type === 'text' ? content.text : 'no text'}`);
    },
  );
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user.', inputSchema: z.object({ message: z.string() }) },
    ({ message }, ctx) => elicit(ctx, 'User response', { message, requestedSchema: forms.response }),
  );
  server.registerTool('test_elicitation_sep1034_defaults', { description: 'A form with default values.' }, (ctx) =>
    elicit(ctx, 'Elicitation completed', { message: 'Please review the defaults.', requestedSchema: forms.defaults }),
  );
  server.registerTool('test_elicitation_sep1330_enums', { description: 'A form with every kind of choice.' }, (ctx) =>
    elicit(ctx, 'Elicitation completed', { message: 'Please choose.', requestedSchema: forms.enums }),
  );
}

type Form = Parameters<typeof inputRequired.elicit>[0];

function elicit(ctx: ServerContext, says: string, form: Form) {
  const answer = inputResponse(ctx.mcpReq.inputResponses, 'form');
  if (answer.kind !== 'elicit') return ask('form', inputRequired.elicit(form));
  return text(`${says}: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
}

const ask = (key: string, request: InputRequest) => inputRequired({ inputRequests: { [key]: request } });

const sample = (prompt: string): InputRequest =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens: 100,
  });
