/** What the official client (SDK 2.x) does in each scenario of the suite: a client that keeps the rules, so that what fails is between. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SkillsClient } from '@modelcontextprotocol/client/ext/skills';

export interface Given {
  readonly url: URL;
  /** Revision that the scenario is about. */
  readonly version: string;
  readonly context: {
    readonly toolCalls?: readonly { readonly name: string; readonly arguments: Record<string, unknown> }[];
  };
}
type Scenario = (given: Given) => Promise<void>;
type Capabilities = NonNullable<ConstructorParameters<typeof Client>[1]>['capabilities'];

const MODERN = '2026-07-28';

async function connect({ url, version }: Given, capabilities: Capabilities = {}): Promise<Client> {
  const mode = version === MODERN ? ('auto' as const) : ('legacy' as const);
  const client = new Client(
    { name: 'portolan-conformance', version: '1.0.0' },
    { versionNegotiation: { mode }, capabilities },
  );
  if (capabilities.elicitation) {
    client.setRequestHandler('elicitation/create', ({ params }) => ({
      action: 'accept',
      content:
        'requestedSchema' in params && 'confirmed' in params.requestedSchema.properties ? { confirmed: true } : {},
    }));
  }
  await client.connect(new StreamableHTTPClientTransport(url));
  return client;
}

const lists: Scenario = async (given) => {
  const client = await connect(given);
  await client.listTools();
  await client.close();
};

const callsNamed =
  (name: string, args: Record<string, unknown>, capabilities?: Capabilities): Scenario =>
  async (given) => {
    const client = await connect(given, capabilities);
    await client.listTools();
    await client.callTool({ name, arguments: args });
    await client.close();
  };

const answersRounds: Scenario = async (given) => {
  const client = await connect(given, { elicitation: { form: {} } });
  const { tools } = await client.listTools();
  for (const { name } of tools) await client.callTool({ name, arguments: {} });
  await client.close();
};

const usesEverything: Scenario = async (given) => {
  const client = await connect(given);
  for (const { name } of (await client.listTools()).tools) await client.callTool({ name, arguments: {} });
  for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
  for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
  await client.close();
};

const mirrorsArguments: Scenario = async (given) => {
  const client = await connect(given);
  await client.listTools();
  for (const call of given.context.toolCalls ?? []) await client.callTool(call);
  await client.close();
};

const callsWhatIsListed: Scenario = async (given) => {
  const client = await connect(given);
  for (const { name } of (await client.listTools()).tools)
    await client.callTool({ name, arguments: { region: 'eu', value: 'x' } });
  await client.close();
};

const echoesSchema: Scenario = async (given) => {
  const client = await connect(given);
  const { tools } = await client.listTools();
  const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
  await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
  await client.close();
};

/** `key: value` lines are all that the suite's skills have. */
const parseFrontmatter = (yaml: string): Record<string, unknown> =>
  Object.fromEntries(yaml.split('\n').flatMap((line) => (/^(\w+): (.*)$/.exec(line) ? [line.split(/: (.*)/)] : [])));

const listsSkills: Scenario = async (given) => {
  const client = await connect(given);
  await new SkillsClient(client, { parseFrontmatter }).list();
  await client.close();
};

/** What does not hold what its entry promises is not used: the read throws, and nothing more is read. */
const usesSkills: Scenario = async (given) => {
  const client = await connect(given);
  const skills = new SkillsClient(client, { parseFrontmatter });
  const [skill] = (await skills.list()).skills;
  if (!skill || skill.resources === 'dynamic') throw new Error('a skill with files was expected');
  await skills.read(skill);
  for (const { uri } of skill.resources) await skills.read(skill, uri);
  await client.close();
};

// table
export const scenarios: Readonly<Record<string, Scenario>> = {
  initialize: lists,
  tools_call: callsNamed('add_numbers', { a: 5, b: 3 }),
  'elicitation-sep1034-client-defaults': callsNamed(
    'test_client_elicitation_defaults',
    {},
    { elicitation: { form: { applyDefaults: true } } },
  ),
  'sse-retry': callsNamed('test_reconnection', {}),
  'request-metadata': lists,
  'sep-2322-client-request-state': answersRounds,
  'http-standard-headers': usesEverything,
  'http-custom-headers': mirrorsArguments,
  'http-invalid-tool-headers': callsWhatIsListed,
  'json-schema-ref-no-deref': lists,
  'json-schema-2020-12-preservation': echoesSchema,
  'sep-2640-client-no-prefetch': listsSkills,
  'sep-2640-client-verify-digest': usesSkills,
  'sep-2640-client-verify-size': usesSkills,
  'sep-2640-client-verify-frontmatter': usesSkills,
};
