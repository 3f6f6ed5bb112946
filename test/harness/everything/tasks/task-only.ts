/** Tools that answer with a task or not at all. */
export const TASK_ONLY: ReadonlySet<string> = new Set([
  'failing_job',
  'protocol_error_job',
  'confirm_delete',
  'multi_input',
  'test_tool_with_task',
]);
