// One line that shows that something long is still going on: rewritten each second on a terminal, printed every ten
// seconds elsewhere (logs of CI). Always on stderr, so that stdout stays the command's own.

/**
 * @param {string} what For example "installing packages".
 * @param {NodeJS.WriteStream} [out]
 * @returns {{ done(result?: string): void, stop(): void }} `done` ends with a line and the seconds taken, `stop` with none.
 */
export function progress(what, out = process.stderr) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const rewrite = out.isTTY === true;
  out.write(rewrite ? `${what} …` : `${what} …\n`);
  const timer = setInterval(
    () => out.write(rewrite ? `\r${what} … ${seconds()} s` : `${what} … ${seconds()} s\n`),
    rewrite ? 1_000 : 10_000,
  );
  timer.unref();
  const stop = () => {
    clearInterval(timer);
    if (rewrite) out.write('\r\x1b[K');
  };
  return {
    stop,
    done(result = 'done') {
      stop();
      out.write(`${what}: ${result} (${seconds()} s)\n`);
    },
  };
}
