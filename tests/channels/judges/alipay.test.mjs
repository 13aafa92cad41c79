// Alipay's simulator, judged by alipay-sdk, Alipay's own for Node, unmodified.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AlipaySdk } from 'alipay-sdk';
import { alipayApp, fault, key, number, post, receiver, start, today } from './world.mjs';

let sim;
before(async () => {
  sim = await start();
});
after(() => sim.stop());

const common = () => ({ appId: alipayApp, privateKey: key('alipay_app.pem'), keyType: 'PKCS8', gateway: `${sim.url}/gateway.do`, camelcase: true });
const modes = {
  'public key': () => new AlipaySdk({ ...common(), alipayPublicKey: key('alipay_platform.pub') }),
  certificate: () =>
    new AlipaySdk({
      ...common(), appCertContent: key('alipay_app.crt'), alipayPublicCertContent: key('alipay_platform.crt'), alipayRootCertContent: key('alipay_root.crt'),
    }),
};

const order = (outTradeNo) => ({ outTradeNo, totalAmount: '8.88', subject: '茶 "sign":{ %+' });

for (const [mode, make] of Object.entries(modes)) {
  test(`alipay-sdk, ${mode}: precreate, pay, callback, query, refund, close, bill`, async () => {
    const sdk = make();
    const call = (method, bizContent, more = {}) => sdk.exec(method, { bizContent, ...more }, { validateSign: true });
    const shop = await receiver(() => [200, 'success']);
    const no = number();
    const made = await call('alipay.trade.precreate', order(no), { notifyUrl: shop.url });
    assert.deepEqual([made.code, made.outTradeNo], ['10000', no]);
    assert.match(made.qrCode, /^https:\/\/qr\.alipay\.com\//);
    // No trade is there before the code is scanned.
    assert.equal((await call('alipay.trade.query', { outTradeNo: no })).subCode, 'ACQ.TRADE_NOT_EXIST');
    assert.equal((await call('alipay.trade.close', { outTradeNo: no })).subCode, 'ACQ.TRADE_NOT_EXIST');
    await post(sim.url, `alipay/${no}/scan`);
    assert.equal((await call('alipay.trade.query', { outTradeNo: no })).tradeStatus, 'WAIT_BUYER_PAY');
    await post(sim.url, `alipay/${no}/pay`);
    const form = Object.fromEntries(new URLSearchParams((await shop.next()).body));
    assert.equal(sdk.checkNotifySignV2({ ...form }), true);
    assert.equal(sdk.checkNotifySignV2({ ...form, total_amount: '9.99' }), false);
    assert.deepEqual([form.out_trade_no, form.trade_status, form.total_amount], [no, 'TRADE_SUCCESS', '8.88']);
    assert.equal((await call('alipay.trade.query', { outTradeNo: no })).tradeStatus, 'TRADE_SUCCESS');

    const refund = { outTradeNo: no, outRequestNo: number(), refundAmount: '1.00' };
    assert.equal((await call('alipay.trade.refund', refund)).fundChange, 'Y');
    assert.equal((await call('alipay.trade.refund', refund)).fundChange, 'N');
    const told = Object.fromEntries(new URLSearchParams((await shop.next()).body));
    assert.equal(sdk.checkNotifySignV2({ ...told }), true);
    assert.deepEqual([told.out_biz_no, told.refund_fee, told.trade_status], [refund.outRequestNo, '1.00', 'TRADE_SUCCESS']);
    const asked = await call('alipay.trade.fastpay.refund.query', { outTradeNo: no, outRequestNo: refund.outRequestNo });
    assert.deepEqual([asked.refundStatus, asked.refundAmount], ['REFUND_SUCCESS', '1.00']);

    const bill = await call('alipay.data.dataservice.bill.downloadurl.query', { billType: 'trade', billDate: today() });
    const zip = Buffer.from(await (await fetch(`${sim.url}${new URL(bill.billDownloadUrl).pathname}`)).arrayBuffer());
    assert.match(new TextDecoder('gbk').decode(zip), new RegExp(`支付宝业务明细查询[^]*${no}[^]*业务明细列表结束`));
    const funds = await call('alipay.data.dataservice.bill.downloadurl.query', { billType: 'signcustomer', billDate: today() });
    const moved = Buffer.from(await (await fetch(`${sim.url}${new URL(funds.billDownloadUrl).pathname}`)).arrayBuffer());
    assert.match(new TextDecoder('gbk').decode(moved), new RegExp(`支付宝账务明细查询[^]*${no}[^]*-0.05[^]*账务明细列表结束`));
    shop.close();
  });

  test(`alipay-sdk, ${mode}: page, create, bar code, cancel`, async () => {
    const sdk = make();
    const call = (method, bizContent) => sdk.exec(method, { bizContent }, { validateSign: true });
    const page = number();
    const url = sdk.pageExecute('alipay.trade.page.pay', 'GET', { bizContent: { ...order(page), subject: '茶', productCode: 'FAST_INSTANT_TRADE_PAY' } });
    assert.match(await (await fetch(url)).text(), new RegExp(page));

    const mini = number();
    const made = await call('alipay.trade.create', { ...order(mini), subject: '茶', buyerOpenId: '074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5' });
    assert.ok(made.tradeNo);
    assert.equal((await call('alipay.trade.close', { outTradeNo: mini })).code, '10000');
    assert.equal((await call('alipay.trade.query', { outTradeNo: mini })).tradeStatus, 'TRADE_CLOSED');

    const pay = (outTradeNo, authCode) => call('alipay.trade.pay', { ...order(outTradeNo), subject: '茶', scene: 'bar_code', authCode });
    assert.equal((await pay(number(), '280000000000000001')).code, '10000');
    assert.equal((await pay(number(), '280000000000000003')).subCode, 'ACQ.BUYER_BALANCE_NOT_ENOUGH');
    const waits = number();
    assert.equal((await pay(waits, '280000000000000002')).code, '10003');
    const cancelled = await call('alipay.trade.cancel', { outTradeNo: waits });
    assert.deepEqual([cancelled.action, cancelled.retryFlag], ['close', 'N']);
    const unknown = await call('alipay.trade.cancel', { outTradeNo: number() });
    assert.deepEqual([unknown.code, unknown.action], ['10000', undefined]);
  });
}

test('alipay-sdk refuses what it must, and the simulator too', async () => {
  const sdk = modes['public key']();
  const query = (it) => it.exec('alipay.trade.query', { bizContent: { outTradeNo: number() } }, { validateSign: true });
  await fault(sim.url, 'alipay', 'query', 'wrong_signature');
  const no = number();
  await sdk.exec('alipay.trade.create', { bizContent: { ...order(no), subject: '茶', buyerId: '2088102534368455' } });
  await assert.rejects(sdk.exec('alipay.trade.query', { bizContent: { outTradeNo: no } }, { validateSign: true }), /验签/);
  const stranger = new AlipaySdk({ ...common(), privateKey: key('wechat_merchant.pem'), alipayPublicKey: key('alipay_platform.pub') });
  const told = await query(stranger).catch((error) => error);
  assert.match(JSON.stringify(told) + String(told), /isv\.invalid-signature|验签/);
});
