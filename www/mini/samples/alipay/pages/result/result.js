// The shop's server knows an order as paid once it has verified the gateway's callback.
Page({
  data: { title: "正在核对…", number: "" },

  onLoad: function () {
    this.setData({ number: getApp().order.shop_order });
    this.ask(10);
  },

  ask: function (left) {
    var page = this;
    my.request({
      url: getApp().shop + "/api/orders/" + this.data.number,
      success: function (answer) {
        if (answer.data.status === "paid") page.setData({ title: "支付成功，谢谢惠顾" });
        else page.again(left);
      },
      fail: function () {
        page.again(left);
      },
    });
  },

  again: function (left) {
    var page = this;
    if (left === 0) page.setData({ title: "尚未收到支付结果，请稍后查看订单" });
    else
      setTimeout(function () {
        page.ask(left - 1);
      }, 1000);
  },
});
