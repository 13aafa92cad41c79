/** The shop's own server. It alone talks to the gateway with the merchant's key. */

export interface Product {
  id: string;
  name: string;
  name_zh: string;
  /** Minor units of `currency`. */
  price: number;
  currency: string;
  image: string;
}

export interface Begun {
  shop_order: string;
  gateway: string;
  session: string;
  client_secret: string;
  checkout_url: string;
}

export interface Order {
  shop_order: string;
  /** The product's id. */
  product: string;
  amount: number;
  currency: string;
  status: "new" | "paid" | "closed";
  gateway_order: string;
  paid_at?: string;
  /** How many callbacks were verified. */
  callbacks: number;
}

export async function products(): Promise<Product[]> {
  return (await ask<{ products: Product[] }>("/api/products")).products;
}

export async function orders(): Promise<Order[]> {
  return (await ask<{ orders: Order[] }>("/api/orders")).orders;
}

export function order(shop_order: string): Promise<Order> {
  return ask(`/api/orders/${encodeURIComponent(shop_order)}`);
}

export function buy(product: string, quantity: number, language: "en" | "zh"): Promise<Begun> {
  return ask("/api/orders", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ product, quantity, language }),
  });
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(path, init);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}
