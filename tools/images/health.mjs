// The health check inside an image: `node health.js <port>` exits 0 when /livez of this container's health listener answers
// 2xx within 4 s. No shell and no curl is needed for it.

const port = Number(process.argv[2]);
if (!Number.isInteger(port) || port < 1 || port > 65_535) {
  process.stderr.write(`health: expected a port, got ${process.argv[2]}\n`);
  process.exit(2);
}
try {
  const answer = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(4_000) });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  process.exit(0);
} catch (error) {
  process.stderr.write(`health: /livez at port ${port}: ${error.cause?.message ?? error.message}\n`);
  process.exit(1);
}
