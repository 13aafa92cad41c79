// Where the shop's own server is. In the developer tools, allow domains that are not checked.
var shop = "http://127.0.0.1:8081";

App({
  shop: shop,
  onLaunch: function () {
    // The package lies beside the pages here; with npm, nothing needs to be said.
    require("./lezai/douyin.js").configure({
      wasm: "/lezai/lezai.wasm.br",
      // Beside English and Chinese.
      languages: [require("./lezai/languages/zh-TW.js")],
    });
  },
});
