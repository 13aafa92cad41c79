"""Alipay's simulator, judged by alipay-sdk-python, Alipay's own, unmodified.

It cannot be told a port, so the simulator listens on port 80 of an address of this machine.
"""

import csv
import io
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
import urllib.request
import zipfile

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


def details(kind):
    """The rows of a bill that are the order's, and its lines of sums."""
    bill = call(AlipayDataDataserviceBillDownloadurlQueryRequest, {"bill_type": kind, "bill_date": today()})
    with urllib.request.urlopen(bill["bill_download_url"]) as answer:
        packed = zipfile.ZipFile(io.BytesIO(answer.read()))
    assert packed.testzip() is None
    # Names are in GBK, and zipfile reads such as code page 437.
    names = {it.filename.encode("cp437").decode("gbk"): it for it in packed.infolist()}
    expect(sum("汇总" in name for name in names), 1, names)
    lines = packed.read(next(it for name, it in names.items() if "汇总" not in name)).decode("gbk").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    mine = [{name: cell.strip() for name, cell in row.items()} for row in rows if row["商户订单号"].strip() == no]
    return mine, [line for line in lines if "合计" in line]


mine, sums = details("trade")
told = [(row["业务类型"], row["订单金额（元）"], row["服务费（元）"], row["退款批次号/请求号"]) for row in mine]
expect(told, [("交易", "8.88", "-0.05", ""), ("退款", "-1.00", "0.01", refund)])
assert sums[0].startswith("#交易合计：") and sums[1].startswith("#退款合计："), sums
mine, sums = details("signcustomer")
told = [(row["业务类型"], row["收入金额（+元）"], row["支出金额（-元）"]) for row in mine]
expect(told, [("在线支付", "8.88", "0.00"), ("收费", "0.00", "-0.05"), ("交易退款", "0.00", "-1.00"), ("退费", "0.01", "0.00")])
assert sums[0].startswith("#支出合计："), sums
print("alipay-sdk-python: accepted")
