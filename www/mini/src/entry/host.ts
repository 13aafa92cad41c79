/** The component's own part: from properties to a checkout, and from its states to `setData`. */
import { Checkout, type Press } from "../checkout.ts";
import type { Platform } from "../platform.ts";
import { type View, view } from "../shown.ts";
import { wordsFor } from "../words.ts";

export interface Properties {
  gateway: string;
  session: string;
  client_secret: string;
}

export interface Mounted {
  press(press: string): void;
  show(): void;
  hide(): void;
  end(): void;
}

const TICK_MS = 1_000;

/** Begins a checkout; `draw` gets the template's data, `tell` the events for the page around it. */
export function mount(
  platform: Platform,
  { gateway, session, client_secret }: Properties,
  draw: (data: { v: View }) => void,
  tell: (type: string, detail: object) => void,
): Mounted {
  const words = wordsFor(platform.language());
  let stop = () => {};
  const opening = { gateway, session, client_secret: client_secret || undefined };
  const checkout = new Checkout(platform, opening, {
    shown: (state, world) => {
      const at_ms = Date.now();
      const redraw = () =>
        draw({ v: view(state, platform.method, words, world.now_ms + Date.now() - at_ms) });
      const tick = () => {
        redraw();
        stop = platform.after(TICK_MS, tick);
      };
      stop();
      stop = () => {};
      if (state.at === "waiting") tick();
      else redraw();
    },
    told: (event) => {
      // No rest or spread here and in the platforms' files: each adds a helper to each file.
      const detail: Partial<typeof event> = Object.assign({}, event);
      delete detail.type;
      tell(event.type, detail);
    },
  });
  checkout.begin();
  return {
    press: (press) => checkout.press({ is: press } as Press),
    show: () => checkout.show(),
    hide: () => checkout.hide(),
    end: () => {
      stop();
      checkout.end();
    },
  };
}
