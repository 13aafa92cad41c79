"""WeChat Pay's simulator, judged by wechatpayv3 from PyPI, unmodified."""

import json

from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core

import world
from world import APP_ID, MERCHANT, SIM, expect, key, number, receiver, sim

AMOUNT = {"total": 888, "currency": "CNY"}


def sdk(kind, public, partner=False):
    more = {"public_key": key("wechat_public.pub"), "public_key_id": world.PUBLIC_KEY_ID} if public else {}
    # In certificate mode the constructor asks for certificates before its address can be changed.
    init = Core._init_certificates
    Core._init_certificates = lambda core: None
    try:
        made = WeChatPay(
            wechatpay_type=kind, mchid=MERCHANT, private_key=key("wechat_merchant.pem"), cert_serial_no=world.MERCHANT_SERIAL,
            appid=APP_ID, apiv3_key=world.API_V3_KEY, notify_url="http://127.0.0.1:9/notify", partner_mode=partner, **more)
    finally:
        Core._init_certificates = init
    made._core._gate_way = SIM
    if not public:
        made._core._init_certificates()
    return made


def ok(answer, status=200):
    expect(answer[0], status, answer)
    return json.loads(answer[1]) if answer[1] else {}


def payments(public):
    wx = sdk(WeChatPayType.NATIVE, public)
    with receiver(b"", 204) as shop:
        no = number()
        made = ok(wx.pay(description="茶", out_trade_no=no, amount=AMOUNT, notify_url=shop.url))
        assert made["code_url"].startswith("weixin://"), made
        expect(ok(wx.query(out_trade_no=no))["trade_state"], "NOTPAY")
        sim(f"wechat/{no}/pay")
        headers, body = shop.next()
        expect(headers["Wechatpay-Serial"].startswith("PUB_KEY_ID_"), public)
        told = wx.callback(headers, body)
        expect(told["event_type"], "TRANSACTION.SUCCESS")
        expect(told["resource"]["out_trade_no"], no)
        expect(ok(wx.query(out_trade_no=no))["trade_state"], "SUCCESS")
        refund = number()
        told = ok(wx.refund(out_refund_no=refund, amount={"refund": 88, **AMOUNT}, out_trade_no=no, notify_url=shop.url))
        expect(told["status"], "SUCCESS")
        headers, body = shop.next()
        expect(wx.callback(headers, body)["resource"]["refund_status"], "SUCCESS")
        expect(ok(wx.query_refund(refund))["out_refund_no"], refund)
        forged = dict(headers)
        forged["Wechatpay-Signature"] = "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"][19:]
        expect(wx.callback(forged, body), None)
        bill = ok(wx.trade_bill(world.today(), tar_type=None))
        status, content = wx.download_bill(bill["download_url"])
        expect(status, 200)
        assert no in content.decode("utf-8-sig"), content
        bill = ok(wx.fundflow_bill(world.today(), account_type="BASIC", tar_type=None))
        status, content = wx.download_bill(bill["download_url"])
        expect(status, 200)
        assert f"REF{told['transaction_id']}" in content.decode("utf-8-sig"), content

    other = number()
    ok(wx.pay(description="茶", out_trade_no=other, amount=AMOUNT))
    expect(wx.close(other)[0], 204)
    expect(ok(wx.query(out_trade_no=other))["trade_state"], "CLOSED")


def counter():
    wx = sdk(WeChatPayType.CODEPAY, True)

    def pay(no, code):
        return wx.pay(description="茶", out_trade_no=no, amount=AMOUNT, payer={"auth_code": code},
                      scene_info={"store_info": {"id": "0001"}})
    expect(ok(pay(number(), "130000000000000001"))["trade_state"], "SUCCESS")
    no = number()
    expect(ok(pay(no, "130000000000000002"), 202)["trade_state"], "USERPAYING")
    expect(ok(wx.query(out_trade_no=no))["trade_state"], "USERPAYING")
    expect(wx.codepay_reverse(no)[0], 200)
    expect(ok(wx.query(out_trade_no=no))["trade_state"], "REVOKED")
    expect(json.loads(pay(number(), "130000000000000003")[1])["code"], "NOT_ENOUGH")


def provider():
    wx = sdk(WeChatPayType.NATIVE, True, partner=True)
    no, sub = number(), "1900000109"
    ok(wx.pay(description="茶", out_trade_no=no, amount=AMOUNT, sub_mchid=sub))
    sim(f"wechat/{no}/pay")
    expect(ok(wx.query(out_trade_no=no, sub_mchid=sub))["sub_mchid"], sub)
    refund = number()
    ok(wx.refund(out_refund_no=refund, amount={"refund": 888, **AMOUNT}, out_trade_no=no, sub_mchid=sub))
    expect(ok(wx.query_refund(refund, sub_mchid=sub))["status"], "SUCCESS")


payments(public=False)
payments(public=True)
counter()
provider()
print("wechatpayv3: accepted")
