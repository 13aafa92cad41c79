"""Alipay's simulator, judged by python-alipay-sdk from PyPI, unmodified, in key and certificate mode."""

import urllib.parse

from alipay import AliPay, DCAliPay

from world import ALIPAY_APP, SIM, expect, key, number, receiver, sim


def sdk(certificates):
    if certificates:
        made = DCAliPay(
            appid=ALIPAY_APP, app_notify_url=None, app_private_key_string=key("alipay_app.pem"), app_public_key_cert_string=key("alipay_app.crt"),
            alipay_public_key_cert_string=key("alipay_platform.crt"), alipay_root_cert_string=key("alipay_root.crt"))
    else:
        made = AliPay(
            appid=ALIPAY_APP, app_notify_url=None, app_private_key_string=key("alipay_app.pem"),
            alipay_public_key_string=key("alipay_platform.pub"))
    made._gateway = f"{SIM}/gateway.do"
    return made


def judge(certificates):
    ali = sdk(certificates)
    with receiver(b"success") as shop:
        no = number()
        made = ali.api_alipay_trade_precreate(subject="茶", out_trade_no=no, total_amount="8.88", notify_url=shop.url)
        expect(made["code"], "10000", made)
        expect(ali.api_alipay_trade_query(out_trade_no=no)["sub_code"], "ACQ.TRADE_NOT_EXIST")
        sim(f"alipay/{no}/pay")
        form = dict(urllib.parse.parse_qsl(shop.next()[1]))
        sign = form.pop("sign")
        expect(ali.verify(dict(form), sign), True)
        expect(ali.verify(form | {"total_amount": "9.99"}, sign), False)
        expect(ali.api_alipay_trade_query(out_trade_no=no)["trade_status"], "TRADE_SUCCESS")
        refund = number()
        expect(ali.api_alipay_trade_refund("8.88", out_trade_no=no, out_request_no=refund)["fund_change"], "Y")
        expect(ali.api_alipay_trade_fastpay_refund_query(refund, out_trade_no=no)["refund_status"], "REFUND_SUCCESS")
        expect(ali.api_alipay_trade_query(out_trade_no=no)["trade_status"], "TRADE_CLOSED")
    mini = number()
    expect(ali.api_alipay_trade_create(out_trade_no=mini, total_amount="0.01", subject="茶", buyer_id="2088102534368455")["code"], "10000")
    expect(ali.api_alipay_trade_close(out_trade_no=mini)["code"], "10000")
    paid = ali.api_alipay_trade_pay(out_trade_no=number(), scene="bar_code", auth_code="280000000000000001", subject="茶", total_amount="0.01")
    expect(paid["code"], "10000", paid)
    no = number()
    waits = ali.api_alipay_trade_pay(out_trade_no=no, scene="bar_code", auth_code="280000000000000002", subject="茶", total_amount="0.01")
    expect(waits["code"], "10003", waits)
    expect(ali.api_alipay_trade_cancel(out_trade_no=no)["action"], "close")


judge(certificates=False)
judge(certificates=True)
print("python-alipay-sdk: accepted")
