/** Prompts, and the completion of their arguments. */
import { acceptedContent, completable, inputRequired, type McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { media } from './media.ts';

const says = (said: string) => ({ role: 'user' as const, content: { type: 'text' as const, text: said } });
const Context = z.object({ context: z.string() });
const words = ['paris', 'park', 'party', 'testing'];

export function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'No arguments.' }, () => ({
    messages: [says('This is a simple prompt for testing.')],
  }));
  server.registerPrompt(
    'test_prompt_with_arguments',
    {
      description: 'Two arguments; the first can be completed.',
      argsSchema: z.object({
        arg1: completable(z.string(), (start) => words.filter((word) => word.startsWith(start))),
        arg2: z.string(),
      }),
    },
    ({ arg1, arg2 }) => ({ messages: [says(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'Embeds a resource.', argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri: uri }) => ({ messages: [embeds(uri), says('Please process the embedded resource above.')] }),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'Holds an image.' }, () => ({
    messages: [{ role: 'user', content: media.image }, says('Please analyze the image above.')],
  }));
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks first.' }, (ctx) => {
    const given = acceptedContent(ctx.mcpReq.inputResponses, 'user_context', Context);
    if (given) return { messages: [says(`With context: ${given.context}`)] };
    const message = 'What context should the prompt use?';
    return inputRequired({
      inputRequests: { user_context: inputRequired.elicit({ message, requestedSchema: Context }) },
    });
  });
}

const embeds = (uri: string) => ({
  role: 'user' as const,
  content: {
    type: 'resource' as const,
    resource: { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
  },
});
