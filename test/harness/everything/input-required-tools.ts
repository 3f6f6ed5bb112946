/** Rounds of SEP-2322: a tool or prompt says what it needs, and is asked again with the answers. State is signed; nothing is kept here. */
import {
  acceptedContent,
  type InputRequest,
  inputRequired,
  inputResponse,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { clientCapabilities } from './client-capabilities.ts';
import { text } from './text.ts';

const Name = z.object({ name: z.string() });
const Ok = z.object({ ok: z.boolean() });
const Color = z.object({ color: z.string() });

const form = (message: string, requestedSchema: z.ZodObject): InputRequest =>
  inputRequired.elicit({ message, requestedSchema });
const sample = (prompt: string, maxTokens = 100): InputRequest =>
  inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens });

export function registerInputRequiredTools(server: McpServer, states: RequestStateCodec): void {
  registerSingleRounds(server);
  registerStatefulRounds(server, states);
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only for what the client can give.' },
    (ctx) => (answered(ctx) ? text('done') : inputRequired({ inputRequests: whatItCan(ctx) })),
  );
}

function registerSingleRounds(server: McpServer): void {
  server.registerTool('test_input_required_result_elicitation', { description: 'One round: a name.' }, (ctx) => {
    const given = acceptedContent(ctx.mcpReq.inputResponses, 'user_name', Name);
    if (given) return text(`Hello, ${given.name}!`);
    return inputRequired({ inputRequests: { user_name: form('What is your name?', Name) } });
  });
  server.registerTool('test_input_required_result_sampling', { description: 'One round: a model.' }, (ctx) => {
    const given = inputResponse(ctx.mcpReq.inputResponses, 'capital_question');
    if (given.kind === 'sampling') return text(JSON.stringify(given.result.content));
    return inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?') } });
  });
  server.registerTool('test_input_required_result_list_roots', { description: 'One round: roots.' }, (ctx) => {
    const given = inputResponse(ctx.mcpReq.inputResponses, 'client_roots');
    if (given.kind === 'roots') return text(given.roots.map(({ uri }) => uri).join(' '));
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
}

function registerStatefulRounds(server: McpServer, states: RequestStateCodec): void {
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    server.registerTool(
      name,
      { description: 'One round, with a state that must come back as it was.' },
      async (ctx) => {
        // a forged state has been refused before (-32602)
        if (ctx.mcpReq.requestState() !== undefined && answered(ctx)) return text('state-ok');
        return inputRequired({
          inputRequests: { confirm: form('Please confirm', Ok) },
          requestState: await states.mint({ round: 1 }),
        });
      },
    );
  }
  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'One round: a name, a model and roots.' },
    async (ctx) => {
      const { inputResponses } = ctx.mcpReq;
      const wanted = ['user_name', 'greeting', 'client_roots'];
      if (wanted.every((key) => inputResponse(inputResponses, key).kind !== 'missing')) return text('all given');
      const inputRequests = {
        user_name: form('What is your name?', Name),
        greeting: sample('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      };
      return inputRequired({ inputRequests, requestState: await states.mint({ round: 1 }) });
    },
  );
  server.registerTool('test_input_required_result_multi_round', { description: 'Two rounds.' }, (ctx) =>
    rounds(ctx, states),
  );
}

async function rounds(ctx: ServerContext, states: RequestStateCodec) {
  const { inputResponses } = ctx.mcpReq;
  const state = ctx.mcpReq.requestState<{ round: number; name?: string }>();
  const color = acceptedContent(inputResponses, 'step2', Color);
  if (state?.round === 2 && color) return text(`${state.name} likes ${color.color}`);
  const given = acceptedContent(inputResponses, 'step1', Name);
  if (state?.round === 1 && given) {
    return inputRequired({
      inputRequests: { step2: form('Step 2: What is your favorite color?', Color) },
      requestState: await states.mint({ round: 2, name: given.name }),
    });
  }
  return inputRequired({
    inputRequests: { step1: form('Step 1: What is your name?', Name) },
    requestState: await states.mint({ round: 1 }),
  });
}

const answered = (ctx: ServerContext): boolean => Object.keys(ctx.mcpReq.inputResponses ?? {}).length > 0;

function whatItCan(ctx: ServerContext): Record<string, InputRequest> {
  const can = clientCapabilities(ctx);
  return {
    ...(can.elicitation && { user_name: form('What is your name?', Name) }),
    ...(can.sampling && { greeting: sample('Generate a greeting', 50) }),
    ...(can.roots && { client_roots: inputRequired.listRoots() }),
  };
}
