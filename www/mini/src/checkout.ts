/**
 * Passes events to the web checkout's state machine, and its effects to the gateway and the
 * platform. The platform's result "paid" only causes an earlier query.
 */
import {
  type Call,
  type Effect,
  type Event as Happened,
  type State,
  start,
  step,
  type Told,
} from "../../core/src/machine.ts";
import { endOf } from "../../core/src/time.ts";
import { Entropy } from "./entropy.ts";
import { Misuse, Outdated, Problem, Refused, Unreachable } from "./errors.ts";
import { Gateway, type Opening } from "./gateway.ts";
import { forget } from "./memory.ts";
import type { Platform } from "./platform.ts";
import { parametersFor, type Session } from "./session.ts";

/** The intervals of queries grow, and start anew when something happens. */
const LOOK_FIRST_MS = 1_000;
const LOOK_MOST_MS = 10_000;
const LOOK_GROWTH = 1.5;

export interface World {
  /** The gateway's clock. */
  now_ms: number;
}

export interface Listener {
  shown(state: State, world: World): void;
  told(event: Told): void;
}

export type Press = { is: "pay" } | { is: "try_now" } | { is: "start_again" } | { is: "wallet" };

export class Checkout {
  private state: State = start.state;
  private gateway: Gateway | undefined;
  private readonly entropy: Entropy;
  private ended = false;
  private visible = true;
  private following = false;
  private pause_ms = LOOK_FIRST_MS;
  private looking: "no" | "yes" | "and again" = "no";
  private paying = false;
  private timers = new Set<() => void>();
  private nextLook: (() => void) | undefined;
  private codeOver: (() => void) | undefined;

  constructor(
    private readonly platform: Platform,
    private readonly opening: Opening,
    private readonly listener: Listener,
  ) {
    this.entropy = new Entropy(platform);
  }

  begin(): void {
    this.apply(start);
  }

  /** The shopper pressed something. */
  press(press: Press): void {
    if (press.is === "wallet") void this.wallet();
    else if (press.is !== "pay") this.happened(press);
    else {
      // The key is random, and randomness takes a moment here: a second tap must not get another key.
      if (this.paying) return;
      this.paying = true;
      this.entropy.name().then(
        (key) => {
          this.paying = false;
          this.happened({ is: "pay", key });
        },
        (error) => {
          this.paying = false;
          this.happened(failure("pay", error));
        },
      );
    }
  }

  /** The page is visible again, perhaps after the platform's cashier: its `onShow`. */
  show(): void {
    this.visible = true;
    this.hurry();
  }

  /** Stops queries while the page is hidden: `onHide`. */
  hide(): void {
    this.visible = false;
    this.nextLook?.();
  }

  /** The page is gone for good. */
  end(): void {
    this.ended = true;
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    this.entropy.wipe();
  }

  private happened(event: Happened): void {
    if (!this.ended) this.apply(step(this.state, event));
  }

  private apply({ state, effects }: { state: State; effects: Effect[] }): void {
    const before = this.state;
    this.state = state;
    this.listener.shown(state, { now_ms: this.gateway?.now_ms() ?? Date.now() });
    for (const effect of effects) this.perform(effect);
    this.endCode();
    // Pressing the button opens the cashier; coming back to a payment does not.
    if (before.at === "confirming" && state.at === "waiting") void this.wallet();
  }

  private perform(effect: Effect): void {
    switch (effect.do) {
      case "open":
        void this.call("open", async () => {
          this.gateway ??= await Gateway.connect(this.platform, this.entropy, this.opening);
          return this.gateway.open();
        });
        break;
      case "look":
        this.look();
        break;
      case "pay":
        void this.call("pay", async () => this.gateway?.pay(effect.method, effect.key));
        break;
      case "follow":
        if (!this.following) {
          this.following = true;
          this.lookLater();
        }
        break;
      case "rest":
        this.following = false;
        this.nextLook?.();
        if (this.state.at === "paid" || this.state.at === "closed") {
          void forget(this.platform, this.opening.session);
        }
        break;
      case "later":
        this.after(effect.after_ms, () => this.perform(effect.effect));
        break;
      case "leave":
        // A wallet's web page: no mini-program can open it, and none of its methods is offered here.
        break;
      case "tell":
        this.listener.told(effect.event);
        break;
    }
  }

  /** Opens the platform's cashier with parameters that were verified with their answer. */
  private async wallet(): Promise<void> {
    const shown = this.state.at === "unreachable" ? this.state.behind : this.state;
    if (shown.at !== "waiting") return;
    const parameters = parametersFor(shown.session, this.platform.method);
    if (parameters === undefined) return;
    await this.platform.pay(parameters);
    this.hurry();
  }

  /** The cashier's parameters may expire before their order. */
  private endCode(): void {
    this.codeOver?.();
    const shown = this.state.at === "unreachable" ? this.state.behind : this.state;
    if (shown.at !== "waiting" || !this.gateway) return;
    const end_ms = endOf(shown.session);
    if (end_ms >= Date.parse(shown.session.expires_at)) return;
    const left_ms = Math.max(0, end_ms - this.gateway.now_ms());
    this.codeOver = this.after(left_ms, () => this.happened({ is: "code_over" }));
  }

  private hurry(): void {
    this.pause_ms = LOOK_FIRST_MS;
    if (this.following) this.happened({ is: "hint" });
    this.lookLater();
  }

  private lookLater(): void {
    this.nextLook?.();
    if (!this.following || !this.visible || this.ended) return;
    this.nextLook = this.after(this.pause_ms, () => {
      this.pause_ms = Math.min(this.pause_ms * LOOK_GROWTH, LOOK_MOST_MS);
      this.happened({ is: "hint" });
      this.lookLater();
    });
  }

  /** One query at a time, and one more for all that were requested meanwhile. */
  private look(): void {
    if (this.looking !== "no") {
      this.looking = "and again";
      return;
    }
    this.looking = "yes";
    void this.call("look", async () => this.gateway?.look()).then(() => {
      const again = this.looking === "and again";
      this.looking = "no";
      if (again) this.look();
    });
  }

  private async call(call: Call, act: () => Promise<Session | undefined>): Promise<void> {
    let event: Happened | undefined;
    try {
      const session = await act();
      event = session && { is: "answered", call, session: this.usable(session) };
    } catch (error) {
      event = failure(call, error);
    }
    if (event) this.happened(event);
  }

  /** The methods that work on this platform; a session without one is for another platform. */
  private usable(session: Session): Session {
    const methods = session.methods.filter(({ kind }) => (kind as string) === this.platform.method);
    if (methods.length === 0 && (session.status === "created" || session.status === "paying")) {
      const why = `the order's methods must name ${this.platform.method}`;
      throw new Misuse("method_missing", why);
    }
    return { ...session, methods };
  }

  private after(ms: number, act: () => void): () => void {
    const cancel = this.platform.after(ms, () => {
      this.timers.delete(cancel);
      act();
    });
    this.timers.add(cancel);
    return () => {
      this.timers.delete(cancel);
      cancel();
    };
  }
}

function failure(call: Call, error: unknown): Happened {
  if (error instanceof Unreachable) return { is: "unreachable", call };
  if (error instanceof Refused) return { is: "refused", why: error.message };
  if (error instanceof Outdated) return { is: "outdated", why: error.message };
  if (error instanceof Problem) return { is: "problem", call, code: error.code, detail: error.message };
  if (error instanceof Misuse) return { is: "misused", code: error.code, why: error.message };
  return { is: "misused", code: "unexpected", why: String(error) };
}
