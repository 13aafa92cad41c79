/**
 * The checkout's states, and its reaction to every event: the only place where that is
 * decided. Pure: no clock, no network, no document. It returns effects to perform.
 */
import type { Session } from "./session.ts";

/** A method, and the number of instalments if it is paid in such. */
export interface Choice {
  method: string;
  instalments?: number | undefined;
}

/** A state carries what is true in it, and nothing else. */
export type State = Shown | { at: "unreachable"; behind: Shown; tries: number };

/** A state that stays on the screen, with a warning, while the gateway is unreachable. */
export type Shown =
  | { at: "loading" }
  | ({ at: "ready"; session: Session; unavailable?: string } & Choice)
  | ({ at: "confirming"; session: Session; key: string } & Choice)
  | { at: "waiting"; session: Session }
  /** The code has expired, and the order has not. */
  | { at: "code_expired"; session: Session }
  | ({ at: "declined"; session: Session; code: string } & Choice)
  | { at: "paid"; session: Session }
  | { at: "closed"; session?: Session; reason: "expired" | "merchant" }
  /** Another page pays. */
  | { at: "taken" }
  /** The shop renewed the session. */
  | { at: "replaced" }
  /** The order is paid in a mini-program, which claims the session. */
  | { at: "elsewhere" }
  | { at: "refused"; why: string }
  /** An answer came from a cache; like a refused one, it is not trusted. */
  | { at: "outdated"; why: string }
  | { at: "failed"; code: string; why: string };

/** An action of the shopper. */
export type Intent =
  | ({ is: "choose" } & Choice)
  | { is: "pay" }
  | { is: "another_way" }
  | { is: "try_now" }
  | { is: "start_again" };

export type Call = "open" | "look" | "pay";

/** An event. `key` is a fresh idempotency key for this press of the button. */
export type Event =
  | Exclude<Intent, { is: "pay" }>
  | { is: "pay"; key: string }
  | { is: "hint" }
  | { is: "code_over" }
  | { is: "answered"; call: Call; session: Session }
  | { is: "problem"; call: Call; code: string; detail: string }
  | { is: "unreachable"; call: Call }
  | { is: "refused" | "outdated"; why: string }
  | { is: "misused"; code: string; why: string };

/** An effect to perform. */
export type Effect =
  | { do: "open" | "look" | "follow" | "rest" }
  | ({ do: "pay"; key: string } & Choice)
  | { do: "later"; after_ms: number; effect: Effect }
  | { do: "leave"; url: string }
  | { do: "tell"; event: Told };

/** An event for the page around the checkout. */
export type Told =
  | { type: "ready"; session: Session }
  | ({ type: "method" } & Choice)
  | { type: "paid"; session: Session }
  | { type: "declined"; code: string }
  | { type: "error"; code: string; message: string };

export interface Step {
  state: State;
  effects: Effect[];
}

export const start: Step = { state: { at: "loading" }, effects: [{ do: "open" }] };

const OVER = new Set<State["at"]>([
  "paid",
  "closed",
  "taken",
  "replaced",
  "elsewhere",
  "refused",
  "outdated",
  "failed",
]);

const RETRY_FIRST_MS = 1_000;
const RETRY_MOST_MS = 10_000;

/** Applies an event. An event that does not apply to the state changes nothing. */
export function step(state: State, event: Event): Step {
  const shown = state.at === "unreachable" ? state.behind : state;
  const stay: Step = { state, effects: [] };
  // Late events change nothing once the checkout is over.
  if (OVER.has(shown.at) && event.is !== "start_again") return stay;

  switch (event.is) {
    case "answered":
      return answered(shown, event.call, event.session);

    case "unreachable": {
      const tries = state.at === "unreachable" ? state.tries : 0;
      const again = retry(shown, event.call);
      const after_ms = Math.min(RETRY_FIRST_MS * 2 ** tries, RETRY_MOST_MS);
      return {
        state: { at: "unreachable", behind: shown, tries: tries + 1 },
        effects: again ? [{ do: "later", after_ms, effect: again }] : [],
      };
    }

    case "refused":
    case "outdated":
      return {
        state: { at: event.is, why: event.why },
        effects: [{ do: "rest" }, tellError(event.is, event.why)],
      };

    case "misused":
      return failed(event.code, event.why);

    case "problem":
      // None of the order's methods works in a page.
      if (event.call === "open" && event.code === "method_unavailable") return notHere("elsewhere", event);
      switch (event.code) {
        case "session_taken":
        // The page had the session, and another got it.
        case "key_unknown":
          return notHere("taken", event);
        case "session_replaced":
          return notHere("replaced", event);
        case "session_expired":
          return { state: { at: "closed", reason: "expired" }, effects: [{ do: "rest" }] };
        case "request_in_progress": {
          const again = retry(shown, event.call) ?? { do: "look" };
          return { state: shown, effects: [{ do: "later", after_ms: RETRY_FIRST_MS, effect: again }] };
        }
        case "order_state":
        case "order_expired":
          return {
            state:
              shown.at === "confirming"
                ? { at: "ready", session: shown.session, ...chosen(shown, shown.session) }
                : shown,
            effects: [{ do: "look" }],
          };
        default:
          return shown.at === "confirming"
            ? {
                state: {
                  at: "ready",
                  session: shown.session,
                  ...chosen(shown, shown.session),
                  unavailable: event.code,
                },
                effects: [tellError(event.code, event.detail), { do: "look" }],
              }
            : failed(event.code, event.detail);
      }

    case "hint":
      return "session" in shown ? { state, effects: [{ do: "look" }] } : stay;

    case "try_now":
      return { state, effects: [retry(shown, shown.at === "loading" ? "open" : "pay") ?? { do: "look" }] };

    case "start_again":
      return { ...start, effects: [{ do: "rest" }, ...start.effects] };

    case "choose": {
      if (shown.at !== "ready" && shown.at !== "declined") return stay;
      const choice = among(shown.session, event);
      return {
        state: behind(state, { ...shown, ...choice }),
        effects: [{ do: "tell", event: { type: "method", ...choice } }],
      };
    }

    case "pay": {
      if (shown.at !== "ready" && shown.at !== "declined" && shown.at !== "code_expired") return stay;
      const { session } = shown;
      const choice = chosen(shown, session);
      return {
        state: behind(state, { at: "confirming", session, ...choice, key: event.key }),
        effects: [{ do: "pay", ...choice, key: event.key }],
      };
    }

    case "code_over":
      return shown.at === "waiting"
        ? { state: behind(state, { at: "code_expired", session: shown.session }), effects: [{ do: "look" }] }
        : stay;

    case "another_way":
      return shown.at === "waiting" || shown.at === "code_expired"
        ? {
            state: behind(state, {
              at: "ready",
              session: shown.session,
              ...chosen(shown, shown.session),
            }),
            effects: [],
          }
        : stay;
  }
}

/** A verified answer: the gateway is reachable, and this is what it says. */
function answered(was: Shown, call: Call, session: Session): Step {
  const known = "session" in was ? was.session : undefined;
  if (known && known.version > session.version) {
    // A newer answer has overtaken it.
    if (call !== "pay") return { state: was, effects: [] };
    session = known;
  }
  const isOpen = session.status === "created" || session.status === "paying";
  if (isOpen && session.methods.length === 0) {
    return notHere("elsewhere", {
      code: "method_unavailable",
      detail: "none of the order's methods works in this browser",
    });
  }
  const state = after(was, call, session);
  const effects: Effect[] = [];
  if (was.at === "loading") {
    effects.push({ do: "tell", event: { type: "ready", session } });
  }
  if (state.at === "paid" || state.at === "closed") {
    effects.push({ do: "rest" });
  } else {
    effects.push({ do: "follow" });
  }
  if (state.at === "paid") {
    effects.push({ do: "tell", event: { type: "paid", session } });
  }
  if (state.at === "declined" && was.at !== "declined") {
    effects.push({ do: "tell", event: { type: "declined", code: state.code } });
  }
  const url = session.payment?.redirect_url;
  if (was.at === "confirming" && state.at === "waiting" && url) {
    effects.push({ do: "leave", url });
  }
  return { state, effects };
}

function after(was: Shown, call: Call, session: Session): Shown {
  const known = "session" in was && was.session ? was : undefined;
  switch (session.status) {
    case "paid":
      return { at: "paid", session };
    case "closed":
    case "voided":
      return { at: "closed", session, reason: session.close_reason ?? "merchant" };
    case "created":
    case "paying":
      // The answer to the shopper's own call is still on its way.
      if (was.at === "confirming" && call !== "pay") return { ...was, session };
      // Nothing new: the shopper may be looking at the other ways to pay.
      if (known?.session?.version === session.version && call !== "pay") return { ...known, session };
      if (session.payment) return { at: "waiting", session };
      return session.declined
        ? { at: "declined", session, ...another(was, session), code: session.declined.code }
        : { at: "ready", session, ...chosen(was, session) };
  }
}

/** The shopper's choice, or the current payment's, if it is still offered. */
function chosen(was: Shown, session: Session): Choice {
  if ("method" in was) return among(session, was);
  const payment = "session" in was ? was.session?.payment : undefined;
  return among(session, { method: payment?.method ?? "", instalments: payment?.instalments?.count });
}

/** After a decline: what the shopper chose meanwhile, else a method other than the declined one, if there is one. */
function another(was: Shown, session: Session): Choice {
  const choice = chosen(was, session);
  const payment = "session" in was ? was.session?.payment : undefined;
  const declined = was.at === "confirming" ? was.method : payment?.method;
  if (choice.method !== declined) return choice;
  const other = session.methods.find(({ id }) => id !== declined);
  return other ? among(session, { method: other.id }) : choice;
}

/** The wanted choice if it is offered, else the first one. */
function among({ methods }: Session, wanted: Choice): Choice {
  const method = methods.find(({ id }) => id === wanted.method) ?? methods[0];
  const plans = method?.instalments ?? [];
  const plan = plans.find(({ count }) => count === wanted.instalments) ?? plans[0];
  return { method: method?.id ?? "", instalments: plan?.count };
}

/** The call to repeat: a payment with its own key. The follower repeats queries by itself. */
function retry(shown: Shown, call: Call): Effect | undefined {
  if (call === "open") return { do: "open" };
  if (call === "pay" && shown.at === "confirming")
    return {
      do: "pay",
      ...chosen(shown, shown.session),
      key: shown.key,
    };
  return undefined;
}

function behind(state: State, shown: Shown): State {
  return state.at === "unreachable" ? { ...state, behind: shown } : shown;
}

function notHere(
  at: "taken" | "replaced" | "elsewhere",
  { code, detail }: { code: string; detail: string },
): Step {
  return { state: { at }, effects: [{ do: "rest" }, tellError(code, detail)] };
}

/** The final state of a failure, and the event for the page. */
export function failed(code: string, why: string): Step {
  return { state: { at: "failed", code, why }, effects: [{ do: "rest" }, tellError(code, why)] };
}

function tellError(code: string, message: string): Effect {
  return { do: "tell", event: { type: "error", code, message } };
}
