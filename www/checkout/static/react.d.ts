/** `<lezai-checkout>` in TSX: React sets what is a property, and listens by `on` and the event's name. */
import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { LezaiCheckout, LezaiCheckoutEvents } from "./index.js";

export * from "./index.js";

type Listeners = {
  [Type in keyof LezaiCheckoutEvents as `on${Type}`]?: (
    event: CustomEvent<LezaiCheckoutEvents[Type]>,
  ) => void;
};

interface Properties extends Listeners {
  /** `cs_…`, from the order's `checkout`. */
  session: string;
  /** From the order's `checkout`. */
  clientSecret?: string | undefined;
  /** The gateway's origin. */
  gateway: string;
  theme?: "light" | "dark" | undefined;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "lezai-checkout": DetailedHTMLProps<HTMLAttributes<LezaiCheckout>, LezaiCheckout> & Properties;
    }
  }
}
