Page({
  data: { products: [], notice: "" },

  onLoad: function () {
    var page = this;
    wx.request({
      url: getApp().shop + "/api/products",
      success: function (answer) {
        var products = answer.data.products.map(function (product) {
          product.shown = (product.price / 100).toFixed(2);
          return product;
        });
        page.setData({ products: products });
      },
      fail: function () {
        page.setData({ notice: "商店暂时无法访问" });
      },
    });
  },

  // The shop's own server creates the order: no merchant's key is ever in an app.
  buy: function (event) {
    var page = this;
    wx.request({
      url: getApp().shop + "/api/orders",
      method: "POST",
      data: { product: event.currentTarget.dataset.product, quantity: 1, app: "wechat" },
      success: function (answer) {
        if (answer.statusCode !== 200) {
          page.setData({ notice: "下单失败，请稍后再试" });
          return;
        }
        getApp().order = answer.data;
        wx.navigateTo({ url: "/pages/checkout/checkout" });
      },
      fail: function () {
        page.setData({ notice: "下单失败，请稍后再试" });
      },
    });
  },
});
