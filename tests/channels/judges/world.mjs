// Shared by all judges: the simulators, a receiver of callbacks, and the keys.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

export const root = new URL('../../../', import.meta.url).pathname;
export const merchant = '1900000001';
export const merchantSerial = '5F1C72E2A8931B72A2E13AF8DEE92471EB397115';
export const appId = 'wx8888888888888888';
export const apiV3Key = 'simulated-api-v3-key-32-letters!';
export const publicKeyId = 'PUB_KEY_ID_0119000000012026112900000000000001';
export const platformSerials = ['0D5E10EF55877E3CF6C33255C2E7DEFFF7E427EC', 'F5EA10EF55877E3CF6C33255C2E7DEFFF7E42701'];
export const alipayApp = '2014072300007148';

export const key = (name) => readFileSync(new URL(`../keys/${name}`, import.meta.url), 'utf8');
export const number = () => randomBytes(16).toString('hex');
export const today = () => new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(new Date());

/** Starts the simulators on a free port, and on more addresses; gives their first address. */
export async function start(addresses = ['127.0.0.1:0']) {
  const program = process.env.SIMULATORS ?? `${root}target/release/channel-simulators`;
  const child = spawn(program, addresses, { stdio: ['ignore', 'pipe', 'inherit'] });
  const urls = [];
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    urls.push(line);
    if (urls.length === addresses.length) break;
  }
  if (urls.length < addresses.length) throw new Error('the simulators did not start');
  return { url: urls[0], urls, stop: () => child.kill() };
}

/** An act of a shopper, or bad luck: `post(url, 'wechat/NUMBER/pay')`. */
export async function post(url, path, body) {
  const answer = await fetch(`${url}/_sim/${path}`, { method: 'POST', body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

export const fault = (url, provider, call, what, times = 1) => post(url, 'faults', { provider, call, what, times });

/** A shop that receives callbacks: `next()` waits for one; `answer` says what it is answered by. */
export async function receiver(answer = () => [204, '']) {
  const waiting = [];
  const got = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const callback = { headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
    const [status, text] = answer(callback);
    response.writeHead(status).end(text);
    const waits = waiting.shift();
    if (waits) waits(callback);
    else got.push(callback);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/notify`,
    next: () => (got.length ? Promise.resolve(got.shift()) : new Promise((done) => waiting.push(done))),
    close: () => server.close(),
  };
}
