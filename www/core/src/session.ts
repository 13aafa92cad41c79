/** A checkout session as the gateway returns it. Optional members are absent, never null. */
export interface Session {
  session: string;
  /** Rises with each change of the order. */
  version: number;
  /** The order's current time, by the gateway's business clock. */
  now: string;
  /** Whether this page has the session; if not, it claims it with its first choice of a method. */
  claimed: boolean;
  status: "created" | "paying" | "paid" | "closed" | "voided";
  /** Whole minor units of `currency`. */
  amount: number;
  /** ISO 4217. */
  currency: string;
  /** The number of decimals. `Intl` is not used for it: it hides those of HUF and IDR. */
  exponent: number;
  description: string;
  merchant: Merchant;
  merchant_order_id: string;
  expires_at: string;
  return_url?: string;
  methods: Method[];
  payment?: Payment;
  declined?: { code: string; at: string };
  close_reason?: "expired" | "merchant";
  paid_at?: string;
  /** The gateway's signed grant for this page. */
  grant: string;
}

export interface Merchant {
  id: string;
  name: string;
  /** A PNG at the gateway: a path there, and its hash as Subresource Integrity writes it. */
  logo?: Logo;
  /** The merchant's colour, on a light ground and on a dark one: `#rrggbb`, with enough contrast to read. */
  accent?: { light: string; dark: string };
  /** The merchant's contact: `https:`, `mailto:` or `tel:`. */
  support?: string;
}

export interface Logo {
  path: string;
  integrity: string;
}

export interface Method {
  id: string;
  /** Those of mini-programs, which no page can use, are left out. */
  kind: "qr" | "redirect" | "wechat_jsapi";
  /** The instalment plans; absent if the method is paid at once. */
  instalments?: Plan[];
}

/** Monthly instalments: the first, and `count - 1` others. Together they are `total`, the amount and the fee. */
export interface Plan {
  count: number;
  /** The fee in parts per million of the amount. */
  rate_ppm: number;
  /** Whole minor units of the order's currency, as is all that follows. */
  fee: number;
  total: number;
  first: number;
  each: number;
}

/** The current payment. It has only `method` while the channel is being asked. */
export interface Payment {
  method: string;
  kind?: "qr" | "redirect" | "wechat_jsapi";
  /** The QR code's text. */
  qr?: string;
  redirect_url?: string;
  /** The arguments of the call to pay in WeChat's browser. */
  parameters?: Record<string, unknown>;
  expires_at?: string;
  /** The chosen plan. */
  instalments?: Plan;
}
