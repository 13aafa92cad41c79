/** The end of an order's payment time, and the time left as the shopper reads it. `Intl` formats it. */
import type { Session } from "./session.ts";

/** ECMA-402's, which the compiler's library does not have yet. */
interface DurationFormat {
  format(duration: { hours: number; minutes: number; seconds: number }): string;
}
type DurationFormats = {
  DurationFormat?: new (locale: string, options: object) => DurationFormat;
};

/** When what is shown ends: the code, or the order. Milliseconds since the epoch. */
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
  // Browsers before 2025 lack it: their numbers, with the sign that most of the world puts between.
  const number = (value: number, digits: number) =>
    new Intl.NumberFormat(locale, { minimumIntegerDigits: digits }).format(value);
  const parts = hours > 0 ? [hours, minutes, seconds] : [minutes, seconds];
  return parts.map((part, index) => number(part, index > 0 ? 2 : 1)).join(":");
}

/** How much of the time is left, from 1 to 0: counted from when its end was first heard of. */
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
