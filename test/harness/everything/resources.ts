/** Resources: text, bytes, a template, and one that can be watched. */
import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { media } from './media.ts';

const text = (uri: string, said: string, mimeType = 'text/plain') => ({ contents: [{ uri, mimeType, text: said }] });

export function registerResources(server: McpServer): void {
  server.registerResource(
    'static-text',
    'test://static-text',
    { description: 'A text.', mimeType: 'text/plain' },
    ({ href }) => text(href, 'This is the content of the static text resource.'),
  );
  server.registerResource(
    'static-binary',
    'test://static-binary',
    { description: 'An image.', mimeType: media.image.mimeType },
    ({ href }) => ({ contents: [{ uri: href, mimeType: media.image.mimeType, blob: media.image.data }] }),
  );
  server.registerResource(
    'watched-resource',
    'test://watched-resource',
    { description: 'Changes when test_trigger_resource_update says so.', mimeType: 'text/plain' },
    ({ href }) => text(href, 'Watched resource content'),
  );
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'Data by id.', mimeType: 'application/json' },
    ({ href }, { id }) =>
      text(href, JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }), 'application/json'),
  );
}
