/**
 * Every state in every language, theme and width, drawn by the element's own view. The address
 * chooses, as in `?lang=ar&theme=dark&width=320&state=paid`; what it leaves out is shown in full.
 */

import LANGUAGES from "languages:all";
import { patch } from "../../checkout/src/dom.ts";
import css from "../../checkout/src/style.css";
import type { Text } from "../../checkout/src/text.ts";
import { view } from "../../checkout/src/view.ts";
import { NOW_MS, type Shown, STATES } from "./states.ts";

const THEMES = ["light", "dark"];
/** The narrowest phone of WCAG 1.4.10, and as wide as the element gets. */
const WIDTHS = ["320", "416"];
/** Where a page gives the element more, as the hosted one does; shown when it is asked for. */
const MORE_WIDTHS = ["880"];

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

class GalleryCard extends HTMLElement {
  show({ state, copied, phone = false, hosted }: Shown, text: Text): void {
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    const world = {
      ...{ text, locale: text.lang, now_ms: NOW_MS, trusted: "7gkyc1v4…", copied, phone, hosted },
      ...{ target: "_top" as const, share: 0.35, logo: undefined, kept_px: undefined },
    };
    patch(root, view(state, world));
  }
}
customElements.define("gallery-card", GalleryCard);

const asked = new URLSearchParams(location.search);
const chosen = (name: string, all: string[]) => all.filter((it) => asked.getAll(name).includes(it));
const some = (name: string, all: string[], more: string[] = []) =>
  asked.has(name) ? chosen(name, [...all, ...more]) : all;

const main = document.querySelector("main");
const shown = some("state", Object.keys(STATES));
for (const lang of some("lang", Object.keys(LANGUAGES))) {
  const text = LANGUAGES[lang];
  for (const theme of some("theme", THEMES)) {
    for (const width of some("width", WIDTHS, MORE_WIDTHS)) {
      const section = document.createElement("section");
      section.className = theme;
      const title = document.createElement("h2");
      title.textContent = `${lang}, ${theme}, ${width} px`;
      const cards = document.createElement("div");
      cards.className = "cards";
      section.append(title, cards);
      main?.append(section);
      for (const name of shown) {
        const state = STATES[name];
        if (!text || !state) continue;
        const figure = document.createElement("figure");
        figure.dataset.state = name;
        figure.style.inlineSize = `${width}px`;
        const caption = document.createElement("figcaption");
        caption.textContent = name;
        const card = new GalleryCard();
        card.style.maxInlineSize = "none";
        card.show(state, text);
        figure.append(caption, card);
        cards.append(figure);
      }
    }
  }
}
document.documentElement.dataset.ready = "";
