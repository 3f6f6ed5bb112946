/** The door of the agent beside a NATS server. */
export { type AgentSettings, runBeside, runOnce } from './agent.ts';
export { type NatsAgentConfig, readNatsAgentConfig } from './config.ts';
