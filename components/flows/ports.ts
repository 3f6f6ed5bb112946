/** Ports of our pods, and of what they stand on. */
// table
export const ports = {
  tls: 8443,
  health: 8081,
  metrics: 9090,
  nats: 4222,
  natsCluster: 6222,
  natsMonitor: 8222,
  postgres: 5432,
  dns: 53,
  https: 443,
} as const;
