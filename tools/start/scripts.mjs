// The scripts of package.json: which file runs, and what `--help` says. Plain data: `--help` works before anything is
// installed, and the commands print the same text.
// table

import { defaultPortBase, highestPortBase, lowestPortBase } from './port-range.mjs';

/**
 * @typedef {object} Script
 * @property {string} file  Run under Node 24, relative to the checkout.
 * @property {string} says  One line for the list of scripts.
 * @property {string} usage What `--help` prints.
 * @property {Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>} [options] As parseArgs knows them; without
 *   them the script reads its arguments itself.
 * @property {string} [word] The one word that it expects beside options.
 */

const text = /** @type {const} */ ({ type: 'string' });
const flag = /** @type {const} */ ({ type: 'boolean' });

const stackOptions = `  --stack NAME      which stack (default: local, or PORTOLAN_STACK)`;

/** @type {Readonly<Record<string, Script>>} */
export const scripts = {
  up: {
    file: 'tools/commands/up.ts',
    options: { stack: text, 'port-base': text, 'stand-ins': flag, verbose: flag },
    says: 'stand up a federation, on this machine or in clusters, or repair it',
    usage: `usage: npm run up -- [options]

Runs \`pulumi up\` on a stack of this machine: control plane, gateways, mesh and example MCP servers.
Run again, it repairs what was killed and changes nothing else.
A stack with settings in stacks/Pulumi.<stack>.yaml (dev, onprem, your own) is made in the clusters that they name.

${stackOptions}
  --port-base N     first port of the stack, ${lowestPortBase}..${highestPortBase} (default: ${defaultPortBase}, or what the stack used before)
  --stand-ins       in place of each cluster that the settings name a real Kubernetes API server on this machine
  --verbose         everything that the engine prints
  --help            this text`,
  },
  preview: {
    file: 'tools/commands/preview.ts',
    options: { stack: text, clusters: flag },
    says: 'what `up` would change in a stack that runs in clusters',
    usage: `usage: npm run preview -- --stack NAME [options]

Runs \`pulumi preview\` on a stack with settings in stacks/Pulumi.<stack>.yaml, with a real Kubernetes API server on this machine in
place of each cluster: no account is needed, and every object is judged as a cluster would.

  --stack NAME      which stack: dev, onprem, or your own
  --clusters        the clusters that the settings name, in place of stand-ins
  --help            this text`,
  },
  down: {
    file: 'tools/commands/down.ts',
    options: { stack: text, 'keep-data': flag, 'stand-ins': flag, verbose: flag },
    says: 'remove everything that `up` made',
    usage: `usage: npm run down -- [options]

Ends every process of the stack and removes .portolan/<stack>/; of a stack in clusters, all that \`up\` made there, data too.

${stackOptions}
  --keep-data       leave .portolan/<stack>/ (database, keys, logs) in place
  --stand-ins       of a stack in clusters what \`up --stand-ins\` made, where both are there
  --verbose         everything that the engine prints
  --help            this text`,
  },
  restart: {
    file: 'tools/commands/restart.ts',
    options: { stack: text },
    word: 'the name of a process, as in `npm run restart -- gateway-azure`',
    says: 'restart one process, without the engine',
    usage: `usage: npm run restart -- <name> [options]

Ends one process of the stack (TERM, 10 s, KILL) and starts it again as it was started last. Needs no other part alive.
\`npm run status\` lists the names.

${stackOptions}
  --help            this text`,
  },
  status: {
    file: 'tools/commands/status.ts',
    options: { stack: text, json: flag },
    says: 'health of each part, whether gateways are current, and what they find of the MCP servers',
    usage: `usage: npm run status -- [options]

One line a process. SNAPSHOT says whether what a gateway has applied is the newest that there is for it; each gateway
counts its own revisions. HEARD FROM is when it last reported. Exit 0 when every part is ready, else 1.

Then one line an MCP server, as the gateway that dials it last found it (every 5 minutes, and at once when calls begin to fail or
to succeed again); TOOLS is how many the server has, hidden ones too. ERA is modern (2026-07-28 and later), legacy,
dual (both) or http+sse (not passed through); LAST ERROR may be past, if CHECKED is newer. It does not change the exit code.

${stackOptions}
  --json            the same as JSON
  --help            this text`,
  },
  flows: {
    file: 'tools/commands/flows.ts',
    options: { stack: text, json: flag },
    says: 'each rule of the networks between the planes, with its reason and both ends',
    usage: `usage: npm run flows -- [options]

A paragraph a rule, as the last \`up\` made them: why it is there, who connects to whom, at which ports. A port that is
translated on its way stands with the one that the pod sees. A local stack has none.

${stackOptions}
  --json            the same as JSON
  --help            this text`,
  },
  test: {
    file: 'tools/test.ts',
    says: 'run the tests',
    usage: `usage: npm test -- [vitest options] [path fragments]

Makes sure of Pulumi, nats-server and pebble, then runs vitest once. Examples:
  npm test                     everything
  npm test -- core gateway     what lies under core/ and gateway/
  npm test -- -t "loop"        tests whose name contains "loop"`,
  },
  slow: {
    file: 'tools/test-slow.ts',
    says: 'run the tests that take minutes each',
    usage: `usage: npm run slow -- [vitest options] [path fragments]

The suites *.slow.test.ts: pods on a real API server in every detail, two control planes with three NATS servers, rotations,
ACME with its failures. About ten minutes. \`npm test\` runs a faster representative of each.`,
  },
  check: {
    file: 'tools/check.ts',
    options: { fix: flag },
    says: 'format, lint, types, import law',
    usage: `usage: npm run check -- [--fix]

  --fix             let the formatter and linter write their safe fixes first
  --help            this text`,
  },
  bench: {
    file: 'bench/index.ts',
    says: 'cost per call, against nginx, in one run',
    usage: `usage: npm run bench -- [options]

Runs bench/index.ts; results as a table and as JSON.`,
  },
  conformance: {
    file: 'test/conformance/index.ts',
    options: { upstream: text, way: text, quick: flag },
    says: 'the official MCP conformance suite, through the gateway',
    usage: `usage: npm run conformance -- [options]

Runs @modelcontextprotocol/conformance against an MCP server directly, through one gateway and through two, and the
official client against the suite's own servers the same ways. Prints a table, and every check that passes directly and
not through. Exit 1 where one of those is not in test/conformance/baseline.json, or stands there in vain. One to four minutes.

  --upstream URL    an MCP server of your own, in place of test/harness/everything (server half only, no baseline)
  --way WAY         direct, one or two: only this way, beside the direct one it is compared with
  --quick           without tasks, skills and the client half
  --help            this text`,
  },
  compatibility: {
    file: 'test/compatibility/main.ts',
    options: { write: flag },
    says: 'real clients on real servers, directly and through two gateways',
    usage: `usage: npm run compatibility -- [--write]

Installs the clients and servers that npm install does not bring into .portolan/compatibility, runs every action of every client
on every server directly and through two gateways, and prints how each went. Takes about eleven minutes. Exit 1 when something that
passes directly does not pass through.

  --write           write docs/compatibility.md
  --help            this text`,
  },
  fuzz: {
    file: 'test/fuzz/index.ts',
    options: { cases: text, seed: text, path: text, target: text },
    says: 'the readers of bytes, with bytes that are nearly right',
    usage: `usage: npm run fuzz -- [options]

Runs every fuzz target and says what it did; exit 1 when one has failed, with what plays it again.

  --cases N         cases a target (default: 100000)
  --seed N          where chance begins (default: another one each time, printed)
  --path P          of a failure, as it was printed: plays that case alone
  --target TEXT     only targets whose name contains it
  --help            this text`,
  },
  images: {
    file: 'tools/commands/images.ts',
    options: { unpack: text },
    says: 'build the images, without a container engine',
    usage: `usage: npm run images -- [options]

Builds the images gateway, control-plane, nats-server and postgres (development) from this checkout with buildah, on a base made
from Debian's packages with mmdebstrap. Needs Linux, root, and both programs (apt-get install buildah mmdebstrap).
Prints of each the digest, the size, the archive (\`podman load\`, \`docker load\`, \`skopeo copy docker-archive:…\`) and the SBOM. What did
not change is not built again: images are kept in ~/.cache/portolan/images by content. SOURCE_DATE_EPOCH dates them (default 0).

  --unpack DIR      copy the file system of each image to DIR/<name> as well
  --help            this text`,
  },
  docs: {
    file: 'test/docs/write.ts',
    options: { check: flag },
    says: 'write the generated pages of docs/',
    usage: `usage: npm run docs -- [--check]

  --check           write nothing; fail when a page is out of date
  --help            this text`,
  },
  pulumi: {
    file: 'tools/run-pulumi.ts',
    says: 'the Pulumi CLI on the backend of a stack (as `npx pulumi`)',
    usage: `usage: npx pulumi [--stack NAME] <command> [options]

The CLI that \`npm run up\` uses, on the same backend, state and settings (stack: --stack, PORTOLAN_STACK, else local).
\`npx pulumi help\` is the CLI's own help.`,
  },
};
