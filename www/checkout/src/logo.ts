/**
 * The merchant's logo. It is fetched and drawn, not loaded as an image: so the page around the element needs no
 * `img-src` for the gateway, and what is drawn is what the signed session names.
 */
import type { Logo } from "../../core/src/session.ts";

/** The picture; nothing where it cannot be had, since the merchant's name says the same. */
export async function loadLogo(
  { path, integrity }: Logo,
  gateway: string,
  signal: AbortSignal,
): Promise<ImageBitmap | undefined> {
  try {
    const url = new URL(path, gateway);
    if (url.origin !== gateway) return undefined;
    const response = await fetch(url, {
      integrity,
      signal,
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
    return response.ok ? await createImageBitmap(await response.blob()) : undefined;
  } catch {
    return undefined;
  }
}

const drawn = new WeakSet<HTMLCanvasElement>();

/** Draws the picture where the view has left a place for it; once, for a canvas keeps what is on it. */
export function drawLogo(root: ShadowRoot, picture: ImageBitmap | undefined): void {
  const canvas = root.querySelector<HTMLCanvasElement>("canvas");
  if (!canvas || !picture || drawn.has(canvas)) return;
  canvas.getContext("2d")?.drawImage(picture, 0, 0);
  drawn.add(canvas);
}
