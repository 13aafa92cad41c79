/** The code that the shop's three pages share. */
import { chinese, text } from "./text.ts";

/** An element with its properties and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Currencies without decimals that the shop sells in; all others have two. */
const WHOLE = new Set(["JPY"]);

/** A price in minor units, as the shopper reads it. */
export function money(amount: number, currency: string): string {
  const decimals = WHOLE.has(currency) ? 0 : 2;
  const digits = String(amount).padStart(decimals + 1, "0");
  const decimal = decimals > 0 ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits;
  // In Chinese both are ¥: the yen is written out, as it is in print.
  const currencyDisplay = chinese && currency !== "CNY" ? "name" : "symbol";
  const options = { style: "currency", currency, currencyDisplay } as const;
  const format = new Intl.NumberFormat(chinese ? "zh-CN" : "en", options);
  return format.format(decimal as `${number}`);
}

export function named({ name, name_zh }: { name: string; name_zh: string }): string {
  return chinese ? name_zh : name;
}

/** Says that something failed, or that it no longer does. */
export function problem(failed: boolean): void {
  const element = document.querySelector<HTMLElement>(".problem");
  if (!element) return;
  element.hidden = !failed;
  element.textContent = failed ? text.failed : "";
}

/** The facts that a page needs to pay an order: stored in this browser, so any of its tabs can continue. */
export interface Ticket {
  session: string;
  client_secret: string;
  gateway: string;
  product: string;
}

export function keep(shop_order: string, ticket: Ticket): void {
  localStorage.setItem(shop_order, JSON.stringify(ticket));
}

export function kept(shop_order: string): Ticket | undefined {
  const ticket = localStorage.getItem(shop_order);
  return ticket ? JSON.parse(ticket) : undefined;
}

/** There is nothing left to pay. */
export function forget(shop_order: string): void {
  localStorage.removeItem(shop_order);
}
