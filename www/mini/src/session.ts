/** A checkout session as a mini-program reads it: the web checkout's, with members of its own. */
import type { Session as OfTheWeb } from "../../core/src/session.ts";

export type Session = OfTheWeb & {
  /** The number of decimals. */
  exponent: number;
  /** The gateway's signed grant for this page. */
  grant: string;
};

/** The arguments of the platform's own payment call, once the channel has returned them. */
export function parametersFor(session: OfTheWeb, method: string): Record<string, unknown> | undefined {
  // The web knows one platform's kind alone.
  const payment = session.payment as { kind?: string; parameters?: Record<string, unknown> } | undefined;
  return payment?.kind === method ? payment.parameters : undefined;
}
