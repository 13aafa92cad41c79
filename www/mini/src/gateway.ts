/**
 * The page's calls. Every request is signed by the page's key, and nothing of an answer is passed on
 * before the gateway's signature over it, and the grant inside it, are verified.
 */
import { isOld } from "../../core/src/age.ts";
import { hex, text, unhex, utf8 } from "../../core/src/bytes.ts";
import { Core, type PublicKey, type Terms } from "./core.ts";
import type { Entropy } from "./entropy.ts";
import { Misuse, Outdated, Problem, Refused, Unreachable } from "./errors.ts";
import { type Memory, recall, remember } from "./memory.ts";
import type { Answered, Ask, Platform } from "./platform.ts";
import type { Session } from "./session.ts";

/** A smaller clock difference is ignored; with a larger one, the gateway would refuse our signatures. */
const CLOCK_SLACK_MS = 5_000;
/** The number of answers that an old one is compared with: a cache keeps the first. */
const MOST_KNOWN = 100;
/** The gateway's answers to a page are a few kilobytes. */
const MAX_BODY = 64 * 1024;

export interface Opening {
  /** Such as `https://pay.example`. */
  gateway: string;
  session: string;
  /** Random part, dot, thumbprint of the gateway's key; not needed to come back to a session. */
  client_secret: string | undefined;
}

export class Gateway {
  /** The gateway's clock less this device's, in milliseconds, for making and verifying signatures. */
  private ahead_ms = 0;
  /** The same for its business clock, by which an order expires. A sandbox's can be moved. */
  private business_ahead_ms = 0;

  /** `signature-input` of answers that were verified. */
  private readonly known = new Set<string>();

  private constructor(
    private readonly platform: Platform,
    private readonly entropy: Entropy,
    private readonly core: Core,
    private readonly opening: Opening,
    private readonly authority: string,
    private readonly memory: Memory,
    private readonly key: PublicKey & { thumbprint: string },
    private readonly trusted: PublicKey,
  ) {}

  /** Finds or makes the page's key, and the gateway's key by its thumbprint. */
  static async connect(platform: Platform, entropy: Entropy, opening: Opening): Promise<Gateway> {
    const authority = authorityOf(opening.gateway);
    if (!/^cs_[0-9a-f]{32}$/.test(opening.session)) {
      throw new Misuse("session_malformed", `session must be cs_ and 32 hex digits, not ${opening.session}`);
    }
    // Requested first: without a JIT, loading the core and making a key take as long as the network.
    const keys = ask(platform, {
      method: "GET",
      url: `${opening.gateway}/.well-known/jwks.json`,
      header: [],
      body: undefined,
    });
    // Awaited below; a failure before that is not unhandled.
    keys.catch(() => {});
    const module = await loaded(platform);
    const core = platform.core?.(module) ?? new Core(module);
    const memory = await remembered(platform, entropy, opening);
    const secret = unhex(memory.key);
    const key = await core.key(secret);
    secret.fill(0);
    const trusted = await pinned(core, await keys, memory.gateway);
    return new Gateway(platform, entropy, core, opening, authority, memory, key, trusted);
  }

  /** The gateway's business time, in milliseconds since the epoch, for the time left of a code or an order. */
  now_ms(): number {
    return Date.now() + this.business_ahead_ms;
  }

  private signing_ms(): number {
    return Date.now() + this.ahead_ms;
  }

  /**
   * Claims the session for this page's key, or finds that the key has it. It does so at once, and not with the
   * first choice of a method as a website: no scanner or preview opens a mini-program's page.
   */
  async open(): Promise<Session> {
    const { secret } = this.memory;
    if (secret === undefined) return this.look();
    const { x, y } = this.key;
    const key = { kty: "EC", crv: "P-256", x, y };
    const claim = { client_secret: secret, key };
    const session = await this.call("POST", "/claim", claim, await this.entropy.name());
    delete this.memory.secret;
    await remember(this.platform, this.opening.session, this.memory);
    return session;
  }

  look(): Promise<Session> {
    return this.call("GET", "");
  }

  /** Repeated with the same idempotency key, it is one payment. */
  pay(method: string, idempotency_key: string): Promise<Session> {
    return this.call("POST", "/pay", { method }, idempotency_key);
  }

  private async call(
    method: "GET" | "POST",
    call: string,
    content?: object,
    idempotency_key?: string,
  ): Promise<Session> {
    try {
      return await this.once(method, call, content, idempotency_key);
    } catch (error) {
      // The refusal told us the gateway's time.
      if (!(error instanceof Problem && error.code === "signature_expired")) throw error;
      return this.once(method, call, content, idempotency_key);
    }
  }

  private async once(
    method: "GET" | "POST",
    call: string,
    content: object | undefined,
    idempotency_key: string | undefined,
  ): Promise<Session> {
    const path = `/v1/checkout/sessions/${this.opening.session}${call}`;
    const body = content && utf8(JSON.stringify(content));
    const header: string[] = [];
    if (body !== undefined) header.push("content-type", "application/json");
    if (idempotency_key !== undefined) header.push("idempotency-key", `"${idempotency_key}"`);
    const asked = { method, authority: this.authority, path, header };
    const secret = unhex(this.memory.key);
    const nonce = await this.entropy.name();
    const bytes = body ?? new Uint8Array(0);
    const { thumbprint } = this.key;
    const asked_ms = this.signing_ms();
    header.push(...(await this.core.sign(secret, thumbprint, asked_ms, nonce, asked, bytes)));
    secret.fill(0);
    const answered = await ask(this.platform, {
      method,
      url: `${this.opening.gateway}${path}`,
      header,
      body,
    });
    const input = answered.header[answered.header.indexOf("signature-input") + 1];
    let signed_at: number;
    try {
      const { status, body, header: fields } = answered;
      signed_at = await this.core.verify(this.trusted, status, body, asked, fields);
    } catch (error) {
      // A proxy in front of a broken gateway signs nothing.
      if (answered.status >= 500 || answered.status === 429) throw new Unreachable();
      const why = (error as Error).message;
      throw isOld(input, this.known, asked_ms) ? new Outdated(why) : new Refused(why);
    }
    if (input && this.known.size < MOST_KNOWN) this.known.add(input);
    const ahead_ms = signed_at - Date.now();
    this.ahead_ms = Math.abs(ahead_ms) > CLOCK_SLACK_MS ? ahead_ms : 0;
    const answer = JSON.parse(text(answered.body));
    if (answered.status >= 400) {
      // A fault or an overload: the same call may work in a moment.
      if (answered.status >= 500 && answer.code !== "channel_unavailable") throw new Unreachable();
      throw new Problem(answer.code, answer.detail ?? answer.title);
    }
    await this.check(answer);
    // A repeated first answer has the time of the first one.
    const repeated = answered.header.some((it) => it.toLowerCase() === "idempotency-hit");
    if (!repeated) this.business_ahead_ms = Date.parse(answer.now) - Date.now();
    return answer;
  }

  private async check(answer: Session): Promise<void> {
    try {
      if (answer.session !== this.opening.session) throw new Error("the answer is for another session");
      if (!Number.isSafeInteger(answer.amount))
        throw new Error("amount must be a whole number of minor units");
      if (!Number.isSafeInteger(answer.exponent)) throw new Error("exponent must be a whole number");
      // A grant ends with the time to pay; a paid or closed order needs none.
      if (answer.status !== "created" && answer.status !== "paying") return;
      const said = JSON.parse(await this.core.grant(this.trusted, answer.grant));
      // A mini-program has no website: a website's grant is not this page's.
      if (said.origin !== "") throw new Error("the grant is for a website");
      const granted: Terms = { ...said, jkt: said.cnf.jkt };
      const shown: Terms = {
        session: answer.session,
        merchant: answer.merchant.id,
        amount: answer.amount,
        currency: answer.currency,
        jkt: this.key.thumbprint,
        methods: answer.methods.map(({ id }) => id),
      };
      const now = Math.floor(this.signing_ms() / 1000);
      await this.core.held(now, said.iat, said.exp, granted, shown);
    } catch (error) {
      throw new Refused((error as Error).message);
    }
  }
}

/** `@authority` of the gateway's address: host, and port unless it is the scheme's default. */
function authorityOf(gateway: string): string {
  const [, scheme, authority] = /^(https?):\/\/([a-z0-9.-]+(?::\d+)?)$/.exec(gateway) ?? [];
  if (!scheme || !authority) {
    throw new Misuse("gateway_malformed", "the gateway must be an origin such as https://pay.example");
  }
  return authority.replace(scheme === "https" ? /:443$/ : /:80$/, "");
}

async function loaded(platform: Platform) {
  try {
    return await platform.load();
  } catch (error) {
    throw new Misuse("wasm_failed", `the core could not be started: ${(error as Error).message}`);
  }
}

/** The stored facts of the session, or a new key for it. */
async function remembered(
  platform: Platform,
  entropy: Entropy,
  { session, client_secret }: Opening,
): Promise<Memory> {
  const known = await recall(platform, session);
  const [secret, gateway] = client_secret?.split(".") ?? [];
  if (known) return gateway ? { ...known, gateway } : known;
  if (!secret || !gateway) {
    throw new Misuse(
      "client_secret_missing",
      "client-secret is needed: pass checkout.client_secret as the gateway gave it to your server",
    );
  }
  const bytes = await entropy.take(32);
  const memory = { key: hex(bytes), gateway, secret };
  bytes.fill(0);
  await remember(platform, session, memory);
  return memory;
}

/** The gateway's key needs no signature of its own: the client secret has its hash. */
async function pinned(core: Core, { status, body }: Answered, thumbprint: string): Promise<PublicKey> {
  if (status !== 200) throw new Unreachable();
  try {
    for (const { x, y } of JSON.parse(text(body)).keys) {
      if ((await core.thumbprint({ x, y })) === thumbprint) return { x, y };
    }
  } catch {
    // The answer is not a list of P-256 keys.
  }
  throw new Refused("the gateway's key does not have the thumbprint in the client secret");
}

async function ask(platform: Platform, request: Ask): Promise<Answered> {
  let answered: Answered;
  try {
    answered = await platform.request(request);
  } catch {
    throw new Unreachable();
  }
  if (answered.body.length > MAX_BODY) throw new Refused(`the answer is larger than ${MAX_BODY} bytes`);
  return answered;
}
