/**
 * The settings of a gateway process: command line, then one YAML file, checked once and frozen.
 * The only file that reads process.argv; a gateway reads nothing from its environment. What the options are stands in config-schema.ts.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseYaml, YAMLError } from 'yaml';
import { z } from 'zod';
import { type Config, ConfigFile } from './config-schema.ts';

export type { Config } from './config-schema.ts';

/** The settings cannot be used; the message names file, key, what was expected and what to do, one line a fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type CommandLine =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly config: Config };

/** Reads the command line and the file that it names. Throws `ConfigError`. */
export function readCommandLine(args: readonly string[] = process.argv.slice(2)): CommandLine {
  const { config, help } = parseOptions(args);
  if (help) return { kind: 'help', text: helpText() };
  if (config === undefined)
    throw new ConfigError(
      'no configuration: start with "gateway --config <file>"; "gateway --help" lists every option',
    );
  return { kind: 'run', config: readConfig(resolve(config)) };
}

function parseOptions(args: readonly string[]): { config?: string | undefined; help?: boolean | undefined } {
  try {
    const options = { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    throw new ConfigError(`command line: ${sentence(error)}. Expected "gateway --config <file>"`);
  }
}

/** Reads one file; relative paths in it count from its folder. Throws `ConfigError`. */
export function readConfig(file: string): Config {
  const parsed = ConfigFile.safeParse(readYaml(file));
  if (!parsed.success)
    throw new ConfigError(parsed.error.issues.flatMap((issue) => faultLines(file, issue)).join('\n'));
  return deepFreeze(fromFolder(parsed.data, dirname(file)));
}

function readYaml(file: string): unknown {
  try {
    return parseYaml(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof YAMLError) throw new ConfigError(`${file}: is not valid YAML: ${error.message}`);
    throw new ConfigError(`${file}: cannot be read: ${sentence(error)}. Give the path of the gateway's YAML file`);
  }
}

function fromFolder(config: Config, folder: string): Config {
  const { certificate, controlPlane, serviceAccountTokenFile } = config;
  return {
    ...config,
    dataDir: resolve(folder, config.dataDir),
    enrolmentFile: resolve(folder, config.enrolmentFile),
    ...(serviceAccountTokenFile === undefined
      ? {}
      : { serviceAccountTokenFile: resolve(folder, serviceAccountTokenFile) }),
    certificate:
      certificate === 'acme'
        ? certificate
        : { certFile: resolve(folder, certificate.certFile), keyFile: resolve(folder, certificate.keyFile) },
    controlPlane: {
      ...controlPlane,
      ...(controlPlane.caFile === undefined ? {} : { caFile: resolve(folder, controlPlane.caFile) }),
    },
  };
}

/** `<file>: <key>: <what was expected>`; an unknown key is named itself, with the keys that exist beside it. */
function faultLines(file: string, issue: z.core.$ZodIssue): string[] {
  const at = issue.path.map(String).join('.');
  const key = at === '' ? 'the file' : at;
  if (issue.code === 'unrecognized_keys') {
    const known = optionsAt(at).join(', ');
    return issue.keys.map(
      (name) => `${file}: ${at === '' ? name : `${at}.${name}`}: unknown key. Known here: ${known}`,
    );
  }
  if (issue.code === 'invalid_union') {
    // the branch that got furthest speaks
    const nested = issue.errors.find((branch) =>
      branch.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
    );
    if (nested) return nested.flatMap((inner) => faultLines(file, { ...inner, path: [...issue.path, ...inner.path] }));
  }
  if (issue.code === 'invalid_union') {
    const said = issue.message === 'Invalid input' ? issue.errors[0]?.[0]?.message : issue.message;
    return [`${file}: ${key}: ${said ?? issue.message}`];
  }
  const missing = issue.code === 'invalid_type' && issue.input === undefined;
  return [`${file}: ${key}: ${missing ? `is missing: ${issue.message}. "gateway --help" explains it` : issue.message}`];
}

interface OptionDoc {
  readonly type?: string | undefined;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, OptionDoc>>;
  readonly items?: OptionDoc;
  readonly anyOf?: readonly OptionDoc[];
  readonly required?: readonly string[];
}
const documented = (): OptionDoc => z.toJSONSchema(ConfigFile, { io: 'input', unrepresentable: 'any' }) as OptionDoc;

/** Of a choice the form that has options of its own. */
const withOptions = (doc: OptionDoc | undefined): OptionDoc | undefined =>
  doc?.anyOf?.find(({ properties }) => properties !== undefined) ?? doc;

function optionsAt(path: string): string[] {
  const keys = path === '' ? [] : path.split('.');
  const found = keys.reduce<OptionDoc | undefined>(
    (doc, key) => (/^\d+$/.test(key) ? doc?.items : withOptions(doc)?.properties?.[key]),
    documented(),
  );
  return Object.keys(withOptions(found)?.properties ?? {});
}

/** One line an option: `name  sentence (default)`. */
function helpText(): string {
  const lines = optionLines(documented(), '');
  const width = Math.max(...lines.map(([name]) => name.length));
  const listed = lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
  return ['usage: gateway --config <file>', '', 'The file is YAML. Options:', ...listed, ''].join('\n');
}

function optionLines(doc: OptionDoc, path: string): [name: string, text: string][] {
  return Object.entries(doc.properties ?? {}).flatMap(([key, option]) => {
    const name = path === '' ? key : `${path}.${key}`;
    if (option.properties) return optionLines(option, name);
    const own: [string, string] = [name, optionText(option, doc.required?.includes(key) ?? false)];
    const choice = withOptions(option);
    if (choice?.properties) return [own, ...optionLines(choice, name)];
    return option.items?.properties ? [own, ...optionLines(option.items, `${name}[]`)] : [own];
  });
}

function optionText(option: OptionDoc, required: boolean): string {
  const choices = option.enum ? ` One of ${option.enum.join(', ')}.` : '';
  const fallback = option.default === undefined || Array.isArray(option.default) ? '' : ` Default: ${option.default}.`;
  return `${option.description ?? ''}${choices}${required ? ' Required.' : fallback}`;
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
