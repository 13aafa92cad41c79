/** The end of an order's payment time, and the time left as the shopper reads it. `Intl` formats it. */
import type { Session } from "./session.ts";

/** The interface of ECMA-402, which the compiler's library lacks. */
interface DurationFormat {
  format(duration: { hours: number; minutes: number; seconds: number }): string;
}
type DurationFormats = {
  DurationFormat?: new (locale: string, options: object) => DurationFormat;
};

/** The expiry of the code or the order, whichever is earlier, in milliseconds since the epoch. */
export function endOf({ expires_at, payment }: Session): number {
  return Math.min(Date.parse(expires_at), Date.parse(payment?.expires_at ?? expires_at));
}

/** Such as `4:05`, or `1:04:05` from an hour on. */
export function countdown(left: number, locale: string): string {
  const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  const { DurationFormat } = Intl as DurationFormats;
  if (DurationFormat) {
    const options = { style: "digital", hoursDisplay: "auto" };
    return new DurationFormat(locale, options).format({ hours, minutes, seconds });
  }
  // Browsers before 2025 lack it: format the numbers, and join them with colons.
  const number = (value: number, digits: number) =>
    new Intl.NumberFormat(locale, { minimumIntegerDigits: digits }).format(value);
  const parts = hours > 0 ? [hours, minutes, seconds] : [minutes, seconds];
  return parts.map((part, index) => number(part, index > 0 ? 2 : 1)).join(":");
}

/** The share of the time that is left, from 1 to 0, counted from when its end was first known. */
export class Remaining {
  #end = 0;
  #whole = 1;

  share(end: number, now: number): number {
    if (end !== this.#end) {
      this.#end = end;
      this.#whole = Math.max(1, end - now);
    }
    return Math.min(1, Math.max(0, (end - now) / this.#whole));
  }
}
