/** Every word the shopper reads. A language is one object; a missing word does not compile. */

export interface Text {
  lang: string;
  loading: string;
  order: string;
  choose: string;
  methods: Record<string, { name: string; hint: string }>;
  pay(amount: string): string;
  try_again(amount: string): string;
  asking: string;
  scan_title: string;
  scan_hint: string;
  qr_label(amount: string, merchant: string): string;
  open_link: string;
  copy_link: string;
  copied: string;
  wallet_title: string;
  wallet_hint: string;
  wallet_open: string;
  preparing: string;
  time_left(clock: string): string;
  time_up: string;
  another_way: string;
  paid_title: string;
  paid_hint(merchant: string): string;
  back(merchant: string): string;
  declined_title: string;
  declined: Record<string, string>;
  not_charged: string;
  unavailable: string;
  expired_title: string;
  expired_hint: string;
  closed_title: string;
  closed_hint: string;
  offline_title: string;
  offline_hint: string;
  offline_short: string;
  try_now: string;
  refused_title: string;
  refused_hint: string;
  start_again: string;
  taken_title: string;
  taken_hint: string;
  failed_title: string;
  failed_hint: string;
  hosted: string;
  details: string;
  verified: string;
  verified_hint: string;
  merchant: string;
  gateway_key: string;
}

const en: Text = {
  lang: "en",
  loading: "Opening your payment…",
  order: "Order",
  choose: "Choose how to pay",
  methods: {
    wallet_qr: { name: "Scan a code", hint: "With the wallet app on your phone" },
    wallet_redirect: { name: "Open the wallet", hint: "Approve there, then come back" },
    qr: { name: "Scan a code", hint: "With your payment app" },
    redirect: { name: "Continue elsewhere", hint: "Approve there, then come back" },
  },
  pay: (amount) => `Pay ${amount}`,
  try_again: (amount) => `Try again · ${amount}`,
  asking: "One moment…",
  scan_title: "Scan to pay",
  scan_hint: "Point your wallet app at the code.",
  qr_label: (amount, merchant) => `QR code to pay ${amount} to ${merchant}. Its link is below.`,
  open_link: "Open on this device",
  copy_link: "Copy link",
  copied: "Link copied",
  wallet_title: "Finish in the wallet",
  wallet_hint: "Approve the payment there. This page notices by itself.",
  wallet_open: "Continue to the wallet",
  preparing: "Asking the wallet for a code…",
  time_left: (clock) => `${clock} left`,
  time_up: "Time is up. Checking…",
  another_way: "Pay another way",
  paid_title: "Paid",
  paid_hint: (merchant) => `${merchant} has your payment.`,
  back: (merchant) => `Back to ${merchant}`,
  declined_title: "The payment was declined",
  declined: {
    shopper_declined: "You declined it in the wallet.",
    insufficient_funds: "There is not enough money in the wallet.",
    limit_exceeded: "It is above the wallet’s limit.",
    other: "The wallet gave no reason.",
  },
  not_charged: "You have not been charged.",
  unavailable: "This way to pay is not available right now. Choose another, or try again.",
  expired_title: "This payment has expired",
  expired_hint: "It was not paid in time. Order again in the shop when you are ready.",
  closed_title: "This order was closed",
  closed_hint: "The shop closed it before it was paid.",
  offline_title: "No connection to the payment service",
  offline_hint: "We keep trying. You can leave this page open.",
  offline_short: "No connection. We keep trying.",
  try_now: "Try now",
  refused_title: "Stopped for your safety",
  refused_hint:
    "This answer was not signed by the gateway, so it may have been changed on its way to you. Do not pay here.",
  start_again: "Check again",
  taken_title: "Already open elsewhere",
  taken_hint: "This payment was opened in another browser or on another device. Finish it there.",
  failed_title: "This payment cannot be opened",
  failed_hint: "Go back to the shop and try again from there.",
  hosted: "Pay on the payment page",
  details: "Details",
  verified: "Verified on this device",
  verified_hint: "The gateway signed what you see, and your browser checked the signature.",
  merchant: "Merchant",
  gateway_key: "Gateway key",
};

const zh: Text = {
  lang: "zh-CN",
  loading: "正在打开付款…",
  order: "订单号",
  choose: "选择付款方式",
  methods: {
    wallet_qr: { name: "扫码支付", hint: "用手机上的钱包扫一扫" },
    wallet_redirect: { name: "打开钱包", hint: "在钱包里确认，再回到这里" },
    qr: { name: "扫码支付", hint: "用你的支付应用扫一扫" },
    redirect: { name: "前往支付", hint: "在那里确认，再回到这里" },
  },
  pay: (amount) => `支付 ${amount}`,
  try_again: (amount) => `重新支付 ${amount}`,
  asking: "请稍候…",
  scan_title: "扫码支付",
  scan_hint: "打开钱包，对准二维码扫一扫。",
  qr_label: (amount, merchant) => `向${merchant}支付 ${amount} 的二维码，下方有对应链接。`,
  open_link: "在本机打开",
  copy_link: "复制链接",
  copied: "链接已复制",
  wallet_title: "请在钱包里完成支付",
  wallet_hint: "在钱包里确认付款，本页会自动更新。",
  wallet_open: "前往钱包",
  preparing: "正在向钱包获取付款码…",
  time_left: (clock) => `剩余 ${clock}`,
  time_up: "时间已到，正在核对…",
  another_way: "换一种方式",
  paid_title: "支付成功",
  paid_hint: (merchant) => `${merchant}已收到你的付款。`,
  back: (merchant) => `返回${merchant}`,
  declined_title: "付款未成功",
  declined: {
    shopper_declined: "你在钱包里取消了付款。",
    insufficient_funds: "钱包余额不足。",
    limit_exceeded: "超出了钱包的限额。",
    other: "钱包没有说明原因。",
  },
  not_charged: "没有扣款。",
  unavailable: "这种方式暂时不可用，请换一种或稍后再试。",
  expired_title: "付款已超时",
  expired_hint: "没有在限定时间内付款，需要时请回到商店重新下单。",
  closed_title: "订单已关闭",
  closed_hint: "商家在付款前关闭了订单。",
  offline_title: "连接不上支付服务",
  offline_hint: "我们会一直重试，你可以让页面开着。",
  offline_short: "网络中断，正在重试。",
  try_now: "立即重试",
  refused_title: "为了你的安全，已停止",
  refused_hint: "这个应答没有支付网关的签名，可能在途中被人改动过。请不要在这里付款。",
  start_again: "重新检查",
  taken_title: "已在别处打开",
  taken_hint: "这笔付款已在另一个浏览器或另一台设备上打开，请在那里完成。",
  failed_title: "无法打开这笔付款",
  failed_hint: "请回到商店再试一次。",
  hosted: "前往支付页面",
  details: "详情",
  verified: "已在本机验签",
  verified_hint: "你看到的内容由支付网关签名，浏览器已核对签名。",
  merchant: "商户",
  gateway_key: "网关公钥",
};

/** The words for a BCP 47 tag; English where we lack the language. */
export function textFor(lang: string): Text {
  return lang.toLowerCase().startsWith("zh") ? zh : en;
}
