/** Id of the tasks extension (SEP-2663). */
export const TASKS = 'io.modelcontextprotocol/tasks';
