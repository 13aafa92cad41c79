/** Amounts as the shopper reads them. `Intl` formats them; the decimals come from ISO 4217. */

export interface Price {
  /** Such as `CN¥128.00`, or `¥128.00` in Chinese: never two currencies under one sign. */
  text: string;
  /** The same in its parts: `currency`, `integer`, `group`, `decimal`, `fraction`, `literal`. */
  parts: { type: string; value: string }[];
}

/** `amount` is in minor units, of which `exponent` digits are decimals. No float on the way. */
export function price(
  amount: number,
  currency: string,
  exponent: number,
  locale: string,
  rtl: boolean,
): Price {
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    minimumFractionDigits: exponent,
    maximumFractionDigits: exponent,
  });
  const digits = String(amount).padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const decimal = exponent > 0 ? `${whole}.${digits.slice(-exponent)}` : whole;
  // Intl reads a decimal string exactly (ECMA-402, 15.5.16); the types know it only as a template.
  const parts = format.formatToParts(decimal as `${number}`);
  // In right-to-left text, `CN¥` alone would be shown as `¥CN`.
  for (const part of parts) {
    if (rtl && part.type === "currency") part.value = `\u2066${part.value}\u2069`;
  }
  return { text: parts.map(({ value }) => value).join(""), parts };
}
