/** A checkout session as the gateway tells it. What is optional is absent, never null. */
export interface Session {
  session: string;
  /** Rises with each change of the order. */
  version: number;
  status: "created" | "paying" | "paid" | "closed" | "voided";
  /** Whole minor units of `currency`. */
  amount: number;
  /** ISO 4217. */
  currency: string;
  /** How many of the amount's digits are decimals. `Intl` is not asked: it hides those of HUF and IDR. */
  exponent: number;
  description: string;
  merchant: { id: string; name: string };
  merchant_order_id: string;
  expires_at: string;
  return_url?: string;
  methods: Method[];
  payment?: Payment;
  declined?: { code: string; at: string };
  close_reason?: "expired" | "merchant";
  paid_at?: string;
  /** The gateway's signed word on what this page may pay. */
  grant: string;
}

export interface Method {
  id: string;
  kind: "qr" | "redirect";
}

/** How the shopper pays now. Only `method` is there while the channel is being asked. */
export interface Payment {
  method: string;
  kind?: "qr" | "redirect";
  /** What the QR code says. */
  qr?: string;
  redirect_url?: string;
  expires_at?: string;
}
