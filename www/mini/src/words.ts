/** The texts of the web checkout, as the build copies them, and the platforms' own names. */
import { WORDS } from "lezai:words";

export type Words = (typeof WORDS)[number];

let known = WORDS;

/** Adds languages: the exports of the package's `languages/<tag>.js`. */
export function learn(languages: Words[]): void {
  known = [...languages, ...WORDS];
}

/** The texts for a BCP 47 tag: of the language itself, else of its base, else English. */
export function wordsFor(tag: string): Words {
  const lower = tag.toLowerCase();
  // Hong Kong and Macao use Taiwan's script, if it is there.
  const wanted = /^zh-(hk|mo|tw|hant)/.test(lower) ? ["zh-tw", "zh-cn"] : [lower, lower.split("-")[0] ?? ""];
  for (const want of wanted) {
    const found = known.find(
      ({ lang }) => lang.toLowerCase() === want || lang.toLowerCase().split("-")[0] === want,
    );
    if (found) return found;
  }
  return (known.find(({ lang }) => lang === "en") ?? known[0]) as Words;
}

export function fill(text: string, values: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
}
