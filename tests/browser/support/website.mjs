/** A web server of somebody else's: a shop's own, or a stranger's. */
import { createServer } from "node:http";

/** @param {import("node:http").RequestListener} answer */
export async function website(answer) {
  const server = createServer(answer);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${port}`,
    /** The same page to the browser as another website. */
    elsewhere: `http://localhost:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A page with this body, whatever is asked for. */
export const html =
  (/** @type {string} */ body, /** @type {Record<string, string>} */ headers = {}) =>
  (/** @type {unknown} */ _request, /** @type {import("node:http").ServerResponse} */ response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...headers });
    response.end(`<!doctype html><title>Shop</title><link rel="icon" href="data:,">${body}`);
  };

/** The element for an order, as a shop's page has it. */
export const element = (/** @type {string} */ gateway, /** @type {any} */ { checkout }, more = "") =>
  `<script type="module" src="${gateway}/checkout/v1/lezai-checkout.js"></script>
   <lezai-checkout session="${checkout.session}" client-secret="${checkout.client_secret}" ${more}></lezai-checkout>`;
