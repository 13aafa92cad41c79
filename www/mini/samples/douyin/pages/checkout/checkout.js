Page({
  data: { gateway: "", session: "", clientSecret: "" },

  onLoad: function () {
    var order = getApp().order;
    this.setData({ gateway: order.gateway, session: order.session, clientSecret: order.client_secret });
  },

  // A hint, as everything in an app: the result's page asks the shop's server.
  paid: function () {
    tt.redirectTo({ url: "/pages/result/result" });
  },
});
