/**
 * The merchant's logo. It is fetched and drawn, not loaded as an image. So the page around the element needs no
 * `img-src` for the gateway, and the drawn bytes are those that the signed session names.
 */
import type { Logo } from "../../core/src/session.ts";

/** The picture, or nothing if it cannot be loaded: the merchant's name is shown anyway. */
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

/** Draws the picture into the view's canvas, once, because a canvas keeps its content. */
export function drawLogo(root: ShadowRoot, picture: ImageBitmap | undefined): void {
  const canvas = root.querySelector<HTMLCanvasElement>("canvas");
  if (!canvas || !picture || drawn.has(canvas)) return;
  canvas.getContext("2d")?.drawImage(picture, 0, 0);
  drawn.add(canvas);
}
