/** One skill in two files, so that there is a directory to descend into (SEP-2640). Modern only. */
import type { McpServer } from '@modelcontextprotocol/server';
import { memorySkillFiles, SkillsExtension } from '@modelcontextprotocol/server/ext/skills';

const catalog = await SkillsExtension.load(
  memorySkillFiles({
    'charts/SKILL.md': '---\nname: charts\ndescription: Reads a sea chart.\n---\n\nUse references/symbols.md.\n',
    'charts/references/symbols.md': '# Symbols\n\nAn anchor marks a harbour.\n',
  }),
  { cacheHint: { ttlMs: 60_000, cacheScope: 'public' } },
);

export const registerSkills = (server: McpServer): void => catalog.attach(server);
