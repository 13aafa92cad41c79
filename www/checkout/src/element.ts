/**
 * `<lezai-checkout>`: passes events to the state machine, and its effects to the
 * gateway, the document and the page around it.
 */

import { Misuse, Outdated, Problem, Refused, Unreachable } from "../../core/src/errors.ts";
import {
  type Call,
  type Choice,
  type Effect,
  failed,
  type Event as Happened,
  type State,
  type Step,
  start,
  step,
  type Told,
} from "../../core/src/machine.ts";
import type { Session } from "../../core/src/session.ts";
import { endOf, Remaining } from "../../core/src/time.ts";
import { patch, pressOf } from "./dom.ts";
import { Follower } from "./follow.ts";
import { Gateway, randomText } from "./gateway.ts";
import { Height } from "./height.ts";
import { drawLogo, loadLogo } from "./logo.ts";
import { originOf, ownOrigin } from "./origin.ts";
import { cashier, offered, thisPlace } from "./place.ts";
import css from "./style.css";
import { closest, en, LANGUAGES, loadText, localeFor, type Text } from "./text.ts";
import { view } from "./view.ts";

/** The details of the element's events. */
export interface LezaiCheckoutEvents {
  /** Amount and methods are verified and shown. */
  ready: { session: Session };
  /** The shopper chose another way to pay. */
  method: Choice;
  /** The gateway says that it is paid. For the shop this is a hint: only the callback is proof. */
  paid: { session: Session };
  declined: { code: string };
  error: { code: string; message: string };
}

/** The element's typed listeners. */
interface Listening {
  addEventListener<K extends keyof LezaiCheckoutEvents>(
    type: K,
    listener: (event: CustomEvent<LezaiCheckoutEvents[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** Filled in by the build: whether this script comes from the gateway's own origin. */
declare const SERVED_BY_GATEWAY: boolean;

const SESSION = /^cs_[0-9a-f]{32}$/;
const TICK_MS = 1_000;
/** How often to query an order whose time has expired. */
const OVERDUE_TICKS = 3;
const COPIED_MS = 2_000;
/** A page may set the session late: after the first time its author is warned, and after the second it fails. */
const SESSION_EXPECTED_MS = 3_000;
const SESSION_PATIENCE_MS = 8_000;
/** How long the page says that it loads, if what the payment needs is not there yet. */
const OPENING_MS = 15_000;
const SESSION_NEEDED =
  "the attribute session is needed: pass checkout.session (cs_…) as the gateway gave it to your server";

// A server can import this, although it has no document.
const Base = (globalThis.HTMLElement ?? class {}) as new () => Omit<HTMLElement, "addEventListener"> &
  Listening;

export class LezaiCheckout extends Base {
  static readonly observedAttributes = ["session", "client-secret", "gateway"];

  #state: State = start.state;
  #gateway: Gateway | undefined;
  #connecting: Promise<Gateway> | undefined;
  #follower: Follower | undefined;
  /** Aborts everything that was begun for the current session. */
  #life = new AbortController();
  #looking: "no" | "yes" | "and again" = "no";
  #ticks = 0;
  #copied: "yes" | "failed" | undefined;
  #text: Text = en;
  #secret: string | undefined;
  #root: ShadowRoot | undefined;
  /** The target of a wallet's link: the whole page, or a new window if the frame's sandbox forbids that. */
  #target: "_top" | "_blank" = "_top";
  /** Observes the language of the element's surroundings. */
  readonly #languageChanges = new MutationObserver(() => void this.#speak());
  readonly #height = new Height();
  readonly #remaining = new Remaining();
  #logo: ImageBitmap | undefined;

  /** The gateway's name for the session: `cs_…`. */
  get session(): string {
    return this.getAttribute("session") ?? "";
  }
  set session(value: string) {
    this.setAttribute("session", value);
  }

  /** As the gateway gave it to the shop's server. Set here, it does not show in the document. */
  get clientSecret(): string {
    return this.#secret ?? this.getAttribute("client-secret") ?? "";
  }
  set clientSecret(value: string) {
    this.#secret = value;
    this.#restart();
  }

  /** Where the gateway is: an origin such as `https://pay.example`. */
  get gateway(): string {
    return this.getAttribute("gateway") ?? servedFrom();
  }
  set gateway(value: string) {
    this.setAttribute("gateway", value);
  }

  /** The state shown now, for the page and its tests: `loading`, `ready`, `waiting`, `paid`… */
  get state(): State["at"] {
    return this.#state.at;
  }

  /** The supported languages: BCP 47 tags. */
  static readonly languages = LANGUAGES;

  /** The texts of the first supported one of these languages, for the page around it. */
  static words(languages: readonly string[]): Promise<Text> {
    return loadText(closest(languages), servedFrom());
  }

  connectedCallback(): void {
    this.#takeOver();
    if (!this.#root) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      this.#root = this.attachShadow({ mode: "open" });
      this.#root.adoptedStyleSheets = [sheet];
      this.#root.addEventListener("click", (event) => this.#pressed(event));
      this.#root.addEventListener("change", (event) => this.#pressed(event));
    }
    for (const { root } of placesOf(this)) {
      this.#languageChanges.observe(root, { attributes: true, attributeFilter: ["lang"], subtree: true });
    }
    this.#restart();
  }

  /** Properties that a page set before this script ran are plain members that hide the accessors. */
  #takeOver(): void {
    for (const name of ["session", "clientSecret", "gateway"] as const) {
      const early = Object.getOwnPropertyDescriptor(this, name)?.value;
      if (early === undefined) continue;
      Reflect.deleteProperty(this, name);
      this[name] = early;
    }
  }

  disconnectedCallback(): void {
    this.#languageChanges.disconnect();
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    // A change of the element's own `lang` is handled like those of its surroundings.
    if (name !== "lang") this.#restart();
  }

  /** Applies the texts of the shopper's language. */
  async #speak(): Promise<void> {
    const tag = closest(this.#languages());
    const text = await loadText(tag, this.gateway);
    // Another language may have been requested meanwhile.
    if (tag !== closest(this.#languages())) return;
    this.#text = text;
    // The texts may be the same while the format of numbers differs.
    this.#redraw();
  }

  /** Several attributes are often set in turn; the session starts once they all are. */
  #restart(): void {
    this.#end();
    const life = new AbortController();
    this.#life = life;
    queueMicrotask(() => {
      if (!this.isConnected || life.signal.aborted) return;
      const { signal } = life;
      setInterval_(() => this.#tick(), TICK_MS, signal);
      addEventListener("online", () => this.#hurry(), { signal });
      addEventListener("offline", () => this.#hurry(), { signal });
      document.addEventListener("visibilitychange", () => this.#hurry(), { signal });
      addEventListener("pageshow", () => this.#hurry(), { signal });
      addEventListener("languagechange", () => void this.#speak(), { signal });
      this.#go(() => start);
    });
  }

  #end(): void {
    this.#life.abort();
    this.#logo = undefined;
    this.#follower?.stop();
    this.#follower = undefined;
    this.#gateway = undefined;
    this.#connecting = undefined;
  }

  #happened(event: Happened): void {
    this.#go(() => step(this.#state, event));
  }

  #go(next: () => Step): void {
    try {
      this.#apply(next());
    } catch (error) {
      this.#broken(error);
    }
  }

  #apply({ state, effects }: Step): void {
    const before = this.#state;
    this.#state = state;
    try {
      this.#render();
    } catch (error) {
      // A paid order stays paid, even if it cannot be drawn.
      const paid = effects.filter((effect) => effect.do === "tell" && effect.event.type === "paid");
      for (const effect of paid) this.#perform(effect);
      throw error;
    }
    for (const effect of effects) this.#perform(effect);
    // Pressing the button opens the cashier; coming back to a payment does not.
    if (before.at === "confirming" && state.at === "waiting") void this.#cashier();
  }

  /** Opens the cashier of the app that shows the page. */
  async #cashier(): Promise<void> {
    const { signal } = this.#life;
    const shown = this.#state.at === "unreachable" ? this.#state.behind : this.#state;
    if (shown.at !== "waiting") return;
    await cashier(shown.session);
    if (!signal.aborted) this.#hurry();
  }

  /** Draws again after a change of time, language or theme. */
  #redraw(): void {
    try {
      this.#render();
    } catch (error) {
      this.#broken(error);
    }
  }

  /** A fault of the element itself, or a browser that lacks something: shown in words, and reported to the page. */
  #broken(error: unknown): void {
    const { state, effects } = failed("unexpected", String(error));
    this.#state = state;
    try {
      this.#render();
    } catch {
      // If even that cannot be drawn, plain text.
      this.#root?.replaceChildren(`${this.#text.failed_title}. ${this.#text.failed_hint}`);
    }
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const { signal } = this.#life;
    switch (effect.do) {
      case "open":
        void this.#call("open", async () => {
          const gateway = this.#gateway ?? (await this.#connected(signal));
          // Another session may have been set meanwhile; this one must not replace it.
          if (signal.aborted) throw new Unreachable();
          this.#gateway = gateway;
          return gateway.look();
        });
        break;
      case "look":
        this.#look();
        break;
      case "pay":
        void this.#call("pay", async () => this.#gateway?.pay(effect, effect.key)).then(() =>
          // The page has the session now, and can open its stream.
          this.#follower?.hurry(),
        );
        break;
      case "follow":
        this.#follower ??= this.#gateway && this.#follow(this.#gateway);
        break;
      case "rest":
        this.#follower?.stop();
        this.#follower = undefined;
        break;
      case "later": {
        const timer = setTimeout(() => this.#perform(effect.effect), effect.after_ms);
        signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
        break;
      }
      case "leave":
        this.#leave(effect.url);
        break;
      case "tell":
        this.#tell(effect.event);
        break;
    }
  }

  /** Wallets and shops forbid framing, so the whole page navigates. */
  #leave(url: string): void {
    try {
      // `href` is the only member of a foreign page's location that a frame may set.
      (window.top ?? window).location.href = url;
    } catch {
      // A sandbox forbids it. The shown link opens the wallet in a new window.
      this.#target = "_blank";
      this.#redraw();
    }
  }

  /** A slow load is not restarted, but the shopper reads that there is no answer yet. */
  async #connected(signal: AbortSignal): Promise<Gateway> {
    this.#connecting ??= this.#connect(signal).finally(() => {
      if (!signal.aborted) this.#connecting = undefined;
    });
    const late = pause(OPENING_MS, signal).then(() => {
      throw new Unreachable();
    });
    return Promise.race([this.#connecting, late]);
  }

  async #connect(signal: AbortSignal): Promise<Gateway> {
    const spoken = this.#speak();
    const { session } = this;
    if (session === "") {
      // Attributes were set meanwhile: another start has begun, and this one ends.
      await pause(SESSION_EXPECTED_MS, signal);
      console.warn(`<lezai-checkout>: still waiting: ${SESSION_NEEDED}`);
      await pause(SESSION_PATIENCE_MS - SESSION_EXPECTED_MS, signal);
    }
    // The wrong value may be a secret, so it is not printed.
    if (!SESSION.test(session)) throw new Misuse("session_malformed", SESSION_NEEDED);
    const origin = originOf(this.gateway) ?? "";
    if (!/^https?:/.test(origin)) {
      throw new Misuse(
        "gateway_malformed",
        "the attribute gateway must be an origin such as https://pay.example",
      );
    }
    const opening = { origin, session, client_secret: this.clientSecret || undefined, signal };
    // The first thing shown is in the shopper's language.
    const [gateway] = await Promise.all([Gateway.connect(opening), spoken]);
    return gateway;
  }

  /** Hints may come faster than answers: one query at a time, and one more for all hints that came meanwhile. */
  #look(): void {
    if (this.#looking !== "no") {
      this.#looking = "and again";
      return;
    }
    this.#looking = "yes";
    void this.#call("look", async () => this.#gateway?.look()).then(() => {
      const again = this.#looking === "and again";
      this.#looking = "no";
      if (again) this.#look();
    });
  }

  async #call(call: Call, act: () => Promise<Session | undefined>): Promise<void> {
    const life = this.#life;
    let event: Happened | undefined;
    try {
      const session = await act();
      if (session) session.methods = offered(session.methods, thisPlace());
      event = session && { is: "answered", call, session };
    } catch (error) {
      event = this.#failure(call, error);
    }
    if (!event || life.signal.aborted) return;
    if (call === "open" && event.is === "answered") void this.#loadLogo(event.session, life.signal);
    this.#happened(event);
    // A code that had expired before the page was loaded is not shown as scannable.
    this.#endCode();
  }

  /** Loads the logo; nothing waits for it. */
  async #loadLogo({ merchant }: Session, signal: AbortSignal): Promise<void> {
    const logo = merchant.logo && (await loadLogo(merchant.logo, new URL(this.gateway).origin, signal));
    if (signal.aborted) return;
    this.#logo = logo;
    this.#render();
  }

  #failure(call: Call, error: unknown): Happened {
    if (error instanceof Unreachable) return { is: "unreachable", call };
    if (error instanceof Outdated) return { is: "outdated", why: error.message };
    if (error instanceof Refused) return { is: "refused", why: error.message };
    if (error instanceof Problem) return { is: "problem", call, code: error.code, detail: error.message };
    if (error instanceof Misuse) return { is: "misused", code: error.code, why: error.message };
    return { is: "misused", code: "unexpected", why: String(error) };
  }

  #follow(gateway: Gateway): Follower {
    return new Follower(
      (signal) => gateway.events(signal),
      () => this.#happened({ is: "hint" }),
    );
  }

  /** Queries again when the network changes or the shopper is back. */
  #hurry(): void {
    if (document.visibilityState === "hidden") return;
    this.#follower?.hurry();
    this.#happened({ is: "hint" });
  }

  #tick(): void {
    const shown = this.#state.at === "unreachable" ? this.#state.behind : this.#state;
    if (shown.at !== "waiting" || !this.#gateway) return;
    if (this.#endCode()) return;
    this.#redraw();
    this.#ticks += 1;
    const overdue = Date.parse(shown.session.expires_at) <= this.#gateway.now_ms();
    if (overdue && this.#ticks % OVERDUE_TICKS === 0) this.#happened({ is: "hint" });
  }

  /** Whether the shown code has expired and the order has not: then another code is offered. */
  #endCode(): boolean {
    const shown = this.#state.at === "unreachable" ? this.#state.behind : this.#state;
    if (shown.at !== "waiting" || !this.#gateway) return false;
    const now_ms = this.#gateway.now_ms();
    const isOver = endOf(shown.session) <= now_ms && now_ms < Date.parse(shown.session.expires_at);
    if (isOver) this.#happened({ is: "code_over" });
    return isOver;
  }

  #pressed(event: Event): void {
    const press = pressOf(event);
    // A radio button sends a change and a click; the change is enough.
    const isRadio = event.composedPath()[0] instanceof HTMLInputElement;
    if (!press || isRadio !== (event.type === "change")) return;
    if (press.is === "copy") void this.#copy(press.text);
    else if (press.is === "cashier") void this.#cashier();
    else this.#happened(press.is === "pay" ? { is: "pay", key: randomText() } : press);
  }

  async #copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      this.#copied = "failed";
      this.#redraw();
      return;
    }
    this.#copied = "yes";
    this.#redraw();
    setTimeout(() => {
      this.#copied = undefined;
      this.#redraw();
    }, COPIED_MS);
  }

  #tell(told: Told): void {
    const { type, ...detail } = told;
    if (told.type === "error") console.error(`<lezai-checkout>: ${told.code}: ${told.message}`);
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #render(): void {
    const root = this.#root;
    if (!root || !this.isConnected) return;
    const gateway = this.#gateway;
    const focused = root.activeElement;
    const now_ms = gateway?.now_ms() ?? Date.now();
    const shown = this.#state.at === "unreachable" ? this.#state.behind : this.#state;
    const settle = this.#height.before(root, this.#state.at);
    patch(
      root,
      view(this.#state, {
        text: this.#text,
        locale: localeFor(this.#languages(), this.#text.lang),
        now_ms,
        share: shown.at === "waiting" ? this.#remaining.share(endOf(shown.session), now_ms) : 1,
        trusted: gateway?.trusted ?? "",
        copied: this.#copied,
        phone: thisPlace().phone,
        hosted: this.#hosted(),
        target: this.#target,
        logo: this.#logo,
        kept_px: this.#height.kept_px,
      }),
    );
    drawLogo(root, this.#logo);
    settle();
    // The focused element is gone with its state; the new state's title is where to read on.
    if (focused && !focused.isConnected) root.querySelector<HTMLElement>(".title")?.focus();
  }

  /** The page's language, then the browser's list. */
  #languages(): string[] {
    const lang = placesOf(this).find((it) => it.lang !== undefined)?.lang;
    return [...(lang ? [lang] : []), ...navigator.languages];
  }

  /** The gateway's own page works without features that this page may lack. */
  #hosted(): string | undefined {
    const origin = originOf(this.gateway);
    if (!SESSION.test(this.session) || !this.clientSecret || !origin || origin === ownOrigin())
      return undefined;
    return `${origin}/pay/${this.session}#${this.clientSecret}`;
  }
}

/** The script's origin, if that is a gateway. */
function servedFrom(): string {
  return SERVED_BY_GATEWAY ? new URL(import.meta.url).origin : "";
}

/**
 * The trees around an element, from the inside out, each with its language: in HTML, the content of a
 * shadow tree inherits the language of its host.
 */
function placesOf(element: Element): { root: Node; lang: string | undefined }[] {
  const root = element.getRootNode();
  const lang = element.closest("[lang]")?.getAttribute("lang") ?? undefined;
  return [{ root, lang }, ...(root instanceof ShadowRoot ? placesOf(root.host) : [])];
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

function setInterval_(act: () => void, ms: number, signal: AbortSignal): void {
  const timer = setInterval(act, ms);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
