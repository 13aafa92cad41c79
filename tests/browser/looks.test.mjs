/** How it looks, as far as it can be measured: what is in sight, what stays where it is, whose colours it has. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import { accessibilityFaults, openPage, startBrowser } from "./support/browser.mjs";
import { startGateway } from "./support/gateway.mjs";

/** @type {import("./support/gateway.mjs").Gateway} */
let gateway;
/** @type {any} */
let browser;

before(async () => {
  [gateway, browser] = await Promise.all([startGateway(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

/** A small phone, and what its browser leaves of it. */
const PHONE = { width: 360, height: 740, touch: true };

/** The hosted page of a new order, once it is ready. */
async function hosted(/** @type {object} */ order = {}, /** @type {object} */ options = {}) {
  const created = await gateway.create(order);
  const shopper = await openPage(browser, options);
  await shopper.page.goto(created.checkout.url);
  await shopper.at("ready");
  return { ...shopper, order: created };
}

describe("in sight", () => {
  for (const locale of ["en-US", "zh-CN", "de-DE"]) {
    test(`the button that pays, on a small phone: ${locale}`, async () => {
      const { page, checkout, at, quiet, close } = await hosted({}, { ...PHONE, locale });
      const bottom = async () => {
        const box = await checkout.locator("button.button").boundingBox();
        return box.y + box.height;
      };
      assert.ok((await bottom()) <= PHONE.height, `the hosted page's ends at ${await bottom()}`);
      await page.goto(gateway.shop);
      await page.click('[data-product="gaiwan"]');
      await at("ready");
      await page.locator(".line img").waitFor();
      assert.equal(await page.evaluate(() => scrollY), 0);
      assert.ok((await bottom()) <= PHONE.height, `the shop's ends at ${await bottom()}`);
      quiet();
      await close();
    });
  }

  test("on a wide screen, amount and methods are side by side", async () => {
    const { checkout, close } = await hosted({}, { width: 1280, height: 800 });
    const summary = await checkout.locator(".summary").boundingBox();
    const body = await checkout.locator(".body").boundingBox();
    assert.equal(summary.y, body.y);
    assert.ok(summary.x + summary.width <= body.x + 1);
    await close();
  });
});

test("the card does not become lower while there is something to do", async () => {
  const { checkout, at, quiet, close, order } = await hosted();
  const height = async () => (await checkout.locator(".card").boundingBox()).height;
  const states = [await height()];
  await checkout.locator("button.button").click();
  await at("waiting");
  await checkout.locator("svg.qr").waitFor();
  states.push(await height());
  const { width } = await checkout.locator("svg.qr").boundingBox();
  assert.equal(width, 232);
  await checkout.getByRole("button", { name: "Pay another way" }).click();
  await at("ready");
  states.push(await height());
  await checkout.locator("button.button").click();
  await at("waiting");
  await gateway.shopper(order, "decline");
  await at("declined");
  states.push(await height());
  for (const [n, it] of states.slice(1).entries()) assert.ok(it >= (states[n] ?? 0), states.join());
  quiet();
  await close();
});

test("a decline says first that nothing was charged, and another method is preselected", async () => {
  const { checkout, at, quiet, close, order } = await hosted();
  await checkout.getByRole("button", { name: /^Pay/ }).click();
  await at("waiting");
  await gateway.shopper(order, "decline");
  await at("declined");
  assert.equal(await checkout.locator(".notice strong").textContent(), "You have not been charged.");
  assert.equal(await checkout.getByRole("radio", { checked: true }).getAttribute("value"), "wallet_redirect");
  quiet();
  await close();
});

describe("ways out", () => {
  for (const end of ["paid", "closed"]) {
    test(`${end}, with no address to go back to`, async () => {
      const { checkout, at, quiet, close, order } = await hosted({ return_url: undefined });
      if (end === "paid") await gateway.shopper(order, "pay");
      else await gateway.close(order);
      await at(end);
      await checkout.getByText("You can close this page now.").waitFor();
      quiet();
      await close();
    });
  }

  test("an unknown session is not requested again", async () => {
    const { checkout: known } = await gateway.create();
    const { page, checkout, at, close } = await openPage(browser);
    await page.goto(`${gateway.origin}/pay/cs_${"0".repeat(32)}#${known.client_secret}`);
    await at("failed");
    assert.equal(await checkout.locator("button").count(), 0);
    await close();
  });
});

test("the hosted page's title has the amount, and its language can be chosen and stays", async () => {
  const { page, checkout, at, quiet, close } = await hosted();
  assert.match(await page.title(), /^CN¥128\.00 · /);
  await page.getByLabel("Language").selectOption("ja");
  await checkout.getByRole("button", { name: /を支払う|CN¥128\.00|元128\.00/ }).waitFor();
  await page.waitForFunction(() => document.documentElement.lang === "ja");
  await page.reload();
  await at("ready");
  await page.waitForFunction(() => document.documentElement.lang === "ja");
  assert.equal(await checkout.locator(".all").getAttribute("lang"), "ja");
  quiet();
  await close();
});

test("a dark theme on a light page is readable, and the reverse", async () => {
  for (const [theme, ground] of [
    ["dark", "#ffffff"],
    ["light", "#101010"],
  ]) {
    const { page, checkout, close } = await hosted();
    await checkout.evaluate(
      (/** @type {Element} */ it, /** @type {string} */ theme) => it.setAttribute("theme", theme),
      theme,
    );
    await page.evaluate((/** @type {string} */ ground) => {
      document.body.style.background = ground;
      document.querySelector("footer")?.remove();
    }, ground);
    assert.deepEqual(await accessibilityFaults(page), [], theme);
    await close();
  }
});

describe("the merchant's own looks", () => {
  /** A PNG of one colour. */
  function png(/** @type {number} */ width, /** @type {number} */ height) {
    const chunk = (/** @type {string} */ type, /** @type {Buffer} */ data) => {
      const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
      const ends = [Buffer.alloc(4), Buffer.alloc(4)];
      ends[0]?.writeUInt32BE(data.length);
      ends[1]?.writeUInt32BE(crc32(body));
      return Buffer.concat([/** @type {Buffer} */ (ends[0]), body, /** @type {Buffer} */ (ends[1])]);
    };
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    head.set([8, 2, 0, 0, 0], 8);
    const row = Buffer.concat([Buffer.of(0), Buffer.alloc(width * 3, Buffer.of(0x8a, 0x2b, 0x62))]);
    const rows = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
    const start = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
    return Buffer.concat([start, chunk("IHDR", head), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]);
  }

  async function put(/** @type {object} */ brand) {
    const token = readFileSync(join(gateway.data, "admin-token"), "utf8").trim();
    const answer = await fetch(`${gateway.origin}/admin/v1/merchants/m_demo`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "Plum Kitchen", notify_url: `${gateway.shop}/callbacks`, brand }),
    });
    return { status: answer.status, body: await answer.json() };
  }
  const logo = `data:image/png;base64,${png(56, 28).toString("base64")}`;

  after(() => put({}));

  test("logo, colour and contact are shown, in the hosted page and in a shop's, under either's policy", async () => {
    const { status, body } = await put({ logo, accent: "#f0a0d0", support: "mailto:help@plum.example" });
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.brand.accent, "#f0a0d0");
    for (const place of ["hosted", "shop"]) {
      const shopper = await openPage(browser);
      const { page, checkout, at, quiet, close } = shopper;
      if (place === "hosted") await page.goto((await gateway.create({ return_url: undefined })).checkout.url);
      else {
        await page.goto(gateway.shop);
        await page.click('[data-product="gaiwan"]');
      }
      await at("ready");
      const picture = checkout.locator("canvas.logo");
      await picture.waitFor();
      const middle = await picture.evaluate((/** @type {HTMLCanvasElement} */ it) =>
        [...(it.getContext("2d")?.getImageData(20, 14, 1, 1).data ?? [])].join(),
      );
      assert.equal(middle, "138,43,98,255");
      // Too pale for white text: it is shown as much darker as that takes, and axe finds nothing.
      const ground = await checkout
        .locator("button.button")
        .evaluate((/** @type {Element} */ it) => getComputedStyle(it).backgroundColor);
      assert.notEqual(ground, "rgb(240, 160, 208)");
      assert.notEqual(ground, "rgb(13, 102, 76)");
      assert.deepEqual(await accessibilityFaults(page), []);
      quiet();
      await close();
    }
    const order = await gateway.create({ return_url: undefined });
    const { page, checkout, at, close } = await openPage(browser);
    await page.goto(order.checkout.url);
    await at("ready");
    await gateway.close(order);
    await at("closed");
    const contact = checkout.getByRole("link", { name: "Questions? Contact Plum Kitchen" });
    assert.equal(await contact.getAttribute("href"), "mailto:help@plum.example");
    await close();
  });

  test("the logo is served as a picture only, and the former one is gone", async () => {
    await put({ logo });
    const loaded = async () => {
      const shopper = await openPage(browser);
      const asked = shopper.page.waitForRequest(/\/logo-m_demo-/);
      await shopper.page.goto((await gateway.create()).checkout.url);
      const url = (await asked).url();
      await shopper.close();
      return url;
    };
    const first = await loaded();
    const answer = await fetch(first);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "image/png");
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.match(answer.headers.get("content-security-policy") ?? "", /sandbox/);
    assert.match(answer.headers.get("cache-control") ?? "", /immutable/);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), png(56, 28));

    await put({ logo: `data:image/png;base64,${png(28, 28).toString("base64")}` });
    assert.notEqual(await loaded(), first);
    assert.equal((await fetch(first)).status, 404);
    assert.equal((await fetch(first.replace("m_demo", "m_other"))).status, 404);
  });

  test("a logo that is changed on its way is not drawn", async () => {
    await put({ logo });
    const { page, checkout, at, close } = await openPage(browser);
    const other = page.route("**/logo-*", (/** @type {any} */ route) =>
      route.fulfill({
        contentType: "image/png",
        headers: { "access-control-allow-origin": "*" },
        body: png(57, 28),
      }),
    );
    await other;
    const refused = page.waitForEvent("console", (/** @type {any} */ it) => /integrity/i.test(it.text()));
    await page.goto((await gateway.create()).checkout.url);
    await at("ready");
    await refused;
    await checkout.locator(".monogram").waitFor();
    assert.equal(await checkout.locator("canvas").count(), 0);
    await close();
  });

  test("invalid logos, colours and addresses are refused", async () => {
    for (const [brand, field] of /** @type {[object, string][]} */ ([
      [{ logo: "https://plum.example/logo.png" }, "brand.logo"],
      [{ logo: "data:image/svg+xml;base64,PHN2Zy8+" }, "brand.logo"],
      [{ logo: `data:image/png;base64,${png(513, 1).toString("base64")}` }, "brand.logo"],
      [{ accent: "red" }, "brand.accent"],
      [{ accent: "#12345}" }, "brand.accent"],
      [{ support: "javascript:alert(1)" }, "brand.support"],
      [{ font: "x" }, "brand.font"],
    ])) {
      const { status, body } = await put(brand);
      assert.equal(status, 400, JSON.stringify(brand));
      assert.equal(body.field, field);
    }
  });
});

describe("the wallet", () => {
  /** Opens the wallet of a new order that waits for it. */
  async function waiting() {
    const shopper = await hosted();
    await shopper.checkout.getByRole("button", { name: /^Pay/ }).click();
    await shopper.at("waiting");
    const link = await shopper.checkout
      .getByRole("link", { name: "Open on this device" })
      .getAttribute("href");
    const wallet = await openPage(browser, PHONE);
    await wallet.page.goto(link);
    return { shopper, wallet };
  }

  test("the outcome of a payment can be chosen without a magic amount", async () => {
    for (const [button, reason] of [
      ["Not enough money", "There is not enough money in the wallet."],
      ["Above the limit", "It is above the wallet’s limit."],
    ]) {
      const { shopper, wallet } = await waiting();
      await wallet.page.getByText("Simulate another outcome").click();
      await wallet.page.getByRole("button", { name: button }).click();
      await wallet.page.locator(".result.declined").waitFor();
      assert.deepEqual(await accessibilityFaults(wallet.page), []);
      await shopper.at("declined");
      await shopper.checkout.locator(".notice").getByText(reason).waitFor();
      wallet.quiet();
      await wallet.close();
      await shopper.close();
    }
  });

  test("it shows the shopper's name, the source of the money, and the currency's sign", async () => {
    const { shopper, wallet } = await waiting();
    await wallet.page.getByText("CN¥128.00", { exact: true }).waitFor();
    await wallet.page.getByText("Lin Xiaoyu").waitFor();
    await wallet.page.getByText("Balance", { exact: true }).waitFor();
    assert.deepEqual(await accessibilityFaults(wallet.page), []);
    await wallet.close();
    await shopper.close();
  });
});

describe("the shop", () => {
  test("the order is described in the page's language, and yen are not called ¥ in Chinese", async () => {
    const { page, checkout, at, quiet, close } = await openPage(browser, { locale: "zh-CN" });
    await page.goto(gateway.shop);
    await page.getByText("2,800日元").waitFor();
    assert.equal(await page.title(), "乐在小店");
    await page.click('[data-product="jasmine-tea"]');
    await at("ready");
    assert.equal(await checkout.locator(".description").textContent(), "茉莉花茶 100 克");
    quiet();
    await close();
  });

  test("an order that was begun in one tab is paid in another", async () => {
    const { page, context, at } = await openPage(browser);
    await page.goto(gateway.shop);
    await page.click('[data-product="gaiwan"]');
    await at("ready");
    const number = new URL(page.url()).searchParams.get("order");
    await page.close();
    const other = await context.newPage();
    await other.goto(`${gateway.shop}/orders.html`);
    await other.locator(`[data-order="${number}"]`).click();
    await other.waitForFunction(() => {
      const checkout = /** @type {any} */ (document.querySelector("lezai-checkout"));
      return checkout?.state === "ready";
    });
    await context.close();
  });

  test("on a small phone the buy buttons are aligned", async () => {
    const { page, close } = await openPage(browser, PHONE);
    await page.goto(gateway.shop);
    await page.locator(".product").nth(3).waitFor();
    const boxes = await Promise.all(
      [0, 1, 2, 3].map((n) => page.locator(".product .button").nth(n).boundingBox()),
    );
    for (const [left, right] of [boxes.slice(0, 2), boxes.slice(2)]) {
      assert.equal(left.y, right.y);
      assert.equal(left.width, right.width);
    }
    await close();
  });
});
