/** What every client is asked to do with every server: the columns of docs/compatibility.md, and what each one demands. */

// table
export const actions = {
  initialise: 'connect, by `initialize` or `server/discover`',
  list: '`tools/list` names the tools that the server is known for',
  call: '`tools/call`, and the answer is the right one',
  stream: 'a log message arrives, on the call’s own stream or on the GET stream',
  progress: 'two progress notifications or more before the answer',
  elicitation: 'the server asks a question during a call; the client’s answer comes back in the result',
  sampling: 'the server asks for a completion during a call; the client’s completion comes back in the result',
  cancel: 'a call under way is cancelled; the server is told, and the next call works',
  reconnect: 'the client’s connections are torn during a call; it goes on without a restart',
} as const;

export type Action = keyof typeof actions;

export const actionNames = Object.keys(actions) as readonly Action[];
