Page({
  data: { products: [], notice: "" },

  onLoad: function () {
    var page = this;
    wx.request({
      url: getApp().shop + "/api/products",
      success: function (answer) {
        var products = answer.data.products.map(function (product) {
          product.shown = shown(product.price, product.currency);
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

// A price in minor units, as the shopper reads it. Of the shop's currencies the yen alone has no decimals. Its sign
// is the yuan's, so it is written out.
function shown(price, currency) {
  var decimals = currency === "JPY" ? 0 : 2;
  var digits = String(price);
  while (digits.length <= decimals) digits = "0" + digits;
  var whole = digits.slice(0, digits.length - decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  var number = decimals > 0 ? whole + "." + digits.slice(-decimals) : whole;
  if (currency === "CNY") return "¥" + number;
  return currency === "JPY" ? number + " 日元" : currency + " " + number;
}
