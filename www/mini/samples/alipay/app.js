// Where the shop's own server is. In the developer tools, allow domains that are not checked.
var shop = "http://127.0.0.1:8081";

App({
  shop: shop,
  onLaunch: function () {
    require("./lezai/alipay.js").configure({
      entropy: entropy,
      // Beside English and Chinese.
      languages: [require("./lezai/languages/zh-TW.js")],
    });
  },
});

// Alipay gives an app no randomness: the shop's server sends what the shopper's key is made of.
function entropy(length) {
  return new Promise(function (resolve, reject) {
    my.request({
      url: shop + "/api/entropy",
      method: "POST",
      headers: { "content-type": "application/json" },
      data: JSON.stringify({ length: length }),
      dataType: "json",
      success: function (answer) {
        resolve(answer.data.entropy);
      },
      fail: reject,
    });
  });
}
