/** Lighthouse in a browser of its own, as it wants one. */
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";
import { ARGUMENTS, executablePath } from "../../tests/browser/support/browser.mjs";

export async function lighthouseOf(url) {
  const browser = await launch({ chromePath: executablePath(), chromeFlags: ARGUMENTS, logLevel: "silent" });
  try {
    const options = {
      port: browser.port,
      logLevel: "silent",
      onlyCategories: ["performance", "accessibility"],
    };
    const { lhr } = await lighthouse(url, options);
    const { audits, categories } = lhr;
    return {
      performance: String(Math.round(categories.performance.score * 100)),
      accessibility: String(Math.round(categories.accessibility.score * 100)),
      "largest contentful paint": audits["largest-contentful-paint"].displayValue,
      "total blocking time": audits["total-blocking-time"].displayValue,
      "cumulative layout shift": audits["cumulative-layout-shift"].displayValue,
    };
  } finally {
    browser.kill();
  }
}
