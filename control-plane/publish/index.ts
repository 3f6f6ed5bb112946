/** The door of publishing. */
export { Publisher, type PublisherSettings } from './publisher.ts';
export { renderTables } from './render-tables.ts';
