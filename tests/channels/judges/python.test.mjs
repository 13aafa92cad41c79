// The judges in Python: each is a program that ends well if its SDK accepts the simulator.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { root, start } from './world.mjs';

async function judge(program, addresses) {
  const sim = await start(addresses);
  try {
    // The address is given as it is printed; a port of 80 stands in none.
    const url = sim.url.replace(/:80$/, '');
    // Both of Alipay's SDKs stamp the machine's local time, which the gateway reads as Beijing's.
    const env = { ...process.env, SIM: url, TZ: 'Asia/Shanghai', PYTHONDONTWRITEBYTECODE: '1', NO_PROXY: '*' };
    const python = `${root}.setup/judges/bin/python`;
    const done = spawnSync(python, [new URL(program, import.meta.url).pathname], { env, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stdout + done.stderr);
  } finally {
    sim.stop();
  }
}

test('wechatpayv3: both key modes, callbacks, refunds, bill, counter, service provider', () => judge('wechatpayv3_judge.py'));
test('python-alipay-sdk: both key modes, callbacks, refunds, counter', () => judge('fzlee_judge.py'));
test('alipay-sdk-python: callbacks, refunds, close, bill', () => judge('alipay_official_judge.py', ['127.0.0.9:80']));
