/**
 * The first letter of a name as people see it: a flag, a family or an accented letter can be several
 * characters, and a part of them is another sign. Not all promised browsers have `Intl.Segmenter`;
 * tests/browser/monogram.test.mjs compares this with it.
 */
export function monogram(name: string): string {
  const characters = Array.from(name);
  let end = Math.min(1, characters.length);
  while (end < characters.length && belongs(characters, end)) end++;
  return characters.slice(0, end).join("");
}

const JOINER = 0x200d;

/** Whether a character is a part of the letter before it. */
function belongs(characters: string[], index: number): boolean {
  const at = (index: number): number => characters[index]?.codePointAt(0) ?? 0;
  const [before, here] = [at(index - 1), at(index)];
  return (
    here === JOINER ||
    before === JOINER ||
    // Accents, keycaps, variations, colours of skin, and a flag's letters.
    within(here, 0x300, 0x36f) ||
    within(here, 0x20d0, 0x20ff) ||
    within(here, 0xfe00, 0xfe0f) ||
    within(here, 0x1f3fb, 0x1f3ff) ||
    within(here, 0xe0020, 0xe007f) ||
    (index === 1 && isOfFlag(before) && isOfFlag(here))
  );
}

/** Two of these are a country's flag. */
function isOfFlag(code: number): boolean {
  return within(code, 0x1f1e6, 0x1f1ff);
}

function within(code: number, from: number, to: number): boolean {
  return code >= from && code <= to;
}
