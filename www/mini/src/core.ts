/** The core's operations, with types. */
import { text, utf8 } from "../../core/src/bytes.ts";
import { decodeAnswer, encodeCall, type Field, type Module, unlist } from "../../core/src/call.ts";

export interface PublicKey {
  x: string;
  y: string;
}

/** A request as its signature covers it; `header` has names and values in turn. */
export interface Asked {
  method: string;
  authority: string;
  path: string;
  header: string[];
}

export interface Terms {
  session: string;
  merchant: string;
  amount: number;
  currency: string;
  jkt: string;
  methods: string[];
}

export class Core {
  constructor(private readonly module: Module) {}

  /** The public key for these 32 secret bytes. */
  async key(entropy: Uint8Array): Promise<PublicKey & { thumbprint: string }> {
    const [x = "", y = "", thumbprint = ""] = await this.texts(1, [entropy]);
    return { x, y, thumbprint };
  }

  async thumbprint({ x, y }: PublicKey): Promise<string> {
    return (await this.texts(2, [x, y]))[0] ?? "";
  }

  /** The header fields to add, names and values in turn. */
  async sign(
    secret: Uint8Array,
    keyid: string,
    created_ms: number,
    nonce: string,
    { method, authority, path, header }: Asked,
    body: Uint8Array,
  ): Promise<string[]> {
    const fields = [secret, keyid, `${created_ms}`, nonce, method, authority, path, body, header];
    return this.list(3, fields);
  }

  /** The gateway's clock at signing, in milliseconds. */
  async verify(
    { x, y }: PublicKey,
    status: number,
    body: Uint8Array,
    { method, authority, path, header }: Asked,
    answered: string[],
  ): Promise<number> {
    const fields = [x, y, `${status}`, body, method, authority, path, header, answered];
    return Number((await this.texts(4, fields))[0]);
  }

  /** The content of a grant whose signature was verified. */
  async grant({ x, y }: PublicKey, jws: string): Promise<string> {
    return (await this.texts(5, [x, y, jws]))[0] ?? "";
  }

  /** Times are in seconds, `now` by the gateway's clock. */
  async held(now: number, iat: number, exp: number, granted: Terms, shown: Terms): Promise<void> {
    await this.ask(6, [`${now}`, `${iat}`, `${exp}`, ...fieldsOf(granted), ...fieldsOf(shown)]);
  }

  async signature({ x, y }: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<void> {
    await this.ask(7, [x, y, message, signature]);
  }

  protected async ask(operation: number, fields: Field[]): Promise<Uint8Array[]> {
    const call = encodeCall(operation, fields);
    try {
      return decodeAnswer(await this.module.call(call));
    } finally {
      // A call may hold the secret.
      call.fill(0);
    }
  }

  protected async list(operation: number, fields: Field[]): Promise<string[]> {
    const [list = new Uint8Array(0)] = await this.ask(operation, fields);
    return unlist(list).map(text);
  }

  protected async texts(operation: number, fields: Field[]): Promise<string[]> {
    return (await this.ask(operation, fields)).map(text);
  }
}

function fieldsOf({ session, merchant, amount, currency, jkt, methods }: Terms): Field[] {
  return [session, merchant, `${amount}`, currency, jkt, methods.map(utf8)];
}
