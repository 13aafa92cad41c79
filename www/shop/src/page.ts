/** What the shop's three pages share. */
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
  const format = new Intl.NumberFormat(chinese ? "zh-CN" : "en", { style: "currency", currency });
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

/** What the tab must know to pay an order: kept for this tab alone. */
export interface Ticket {
  session: string;
  client_secret: string;
  gateway: string;
  product: string;
}

export function keep(shop_order: string, ticket: Ticket): void {
  sessionStorage.setItem(shop_order, JSON.stringify(ticket));
}

export function kept(shop_order: string): Ticket | undefined {
  const ticket = sessionStorage.getItem(shop_order);
  return ticket ? JSON.parse(ticket) : undefined;
}
