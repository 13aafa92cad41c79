// WeChat Pay's simulator, judged by wechatpay-axios-plugin and wechatpay-node-v3, unmodified.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Aes, Formatter, Rsa, Wechatpay } from 'wechatpay-axios-plugin';
import {
  apiV3Key, appId, fault, key, merchant, merchantSerial, number, platformSerials, post, publicKeyId, receiver, start, today,
} from './world.mjs';

const require = createRequire(import.meta.url);
const WxPay = require('wechatpay-node-v3');

let sim;
before(async () => {
  sim = await start();
});
after(() => sim.stop());

const certs = {
  certificate: { [platformSerials[0]]: key('wechat_platform.crt') },
  'public key': { [publicKeyId]: key('wechat_public.pub') },
  both: { [platformSerials[0]]: key('wechat_platform.crt'), [publicKeyId]: key('wechat_public.pub') },
};

function axiosPlugin(known) {
  const serial = known[publicKeyId] ? { 'Wechatpay-Serial': publicKeyId } : {};
  return new Wechatpay({
    mchid: merchant, serial: merchantSerial, privateKey: key('wechat_merchant.pem'), certs: known, baseURL: sim.url, headers: serial,
  });
}

/** Verifies and decrypts a callback with the SDK's own functions. */
function opened({ headers, body }) {
  const [timestamp, nonce, serial, signature] = ['timestamp', 'nonce', 'serial', 'signature'].map((name) => headers[`wechatpay-${name}`]);
  const known = certs.both[serial];
  assert.ok(known, serial);
  assert.ok(Rsa.verify(Formatter.response(timestamp, nonce, body), signature, known));
  const { resource } = JSON.parse(body);
  return JSON.parse(Aes.AesGcm.decrypt(resource.ciphertext, apiV3Key, resource.nonce, resource.associated_data));
}

const order = (out_trade_no, notify_url, more = {}) => ({
  appid: appId, mchid: merchant, out_trade_no, description: '测试 / "茶"', notify_url, amount: { total: 888, currency: 'CNY' }, ...more,
});

for (const mode of ['certificate', 'public key']) {
  test(`wechatpay-axios-plugin, ${mode}: native, pay, callback, query, refund, bill`, async () => {
    const sdk = axiosPlugin(certs[mode]);
    const shop = await receiver();
    const no = number();
    const made = await sdk.v3.pay.transactions.native.post(order(no, shop.url));
    assert.match(made.data.code_url, /^weixin:\/\/wxpay\/bizpayurl\?pr=/);

    const query = () => sdk.v3.pay.transactions.outTradeNo._out_trade_no_.get({ params: { mchid: merchant }, out_trade_no: no });
    assert.equal((await query()).data.trade_state, 'NOTPAY');
    await post(sim.url, `wechat/${no}/pay`);
    const told = opened(await shop.next());
    assert.deepEqual([told.out_trade_no, told.trade_state, told.amount.total], [no, 'SUCCESS', 888]);
    const paid = (await query()).data;
    assert.deepEqual([paid.trade_state, paid.transaction_id], ['SUCCESS', told.transaction_id]);
    const byId = await sdk.v3.pay.transactions.id._transaction_id_.get({ params: { mchid: merchant }, transaction_id: told.transaction_id });
    assert.equal(byId.data.out_trade_no, no);

    const refund = { out_trade_no: no, out_refund_no: number(), reason: '退货', notify_url: shop.url, amount: { refund: 100, total: 888, currency: 'CNY' } };
    const refunded = (await sdk.v3.refund.domestic.refunds.post(refund)).data;
    assert.equal(refunded.status, 'SUCCESS');
    const back = opened(await shop.next());
    assert.deepEqual([back.out_refund_no, back.refund_status, back.amount.refund], [refund.out_refund_no, 'SUCCESS', 100]);
    assert.equal((await sdk.v3.refund.domestic.refunds.post(refund)).data.refund_id, refunded.refund_id);
    const asked = await sdk.v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no: refund.out_refund_no });
    assert.equal(asked.data.refund_id, refunded.refund_id);
    assert.equal((await query()).data.trade_state, 'REFUND');

    const download = async ({ download_url, hash_value }) => {
      const file = await sdk.v3.billdownload.file._token_.get({
        token: new URL(download_url).pathname.split('/').pop(), responseType: 'arraybuffer', transformResponse: [(data) => data],
        params: { token: new URL(download_url).searchParams.get('token') },
      });
      assert.equal(createHash('sha1').update(Buffer.from(file.data)).digest('hex'), hash_value);
      return Buffer.from(file.data).toString('utf8');
    };
    const trades = await download((await sdk.v3.bill.tradebill.get({ params: { bill_date: today(), bill_type: 'ALL' } })).data);
    assert.match(trades, new RegExp(`^\ufeff交易时间[^]*\`${no}[^]*\`${refund.out_refund_no}`));
    const funds = await download((await sdk.v3.bill.fundflowbill.get({ params: { bill_date: today(), account_type: 'BASIC' } })).data);
    const moved = funds.split('\r\n').filter((row) => row.includes(told.transaction_id) || row.includes(refunded.refund_id));
    assert.deepEqual(moved.map((row) => row.split(',').slice(4, 7).join('')), ['`交易`收入`8.88', '`扣除交易手续费`支出`0.05', '`退款`支出`0.99']);
    shop.close();
  });
}

test('wechatpay-axios-plugin: jsapi, h5, app, close', async () => {
  const sdk = axiosPlugin(certs['public key']);
  const url = 'https://shop.example/notify';
  const jsapi = await sdk.v3.pay.transactions.jsapi.post(order(number(), url, { payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' } }));
  assert.match(jsapi.data.prepay_id, /^wx/);
  const scene_info = { payer_client_ip: '203.0.113.7', h5_info: { type: 'Wap' } };
  assert.match((await sdk.v3.pay.transactions.h5.post(order(number(), url, { scene_info }))).data.h5_url, /^https:/);
  const no = number();
  assert.match((await sdk.v3.pay.transactions.app.post(order(no, url))).data.prepay_id, /^wx/);
  const close = await sdk.v3.pay.transactions.outTradeNo._out_trade_no_.close.post({ mchid: merchant }, { out_trade_no: no });
  assert.equal(close.status, 204);
  const closed = await sdk.v3.pay.transactions.outTradeNo._out_trade_no_.get({ params: { mchid: merchant }, out_trade_no: no });
  assert.equal(closed.data.trade_state, 'CLOSED');
});

test('wechatpay-axios-plugin: service provider', async () => {
  const sdk = axiosPlugin(certs.certificate);
  const no = number();
  const sub_mchid = '1900000109';
  const made = await sdk.v3.pay.partner.transactions.native.post({
    sp_appid: appId, sp_mchid: merchant, sub_mchid, out_trade_no: no, description: '茶', notify_url: 'https://shop.example/n', amount: { total: 1 },
  });
  assert.ok(made.data.code_url);
  await post(sim.url, `wechat/${no}/pay`);
  const paid = await sdk.v3.pay.partner.transactions.outTradeNo._out_trade_no_.get({ params: { sp_mchid: merchant, sub_mchid }, out_trade_no: no });
  assert.deepEqual([paid.data.sub_mchid, paid.data.trade_state], [sub_mchid, 'SUCCESS']);
});

test('wechatpay-axios-plugin refuses what it must, and the simulator too', async () => {
  const sdk = axiosPlugin(certs.certificate);
  const native = () => sdk.v3.pay.transactions.native.post(order(number(), 'https://shop.example/n'));
  for (const what of ['wrong_signature', 'sign_test', 'unsigned', 'stale', 'unknown_key']) {
    await fault(sim.url, 'wechat', 'prepay', what);
    await assert.rejects(native(), undefined, what);
  }
  await native();
  const stranger = new Wechatpay({
    mchid: merchant, serial: merchantSerial, privateKey: key('alipay_app.pem'), certs: certs.certificate, baseURL: sim.url,
  });
  await assert.rejects(stranger.v3.pay.transactions.native.post(order(number(), 'https://shop.example/n')), (error) => {
    assert.deepEqual([error.response.status, error.response.data.code], [401, 'SIGN_ERROR']);
    return true;
  });
  await assert.rejects(sdk.v3.pay.transactions.outTradeNo._out_trade_no_.get({ params: { mchid: merchant }, out_trade_no: number() }), (error) => {
    assert.deepEqual([error.response.status, error.response.data.code], [404, 'ORDER_NOT_EXIST']);
    return true;
  });
});

test('wechatpay-axios-plugin: a callback with a wrong signature comes again with a right one', async () => {
  const sdk = axiosPlugin(certs.both);
  let tries = 0;
  const shop = await receiver(() => (tries++ === 0 ? [401, ''] : [204, '']));
  const no = number();
  await sdk.v3.pay.transactions.native.post(order(no, shop.url));
  await fault(sim.url, 'wechat', 'callback', 'sign_test');
  await post(sim.url, `wechat/${no}/pay`);
  const first = await shop.next();
  assert.match(first.headers['wechatpay-signature'], /^WECHATPAY\/SIGNTEST\//);
  assert.throws(() => opened(first));
  assert.equal(opened(await shop.next()).out_trade_no, no);
  shop.close();
});

test('wechatpay-node-v3: certificates, native, query, refund, close, callback', async () => {
  const sdk = new WxPay({
    appid: appId, mchid: merchant, serial_no: merchantSerial, publicKey: Buffer.from(key('wechat_merchant.crt')),
    privateKey: Buffer.from(key('wechat_merchant.pem')), key: apiV3Key,
  });
  // Its address is fixed; its HTTP client may be replaced, which its documentation offers.
  const own = (url) => url.replace('https://api.mch.weixin.qq.com', sim.url);
  const send = async (method, url, headers, body) => {
    const answer = await fetch(own(url), { method, headers, body });
    const raw = await answer.text();
    const told = raw ? JSON.parse(raw) : {};
    return { status: answer.status, data: told, headers: answer.headers, raw };
  };
  sdk.createHttp({
    get: (url, headers) => send('GET', url, headers),
    post: (url, params, headers) => send('POST', url, headers, JSON.stringify(params)),
  });
  const [certificate] = await sdk.get_certificates(apiV3Key);
  assert.equal(certificate.serial_no, platformSerials[0]);

  const shop = await receiver();
  const no = number();
  const made = await sdk.transactions_native({ description: '茶', out_trade_no: no, notify_url: shop.url, amount: { total: 100 } });
  assert.equal(made.status, 200, made.raw);
  const verified = await sdk.verifySign({
    timestamp: made.headers.get('wechatpay-timestamp'), nonce: made.headers.get('wechatpay-nonce'), body: made.raw,
    serial: made.headers.get('wechatpay-serial'), signature: made.headers.get('wechatpay-signature'), apiSecret: apiV3Key,
  });
  assert.equal(verified, true);
  await post(sim.url, `wechat/${no}/pay`);
  const { body } = await shop.next();
  const { resource } = JSON.parse(body);
  const told = sdk.decipher_gcm(resource.ciphertext, resource.associated_data, resource.nonce, apiV3Key);
  assert.equal(told.out_trade_no, no);
  assert.equal((await sdk.query({ out_trade_no: no })).data.trade_state, 'SUCCESS');
  const out_refund_no = number();
  const refunded = await sdk.refunds({ out_trade_no: no, out_refund_no, amount: { refund: 100, total: 100, currency: 'CNY' } });
  assert.equal(refunded.data.status, 'SUCCESS', refunded.raw);
  assert.equal((await sdk.find_refunds(out_refund_no)).data.out_refund_no, out_refund_no);

  const other = number();
  await sdk.transactions_native({ description: '茶', out_trade_no: other, notify_url: shop.url, amount: { total: 100 } });
  assert.equal((await sdk.close(other)).status, 204);
  assert.equal((await sdk.query({ out_trade_no: other })).data.trade_state, 'CLOSED');
  const bill = await sdk.tradebill({ bill_date: today(), bill_type: 'ALL' });
  assert.equal(bill.data.hash_type, 'SHA1', bill.raw);
  shop.close();
});
