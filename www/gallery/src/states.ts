/** Every state that a shopper can see, with sessions that are made up. */
import type { State } from "../../core/src/machine.ts";
import type { Session } from "../../core/src/session.ts";

/** The gallery's clock stands still, so that its pictures can be compared. */
export const NOW_MS = Date.parse("2026-11-25T09:30:00Z");

const at = (seconds: number) => new Date(NOW_MS + seconds * 1000).toISOString();

const session: Session = {
  session: "cs_019ab4f0c1d27a3e8b5f60718293a4b5",
  version: 3,
  now: at(0),
  claimed: true,
  status: "created",
  amount: 12800,
  currency: "CNY",
  exponent: 2,
  description: "Jasmine tea, 100 g · 茉莉花茶",
  merchant: { id: "m_demo", name: "Cloud Hill Tea" },
  merchant_order_id: "A-20261125-0042",
  expires_at: at(845),
  return_url: "https://shop.example/orders/42",
  methods: [
    { id: "wallet_qr", kind: "qr" },
    { id: "wallet_redirect", kind: "redirect" },
  ],
  grant: "",
};

/** A merchant with a colour of its own, and nowhere to go back to. */
const branded: Session = {
  ...session,
  merchant: {
    id: "m_plum",
    name: "👩‍🍳 Plum Kitchen",
    accent: { light: "#8a2b62", dark: "#e59ac6" },
    support: "mailto:help@plum.example",
  },
};
delete branded.return_url;

const link = "https://pay.example/sandbox/wallet/att_019ab4f0c1d27a3e8b5f60718293a4b5";
const qr: Session = {
  ...session,
  status: "paying",
  payment: { method: "wallet_qr", kind: "qr", qr: link, expires_at: at(845) },
};
const ending: Session = { ...qr, payment: { method: "wallet_qr", kind: "qr", qr: link, expires_at: at(42) } };
const wallet: Session = {
  ...session,
  status: "paying",
  payment: { method: "wallet_redirect", kind: "redirect", redirect_url: link },
};
/** As the core has it: three parts free of charge, six for 2.3 %, twelve for 4.5 %. */
const plans = [
  { count: 3, rate_ppm: 0, fee: 0, total: 12800, first: 4268, each: 4266 },
  { count: 6, rate_ppm: 23_000, fee: 294, total: 13094, first: 2184, each: 2182 },
  { count: 12, rate_ppm: 45_000, fee: 576, total: 13376, first: 1122, each: 1114 },
];
const monthly: Session = {
  ...session,
  methods: [...session.methods, { id: "wallet_instalments", kind: "qr", instalments: plans }],
};
const scanned: Session = {
  ...monthly,
  status: "paying",
  payment: {
    method: "wallet_instalments",
    kind: "qr",
    qr: link,
    expires_at: at(118),
    ...(plans[1] && { instalments: plans[1] }),
  },
};
const paid: Session = { ...session, status: "paid", paid_at: at(-20) };
const long: Session = {
  ...session,
  amount: 123456789012,
  currency: "IDR",
  description:
    "Ein sehr langer Artikelname ohne Ende: Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen",
  merchant: { id: "m_long", name: "The Honourable Company of Merchants Trading in Tea and Porcelain" },
};
const method = "wallet_qr";
const declined = (code: string): State => ({ at: "declined", session, method, code });

export interface Shown {
  state: State;
  /** As when the finger taps: the view's other inputs. */
  copied?: "yes" | "failed";
  phone?: boolean;
  hosted?: string;
}

export const STATES: Record<string, Shown> = {
  loading: { state: { at: "loading" } },
  ready: { state: { at: "ready", session, method } },
  "ready-long": { state: { at: "ready", session: long, method } },
  "ready-monthly": {
    state: { at: "ready", session: monthly, method: "wallet_instalments", instalments: 6 },
  },
  "waiting-monthly": { state: { at: "waiting", session: scanned } },
  confirming: { state: { at: "confirming", session, method, key: "k" } },
  unavailable: { state: { at: "ready", session, method, unavailable: "channel_unavailable" } },
  preparing: { state: { at: "waiting", session: { ...session, payment: { method } } } },
  "waiting-qr": { state: { at: "waiting", session: qr } },
  "waiting-qr-phone": { state: { at: "waiting", session: qr }, phone: true },
  "waiting-qr-copied": { state: { at: "waiting", session: qr }, copied: "failed" },
  "waiting-qr-soon": { state: { at: "waiting", session: ending }, copied: "yes" },
  "waiting-wallet": { state: { at: "waiting", session: wallet } },
  "code-expired": { state: { at: "code_expired", session: ending } },
  declined: { state: declined("shopper_declined") },
  "declined-funds": { state: declined("insufficient_funds") },
  "declined-limit": { state: declined("limit_exceeded") },
  "declined-frozen": { state: declined("account_frozen") },
  "declined-network": { state: declined("network_failure") },
  "declined-amount": { state: declined("amount_mismatch") },
  "declined-unknown": { state: declined("a_code_of_tomorrow") },
  paid: { state: { at: "paid", session: paid } },
  "paid-branded": { state: { at: "paid", session: { ...branded, status: "paid", paid_at: at(-20) } } },
  "ready-branded": { state: { at: "ready", session: branded, method } },
  "closed-expired": { state: { at: "closed", session, reason: "expired" } },
  "closed-branded": { state: { at: "closed", session: branded, reason: "merchant" } },
  "closed-merchant": { state: { at: "closed", session, reason: "merchant" } },
  offline: { state: { at: "unreachable", behind: { at: "loading" }, tries: 2 } },
  "offline-waiting": { state: { at: "unreachable", behind: { at: "waiting", session: qr }, tries: 2 } },
  elsewhere: { state: { at: "elsewhere" } },
  taken: { state: { at: "taken" } },
  replaced: { state: { at: "replaced" } },
  outdated: { state: { at: "outdated", why: "the signature does not verify over the signature base" } },
  refused: { state: { at: "refused", why: "content-digest does not match the body that arrived" } },
  failed: { state: { at: "failed", code: "session_expired", why: "the session has ended" } },
  "failed-unknown": { state: { at: "failed", code: "session_not_found", why: "there is no such session" } },
  "failed-hosted": {
    state: { at: "failed", code: "wasm_forbidden", why: "WebAssembly could not be started" },
    hosted: "https://pay.example/pay/cs_019ab4f0c1d27a3e8b5f60718293a4b5",
  },
};
