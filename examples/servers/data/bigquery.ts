/**
 * A data warehouse of a company that does not exist, and just enough SQL to read it: `SELECT … FROM dataset.table`, with
 * `LIMIT n`. Pure; the same query gets the same rows.
 */
import { drawFor, pick } from '../draw.ts';

export type ColumnType = 'STRING' | 'INT64' | 'FLOAT64' | 'DATE';

export interface Table {
  readonly rows: number;
  readonly bytes: number;
  readonly columns: Readonly<Record<string, ColumnType>>;
}

export const warehouse: Readonly<Record<string, Readonly<Record<string, Table>>>> = {
  sales: {
    orders: {
      rows: 412_806,
      bytes: 61_920_900,
      columns: { order_id: 'INT64', customer: 'STRING', placed: 'DATE', total: 'FLOAT64' },
    },
    customers: {
      rows: 38_112,
      bytes: 4_573_440,
      columns: { customer: 'STRING', country: 'STRING', since: 'DATE' },
    },
  },
  logistics: {
    shipments: {
      rows: 398_441,
      bytes: 51_797_330,
      columns: { shipment_id: 'INT64', order_id: 'INT64', harbour: 'STRING', sailed: 'DATE' },
    },
  },
};

export interface Query {
  readonly name: string;
  readonly table: Table;
  readonly columns: readonly string[];
  readonly limit: number;
}

/** What a statement asks for, or a sentence that says why it cannot be answered. */
export function parseQuery(sql: string): Query | string {
  const parts =
    /^\s*select\s+(?<list>.+?)\s+from\s+`?(?<dataset>\w+)\.(?<table>\w+)`?(?:\s+limit\s+(?<limit>\d{1,4}))?\s*;?\s*$/is.exec(
      sql,
    );
  if (!parts?.groups) return 'Only `SELECT columns FROM dataset.table [LIMIT n]` is understood here.';
  const { list = '*', dataset = '', table = '', limit = '10' } = parts.groups;
  const found = findTable(dataset, table);
  if (!found) return `Not found: table ${dataset}.${table}. list_tables names those there are.`;
  const columns = list.trim() === '*' ? Object.keys(found.columns) : list.split(',').map((column) => column.trim());
  const unknown = columns.find((column) => !Object.hasOwn(found.columns, column));
  if (unknown !== undefined) return `Unrecognized name: ${unknown} in ${dataset}.${table}.`;
  return { name: `${dataset}.${table}`, table: found, columns, limit: Number(limit) };
}

/** The table, or undefined when the dataset or the table does not exist. */
export function findTable(dataset: string, table: string): Table | undefined {
  const tables = Object.hasOwn(warehouse, dataset) ? warehouse[dataset] : undefined;
  return tables && Object.hasOwn(tables, table) ? tables[table] : undefined;
}

/** The first rows of the answer, as objects by column name. */
export function rowsOf({ name, table, columns, limit }: Query): Record<string, string | number>[] {
  return Array.from({ length: Math.min(limit, table.rows) }, (_, row) =>
    Object.fromEntries(columns.map((column) => [column, cell(`${name}/${row}/${column}`, table.columns[column])])),
  );
}

function cell(key: string, type: ColumnType | undefined): string | number {
  const draw = drawFor(key);
  if (type === 'INT64') return 100_000 + draw(900_000);
  if (type === 'FLOAT64') return draw(100_000) / 100;
  if (type === 'DATE') return new Date(Date.UTC(2026, 0, 1 + draw(240))).toISOString().slice(0, 10);
  return pick(draw, ['Genova', 'Lisboa', 'Valencia', 'Palma', 'Marseille', 'Pisa']);
}
