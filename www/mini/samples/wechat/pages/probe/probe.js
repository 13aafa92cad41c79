// Tries what a checkout needs of this device; the report is for docs/mini.md.
var lezai = require("../../lezai/wechat.js");
var probe = require("../../lezai/probe.js").probe;
var vectors = require("./vectors.js");

Page({
  data: { gateway: "http://127.0.0.1:8080", findings: [] },

  run: function () {
    var page = this;
    page.setData({ findings: [] });
    return probe(lezai.platform(), page.data.gateway, vectors, function (finding) {
      page.setData({ findings: page.data.findings.concat([finding]) });
    });
  },

  copy: function () {
    var device = wx.getSystemInfoSync();
    var head = [device.model, device.system, "WeChat " + device.version, "base " + device.SDKVersion].join(
      ", ",
    );
    var lines = this.data.findings.map(function (finding) {
      return (finding.ok ? "ok   " : "FAIL ") + finding.what + ": " + finding.detail;
    });
    wx.setClipboardData({ data: [head].concat(lines).join("\n") });
  },
});
