import { expect, test } from 'vitest';
import { ResponseScanner } from './response-scanner.ts';

const sized = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello';
const chunked =
  'HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n';

test.each([
  [sized, { status: 200, last: false }],
  [chunked, { status: 404, last: true }],
])('reads a response cut at every byte', (text, wanted) => {
  for (let cut = 1; cut < text.length; cut += 1) {
    const scanner = new ResponseScanner();
    expect(scanner.push(Buffer.from(text.slice(0, cut)))).toBeUndefined();
    const read = scanner.push(Buffer.from(text.slice(cut)));
    expect(read).toMatchObject(wanted);
    expect(read?.body.toString()).toBe('hello');
    expect(scanner.push(Buffer.from(text))).toMatchObject(wanted); // ready for the next one
  }
});

test.each([
  ['HTTP/1.0 200 OK\r\n\r\n', /status line/],
  ['HTTP/1.1 100 Continue\r\n\r\n', /status line/],
  ['HTTP/1.1 200 OK\r\n\r\n', /without length/],
  [`${sized}x`, /after the end/],
  ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', /without a size/],
])('refuses what it does not understand', (text, reason) => {
  expect(() => new ResponseScanner().push(Buffer.from(text))).toThrow(reason);
});
