"""Alipay's simulator, judged by alipay-sdk-python, Alipay's own, unmodified.

It cannot be told a port, so the simulator listens on port 80 of an address of this machine.
"""

import json

from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.request.AlipayDataDataserviceBillDownloadurlQueryRequest import AlipayDataDataserviceBillDownloadurlQueryRequest
from alipay.aop.api.request.AlipayTradeCloseRequest import AlipayTradeCloseRequest
from alipay.aop.api.request.AlipayTradeCreateRequest import AlipayTradeCreateRequest
from alipay.aop.api.request.AlipayTradeFastpayRefundQueryRequest import AlipayTradeFastpayRefundQueryRequest
from alipay.aop.api.request.AlipayTradePrecreateRequest import AlipayTradePrecreateRequest
from alipay.aop.api.request.AlipayTradeQueryRequest import AlipayTradeQueryRequest
from alipay.aop.api.request.AlipayTradeRefundRequest import AlipayTradeRefundRequest
from alipay.aop.api.util.SignatureUtils import verify_with_rsa

import urllib.parse

from world import ALIPAY_APP, SIM, expect, key, number, receiver, sim, today


def bare(name):
    return "".join(line for line in key(name).splitlines() if not line.startswith("-----"))


config = AlipayClientConfig()
config.server_url = f"{SIM}/gateway.do"
config.app_id = ALIPAY_APP
config.app_private_key = bare("alipay_app_pkcs1.pem")
config.alipay_public_key = bare("alipay_platform.pub")
client = DefaultAlipayClient(config)


def call(kind, content, notify_url=None):
    request = kind()
    request.biz_content = content
    if notify_url:
        request.notify_url = notify_url
    return json.loads(client.execute(request))


with receiver(b"success") as shop:
    no = number()
    made = call(AlipayTradePrecreateRequest, {"out_trade_no": no, "total_amount": "8.88", "subject": "茶"}, shop.url)
    expect(made["code"], "10000", made)
    sim(f"alipay/{no}/pay")
    form = dict(urllib.parse.parse_qsl(shop.next()[1]))
    text = "&".join(f"{k}={v}" for k, v in sorted(form.items()) if k not in ("sign", "sign_type"))
    expect(verify_with_rsa(bare("alipay_platform.pub"), text.encode(), form["sign"]), True)
    expect(call(AlipayTradeQueryRequest, {"out_trade_no": no})["trade_status"], "TRADE_SUCCESS")
    refund = number()
    refunded = call(AlipayTradeRefundRequest, {"out_trade_no": no, "out_request_no": refund, "refund_amount": "1.00"})
    expect(refunded["fund_change"], "Y", refunded)
    asked = call(AlipayTradeFastpayRefundQueryRequest, {"out_trade_no": no, "out_request_no": refund})
    expect(asked["refund_status"], "REFUND_SUCCESS", asked)
other = number()
call(AlipayTradeCreateRequest, {"out_trade_no": other, "total_amount": "0.01", "subject": "茶", "buyer_id": "2088102534368455"})
expect(call(AlipayTradeCloseRequest, {"out_trade_no": other})["code"], "10000")
expect(call(AlipayTradeQueryRequest, {"out_trade_no": other})["trade_status"], "TRADE_CLOSED")
bill = call(AlipayDataDataserviceBillDownloadurlQueryRequest, {"bill_type": "trade", "bill_date": today()})
assert bill["bill_download_url"].endswith(".zip"), bill
print("alipay-sdk-python: accepted")
